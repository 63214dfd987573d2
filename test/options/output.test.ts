/** What does not depend on a backend: kept output, lines, and messages for bad options. */
import { open } from 'node:fs/promises'
import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { batch, type RunOptions, run, runSync } from '../../dist/index.js'
import { type Keep, Kept } from '../../dist/process/kept.js'
import { LineSplitter, MAX_LINE } from '../../dist/process/lines.js'
import { rejection } from '../support.js'

/** Numbers from 0 to below `most`, the same ones each time. */
function* numbers(most: number): Generator<number, never> {
  for (let seed = 1; ; ) {
    seed = (seed * 48271) % 0x7fffffff
    yield seed % most
  }
}

test.each<[Keep, number]>([
  ['head', 0],
  ['head', 1],
  ['head', 100_000],
  ['tail', 0],
  ['tail', 1],
  ['tail', 16_384],
  ['tail', 100_000],
  ['both', 0],
  ['both', 1],
  ['both', 99_999],
  ['both', 300_000],
  ['tail', Number.POSITIVE_INFINITY],
  ['both', Number.POSITIVE_INFINITY],
])('%s keeps %s bytes of chunks of any size', (keep, max) => {
  for (const sizes of [numbers(3), numbers(5000), numbers(70_000)]) {
    const kept = new Kept(keep, max)
    const chunks: Buffer[] = []
    for (let at = 0, length = 0; at < 4000 && length < 250_000; at++) {
      const chunk = Buffer.alloc(sizes.next().value, `${at} `)
      length += chunk.length
      chunks.push(chunk)
      kept.add(Buffer.from(chunk))
    }
    const all = Buffer.concat(chunks)
    const half = Math.floor(max / 2)
    const expected =
      all.length <= max
        ? all
        : keep === 'head'
          ? all.subarray(0, max)
          : keep === 'tail'
            ? all.subarray(all.length - max)
            : Buffer.concat([all.subarray(0, max - half), all.subarray(all.length - half)])
    expect(kept.all().equals(expected)).toBe(true)
    expect(kept.truncated).toBe(all.length > max)
  }
})

test('lines, however they are cut into chunks', () => {
  const text = 'a\n\nä€😀\r\n \nno end'
  const bytes = Buffer.from(text)
  for (let size = 1; size <= bytes.length; size++) {
    const splitter = new LineSplitter('utf8')
    const lines: string[] = []
    for (let at = 0; at < bytes.length; at += size) {
      lines.push(...splitter.add(bytes.subarray(at, at + size)))
    }
    lines.push(...splitter.end())
    expect(lines).toEqual(text.split('\n'))
  }
  expect(new LineSplitter('utf8').end()).toEqual([])
  expect(new LineSplitter('latin1').add(Buffer.from([0xe4, 10]))).toEqual(['ä'])
})

test('a line without an end comes in pieces, none of which cuts a character', () => {
  const splitter = new LineSplitter('utf8')
  const text = `x${'€'.repeat(1_000_000)}`
  const bytes = Buffer.from(text)
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 60_000) {
    lines.push(...splitter.add(bytes.subarray(at, at + 60_000)))
  }
  lines.push(...splitter.end())
  expect(lines.length).toBe(3)
  expect(lines.join('')).toBe(text)
  for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(MAX_LINE)
})

test('maxBuffer of each output', async () => {
  const script = ['-c', 'echo 12345; echo 67890 >&2']
  const stdout = await run('sh', script, { maxBuffer: { stdout: 2 } })
  expect(stdout).toMatchObject({ stdout: '12', stderr: '67890\n', truncated: true })
  const both = await run('sh', script, { maxBuffer: { stdout: 2, stderr: 3 } })
  expect(both).toMatchObject({ stdout: '12', stderr: '678', truncated: true })
  const all = await run('sh', script, { maxBuffer: { all: 7 }, all: true })
  expect(all).toMatchObject({ all: '12345\n6', truncated: true })
})

test('the messages for bad options', async () => {
  const message = async (options: object) =>
    ((await rejection(run('true', [], options as RunOptions))) as Error | undefined)?.message
  expect(await message({ keep: 'middle' })).toBe(
    'keep must be one of "head", "tail", "both", not "middle"',
  )
  expect(await message({ all: 1 })).toBe('all must be a boolean, not number')
  for (const name of ['onStdout', 'onStderr', 'onLine']) {
    expect(await message({ [name]: 'x' })).toBe(`${name} must be a function`)
  }
  expect(await message({ maxBuffer: { out: 1 } })).toContain("maxBuffer: an output's name must be")
  expect(await message({ maxBuffer: { stdout: -1 } })).toContain('maxBuffer.stdout must be')
  expect(await message({ maxBuffer: { all: 1 } })).toBe('maxBuffer.all is for the option all: true')
  expect(await message({ maxBuffer: 'x' })).toContain('maxBuffer must be')
  const f = () => {}
  expect(await message({ all: true, onStdout: f })).toContain('use onLine instead of onStdout')
  expect(await message({ all: true, stdio: ['ignore', 'pipe', 'inherit'] })).toBe(
    "all needs stdio[2] to be 'pipe': leave that out, or all",
  )
  expect(await message({ onStdout: f, stdio: ['ignore', 'ignore'] })).toBe(
    "onStdout needs stdio[1] to be 'pipe': leave that out, or onStdout",
  )
  expect(await message({ onStderr: f, stdio: ['ignore', 'pipe', 2] })).toContain('stdio[2]')
  expect(await message({ onLine: f, stdio: 'ignore' })).toContain('onLine needs stdio[1]')
  expect(await message({ onLine: f, stdio: ['ignore', 'ignore', 'pipe'] })).toBeUndefined()
})

test('the messages for bad pipes', async () => {
  const message = async (options: object) =>
    ((await rejection(run('true', [], options as RunOptions))) as Error | undefined)?.message
  const three = (entry: unknown) => ({ stdio: ['ignore', 'ignore', 'ignore', entry] })
  expect(await message(three({ pipe: 'up' }))).toContain('stdio[3].pipe must be one of "in", "out"')
  expect(await message(three({ pipe: undefined }))).toContain('stdio[3].pipe must be')
  expect(await message({ input: 'x', stdio: [{ pipe: 'both' }] })).toContain('input needs stdio[0]')
  expect(await message({ input: 'x', stdio: [{ pipe: 'out' }] })).toContain('input needs stdio[0]')
  const onStdout = () => {}
  expect(await message({ onStdout, stdio: ['ignore', { pipe: 'both' }] })).toContain(
    'onStdout needs stdio[1]',
  )
})

test('the messages for bad terminals', async () => {
  const message = async (options: object) =>
    ((await rejection(run('true', [], options as RunOptions))) as Error | undefined)?.message
  expect(await message({ stdio: 'tty' })).toContain('"inherit", "pty", not "tty"')
  expect(await message({ stdio: {} })).toContain('stdio.pty must be an object')
  expect(await message({ stdio: { pty: {} } })).toContain('stdio.pty.columns must be')
  expect(await message({ stdio: { pty: { columns: 0, rows: 1 } } })).toContain('stdio.pty.columns')
  expect(await message({ stdio: { pty: { columns: 1, rows: 65536 } } })).toContain('stdio.pty.rows')
  expect(await message({ stdio: 'pty', input: { path: '/' } })).toContain('input needs stdio[0]')
  expect(await message({ stdio: 'pty', all: true })).toContain('all needs stdio[2]')
  expect(await message({ stdio: 'pty', onStderr: () => {} })).toContain('onStderr needs stdio[2]')
  const silent = run('true')
  expect(() => silent.resize(80, 24)).toThrow("there is no terminal to resize: use stdio: 'pty'")
  const running = run('true', [], { stdio: 'pty' })
  expect(() => running.resize(0, 24)).toThrow('columns must be')
  expect(() => running.resize(80, 1.5)).toThrow('rows must be')
  await Promise.all([silent, running])
})

test('the messages for bad inputs', async () => {
  const message = async (input: unknown, options = {}) =>
    ((await rejection(run('true', [], { input, ...options } as RunOptions))) as Error | undefined)
      ?.message
  for (const input of [1, false, {}, Symbol('x'), null, { path: undefined }]) {
    expect(await message(input)).toContain('input must be a string, bytes, a stream, an iterable')
  }
  expect(await message({ path: 1 })).toBe('input.path must be a string, not number')
  expect(await message({ path: 'a\0' })).toContain('input.path has a NUL byte')
  expect(await message(new URL('http://x/'))).toContain('must be of scheme file')
  const flows = Readable.from(['x'])
  flows.resume()
  expect(await message(flows)).toContain('input is a stream that flows already')
  const socket = new Socket()
  Object.assign(socket, { fd: 0 })
  socket.resume()
  expect(await message(undefined, { stdio: [socket] })).toContain(
    'stdio[0] is a stream that flows already, so the child would miss what has been read',
  )
  expect(await message(undefined, { stdio: ['ignore', 'ignore', 'ignore', socket] })).toContain(
    'stdio[3] is a stream that flows already',
  )
  socket.destroy()
  const over = Readable.from([])
  over.destroy()
  expect(await message(over)).toContain('input is a stream that has ended')
  const web = new Response('x').body as ReadableStream
  web.getReader()
  expect(await message(web)).toContain('input is a stream that has a reader already')
  const handle = await open('/dev/null')
  await handle.close()
  expect(await message(handle)).toBe('input is a FileHandle that has been closed')
  for (const input of [Readable.from(['x']), ['x'], { path: '/' }, true]) {
    expect(await message(input, { stdio: 'ignore' })).toContain("input needs stdio[0] to be 'pipe'")
  }
  const [once] = await batch([{ file: 'true', input: Readable.from([]) }], {
    retries: 1,
  }).all()
  expect(once?.error?.message).toContain('an input that can be read only once excludes retries')
  const [again] = await batch([{ file: 'cat', input: ['x'] }], { retries: 1 }).all()
  expect(again?.result?.stdout).toBe('x')
})

test('the handle of a call that is refused', async () => {
  const refused = run('', [])
  expect(refused.pid).toBeUndefined()
  expect(refused.kill()).toBe(false)
  const code = 'ERR_INVALID_ARG_VALUE'
  expect(await rejection(refused.lines().next())).toMatchObject({ code })
  expect(await rejection(refused)).toMatchObject({ code })
  const silent = run('true', [], { stdio: 'ignore' })
  expect(() => silent.lines()).toThrow("lines of stdout need stdio[1] to be 'pipe'")
  expect(() => silent.lines('all')).toThrow('from must be one of "stdout", "stderr", not "all"')
  expect(() => run('true', [], { all: true }).lines('stderr')).toThrow('from must be one of "all"')
  expect(() => silent.kill('SIGNO' as NodeJS.Signals)).toThrow('signal')
  await silent
})

test('a program that has not been launched yet can be ended', async () => {
  const running = Array.from({ length: 40 }, () => run('sleep', ['1000']))
  const errors = running.map((one) => {
    one.kill('SIGKILL')
    return rejection(one)
  })
  for (const error of await Promise.all(errors)) {
    if (error) expect(error).toMatchObject({ code: 'ECANCELED' })
  }
})

test('the commands of a batch have callbacks of their own', async () => {
  const lines: string[] = []
  const commands = ['a', 'b'].map((word) => ({
    file: 'echo',
    args: [word],
    onLine: (line: string) => void lines.push(`${word} ${line}`),
  }))
  await batch(commands).all()
  expect(lines.sort()).toEqual(['a a', 'b b'])
})

test('the halves of two characters make none together', async () => {
  const text = 'ä€😀'.repeat(3)
  const bytes = Buffer.from(text)
  for (let max = 0; max <= bytes.length; max++) {
    const options = { keep: 'both', maxBuffer: max } as const
    const { stdout } = await run('printf', [text], options)
    const tail = Math.floor(max / 2)
    const cut = max < bytes.length
    const head = bytes.toString('utf8', 0, cut ? max - tail : max)
    expect(stdout).toBe(cut ? head + bytes.toString('utf8', bytes.length - tail) : text)
    expect(runSync('printf', [text], options).stdout).toBe(stdout)
    const base64 = await run('printf', [text], { ...options, encoding: 'base64' })
    const kept = await run('printf', [text], { ...options, encoding: 'buffer' })
    expect(base64.stdout).toBe(kept.stdout.toString('base64'))
    expect(kept.stdout.length).toBe(max)
  }
})

test('an input whose iterator breaks the rules', async () => {
  for (const next of [undefined, null, 1, 'x']) {
    const input = { [Symbol.asyncIterator]: () => ({ next: async () => next }) }
    const error = await rejection(run('cat', [], { input } as unknown as RunOptions))
    expect(error).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: `input: next() of the iterator must return an object, not ${next}`,
    })
  }
})

test('a function that never returns does not outlast a timeout or an abort', async () => {
  const never = () => new Promise(() => {})
  for (const options of [{ onStdout: never }, { onLine: never, all: true }]) {
    const grace = { ...options, killGrace: 50, maxBuffer: 10 }
    const late = await run('yes', [], { ...grace, timeout: 100 })
    expect(late).toMatchObject({ timedOut: true, truncated: true })
    const signal = AbortSignal.timeout(100)
    expect(await rejection(run('yes', [], { ...grace, signal }))).toMatchObject({
      name: 'AbortError',
    })
  }
  // One that takes its time is waited for.
  const controller = new AbortController()
  let calls = 0
  const onStdout = async () => {
    controller.abort()
    await new Promise((resolve) => setTimeout(resolve, 100))
    calls++
  }
  const options = { onStdout, signal: controller.signal, killGrace: 60_000 }
  const error = await rejection(run('sh', ['-c', 'echo x; exec sleep 600'], options))
  expect([error?.name, calls]).toEqual(['AbortError', 1])
})
