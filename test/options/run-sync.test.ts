/** What runSync() refuses, and what does not depend on a backend. */
import { open } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { PassThrough, Readable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { type RunSyncOptions, runSync } from '../../dist/index.js'
import { openFds } from '../support.js'

/** The code and the message of what is thrown for these options. */
function refusal(options: object): [string | undefined, string] {
  try {
    runSync('true', [], options as RunSyncOptions)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return [code, message]
  }
  return [undefined, 'nothing is thrown']
}

test('what cannot be while it blocks, and what to use instead', () => {
  const { signal } = new AbortController()
  const invalid = 'ERR_INVALID_ARG_VALUE'
  expect(refusal({ signal })).toEqual([
    invalid,
    'signal is not for runSync(): nothing can abort it while it blocks; use timeout, or run()',
  ])
  for (const name of ['onStdout', 'onStderr', 'onLine']) {
    expect(refusal({ [name]: () => {} })).toEqual([
      invalid,
      `${name} is not for runSync(): no function is called while it blocks; read the result, or use run()`,
    ])
    expect(refusal({ [name]: undefined })[0]).toBeUndefined()
  }
  for (const stdio of ['pty', { pty: { columns: 80, rows: 24 } }]) {
    expect(refusal({ stdio })).toEqual([
      invalid,
      "stdio: 'pty' is not for runSync(): nobody is at the terminal while it blocks; use run() or spawn()",
    ])
  }
  for (const [index, pipe] of [
    [0, 'both'],
    [1, 'in'],
    [3, 'in'],
    [4, 'both'],
  ] as const) {
    const stdio = Array.from({ length: index + 1 }, (_, at) => (at === index ? { pipe } : 'ignore'))
    expect(refusal({ stdio })).toEqual([
      invalid,
      `stdio[${index}]: runSync() has nobody to write to this pipe while it blocks; use input, or a file, or run() or spawn()`,
    ])
  }
  const inputs = [
    true,
    new PassThrough(),
    Readable.from(['a']),
    new Blob(['a']).stream(),
    new Blob(['a']),
    ['a'],
    (function* () {})(),
  ]
  for (const input of inputs) {
    expect(refusal({ input })).toEqual([
      'ERR_INVALID_ARG_TYPE',
      'input of runSync() must be a string, bytes, { path }, a file URL or a FileHandle: a stream, ' +
        'an iterable or a Blob cannot be read while it blocks; use run()',
    ])
  }
})

test('the messages of run() for everything else', () => {
  expect(refusal({ timeOut: 1 })).toEqual([
    'ERR_UNKNOWN_OPTION',
    'unknown option "timeOut" of runSync(); the nearest known one is "timeout"',
  ])
  expect(refusal({ concurrency: 1 })[1]).toBe(
    'unknown option "concurrency" of runSync(): it is an option of batch()',
  )
  expect(refusal({ keep: 'middle' })[1]).toContain('keep must be one of')
  expect(refusal({ input: 'x', stdio: 'ignore' })[1]).toContain("input needs stdio[0] to be 'pipe'")
  expect(refusal({ settle: 'exit', drainGrace: 1 })[1]).toContain(
    "drainGrace needs settle: 'close'",
  )
  expect(refusal({ cwd: 'a\0b' })[1]).toContain('cwd has a NUL byte')
  expect(() => runSync('')).toThrow('file must not be empty')
  expect(() => runSync('true', ['\0'])).toThrow('args[0] has a NUL byte')
})

test('encodings, and bytes that are not text', () => {
  const bytes = ['-c', 'printf "\\377\\000\\303\\244"']
  expect([...runSync('sh', bytes, { encoding: 'buffer' }).stdout]).toEqual([255, 0, 0xc3, 0xa4])
  expect(runSync('sh', bytes, { encoding: 'hex' }).stdout).toBe('ff00c3a4')
  expect(runSync('sh', bytes).stdout).toBe('\ufffd\0ä')
  // A character that is cut does not hide the bytes beside it.
  expect(runSync('printf', ['aä'], { maxBuffer: 2 }).stdout).toBe('a\ufffd')
})

test('a FileHandle as input, and a shell', async () => {
  const handle = await open('/proc/self/status')
  try {
    expect(runSync('head', ['-n1'], { input: handle }).stdout).toMatch(/^Name:/)
  } finally {
    await handle.close()
  }
  expect(runSync('echo $((1 + 1))', [], { shell: true }).stdout).toBe('2\n')
})

test('it fails without leaving anything', () => {
  const before = openFds()
  for (let at = 0; at < 20; at++) {
    expect(() => runSync('/no/such', [], { input: 'x' })).toThrow('ENOENT')
    refusal({ stdio: ['pipe', 'pipe', 'pipe', 9999] })
  }
  expect(openFds()).toBe(before)
})

test('the CommonJS build, and a worker, have it', async () => {
  const require = createRequire(import.meta.url)
  expect(require('../../cjs/index.js').runSync('echo', ['x']).stdout).toBe('x\n')
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
     const { runSync } = require('${require.resolve('../../cjs/index.js')}')
     parentPort.postMessage(runSync('echo', ['from a worker']).stdout)`,
    { eval: true },
  )
  expect(await new Promise((resolve) => worker.once('message', resolve))).toBe('from a worker\n')
})
