/** Bad input is refused with a clear error before anything is created. */
import { PassThrough } from 'node:stream'
import { runInNewContext } from 'node:vm'
import { beforeAll, expect, test } from 'vitest'
import { compile } from '../../dist/chain/index.js'
import { batch, run, spawn, template } from '../../dist/index.js'
import { inNode, nothingLeft, openFds, rejection } from '../support.js'

type Resizable = ArrayBuffer & { resize(size: number): void }
/** A buffer that can be resized, which TypeScript's library for our target lacks. */
const resizable = (size: number): Resizable =>
  new (ArrayBuffer as unknown as new (size: number, options: object) => Resizable)(size, {
    maxByteLength: 2 * size,
  })

const bad: [string, () => Promise<unknown>, string, string][] = [
  ['an empty file', () => spawn(''), 'ERR_INVALID_ARG_VALUE', 'file must not be empty'],
  [
    'a NUL in file',
    () => spawn('a\0b'),
    'ERR_INVALID_ARG_VALUE',
    'file has a NUL byte at index 1: "a\\u0000b"',
  ],
  [
    'a NUL in an argument',
    () => spawn('a', ['b', '\0']),
    'ERR_INVALID_ARG_VALUE',
    'args[1] has a NUL byte',
  ],
  [
    'an argument that is not a string',
    () => spawn('a', [1 as unknown as string]),
    'ERR_INVALID_ARG_TYPE',
    'args[0] must be a string, not number',
  ],
  [
    'a variable that is not a string',
    () => spawn('a', [], { env: { A: 1 as unknown as string } }),
    'ERR_INVALID_ARG_TYPE',
    'env.A must be a string, not number',
  ],
  [
    'a misspelt option',
    () => run('a', [], { timeOut: 1 } as object),
    'ERR_UNKNOWN_OPTION',
    'unknown option "timeOut" of run(); the nearest known one is "timeout"',
  ],
  [
    'an option of other calls',
    () => spawn('a', [], { maxBuffer: 1 } as object),
    'ERR_UNKNOWN_OPTION',
    'unknown option "maxBuffer" of spawn(): it is an option of run() and batch()',
  ],
  [
    'an option of batch() only',
    () => run('a', [], { concurrency: 1 } as object),
    'ERR_UNKNOWN_OPTION',
    'unknown option "concurrency" of run(): it is an option of batch()',
  ],
  [
    'an option of template() only',
    () => batch([], { onStale: 'error' } as object).all(),
    'ERR_UNKNOWN_OPTION',
    'unknown option "onStale" of batch(): it is an option of template()',
  ],
  [
    'no signal to kill with',
    () => run('a', [], { killSignal: 0 }),
    'ERR_OUT_OF_RANGE',
    'killSignal must be a signal that can end a child: 0 sends none',
  ],
  [
    'an unknown signal',
    () => spawn('a', [], { killSignal: 'SIGNO' as NodeJS.Signals }),
    'ERR_INVALID_ARG_VALUE',
    'killSignal must be a known signal: "SIGNO"',
  ],
  [
    'a limit out of range',
    () => spawn('a', [], { nice: 20 }),
    'ERR_OUT_OF_RANGE',
    'nice must be an integer from -20 to 19, not 20',
  ],
  [
    'an unknown limit',
    () => spawn('a', [], { rlimits: { files: 1 } as object }),
    'ERR_INVALID_ARG_VALUE',
    'rlimits: a limit\'s name must be one of "cpu"',
  ],
  [
    'a bad descriptor',
    () => spawn('a', [], { stdio: [-1] }),
    'ERR_OUT_OF_RANGE',
    'stdio[0] must be an integer from 0',
  ],
  [
    'an unknown backend',
    () => spawn('a', [], { backend: 'magic' as 'vfork' }),
    'ERR_INVALID_ARG_VALUE',
    'backend must be one of "auto"',
  ],
  [
    'no file',
    () => spawn(undefined as unknown as string),
    'ERR_INVALID_ARG_TYPE',
    'file must be a string, not undefined',
  ],
  [
    'args that are not an array',
    () => spawn('a', 'b' as unknown as string[]),
    'ERR_INVALID_ARG_TYPE',
    'args must be an array, not string',
  ],
  [
    'a NUL in a variable',
    () => run('a', [], { env: { A: '\0' } }),
    'ERR_INVALID_ARG_VALUE',
    'env.A has a NUL byte at index 0',
  ],
  [
    "a variable's name with =",
    () => run('a', [], { env: { 'A=': 'b' } }),
    'ERR_INVALID_ARG_VALUE',
    'env: "A=" cannot be a name',
  ],
  [
    'a NUL in cwd',
    () => run('a', [], { cwd: '/\0' }),
    'ERR_INVALID_ARG_VALUE',
    'cwd has a NUL byte at index 1',
  ],
  [
    'a cwd of another kind of URL',
    () => run('a', [], { cwd: new URL('http://a/') }),
    'ERR_INVALID_URL_SCHEME',
    'file',
  ],
  [
    'a NUL in argv0',
    () => run('a', [], { argv0: '\0' }),
    'ERR_INVALID_ARG_VALUE',
    'argv0 has a NUL byte',
  ],
  [
    'a NUL in a file of stdio',
    () => spawn('a', [], { stdio: [{ path: '\0' }] }),
    'ERR_INVALID_ARG_VALUE',
    'stdio[0].path has a NUL byte',
  ],
  [
    'flags that do not exist',
    () => spawn('a', [], { stdio: [{ path: 'a', flags: 'q' }] }),
    'ERR_INVALID_ARG_VALUE',
    'stdio[0].flags must be O_* flags or one of r, r+',
  ],
  [
    'a mode out of range',
    () => spawn('a', [], { stdio: [{ path: 'a', mode: 0o10000 }] }),
    'ERR_OUT_OF_RANGE',
    'stdio[0].mode must be an integer from 0 to 4095',
  ],
  [
    'an unknown word in stdio',
    () => spawn('a', [], { stdio: ['pip' as 'pipe'] }),
    'ERR_INVALID_ARG_VALUE',
    "stdio[0] must be 'pipe', 'ignore', 'inherit'",
  ],
  [
    'a number of a signal',
    () => run('a', [], { killSignal: 65 }),
    'ERR_OUT_OF_RANGE',
    'killSignal must be an integer from 0 to 64, not 65',
  ],
  [
    'a timeout out of range',
    () => run('a', [], { timeout: 2 ** 31 }),
    'ERR_OUT_OF_RANGE',
    'timeout must be an integer from 0 to 2147483647',
  ],
  [
    'a grace that is not a number',
    () => run('a', [], { killGrace: '1' as unknown as number }),
    'ERR_INVALID_ARG_TYPE',
    'killGrace must be a number, not string',
  ],
  [
    'a signal that is not an AbortSignal',
    () => run('a', [], { signal: {} as AbortSignal }),
    'ERR_INVALID_ARG_TYPE',
    'signal must be an AbortSignal',
  ],
  [
    'a uid out of range',
    () => run('a', [], { uid: -1 }),
    'ERR_OUT_OF_RANGE',
    'uid must be an integer from 0 to 4294967294, not -1',
  ],
  [
    'a group out of range',
    () => run('a', [], { groups: [1, 2.5] }),
    'ERR_OUT_OF_RANGE',
    'groups[1] must be an integer',
  ],
  [
    'a umask out of range',
    () => run('a', [], { umask: 0o1000 }),
    'ERR_OUT_OF_RANGE',
    'umask must be an integer from 0 to 511',
  ],
  [
    'soft above hard',
    () => run('a', [], { rlimits: { core: { soft: 2, hard: 1 } } }),
    'ERR_OUT_OF_RANGE',
    'rlimits.core: soft 2 is above hard 1',
  ],
  [
    'a negative limit',
    () => run('a', [], { rlimits: { core: -1 } }),
    'ERR_OUT_OF_RANGE',
    'rlimits.core must be an integer from 0',
  ],
  [
    'an input that is neither text nor bytes',
    () => run('a', [], { input: 1 as unknown as string }),
    'ERR_INVALID_ARG_TYPE',
    'input must be a string, bytes, a stream, an iterable',
  ],
  ...(
    [
      ['an ArrayBuffer', (buffer) => buffer],
      ['a Buffer', (buffer) => Buffer.from(buffer)],
      ['a Uint16Array', (buffer) => new Uint16Array(buffer)],
      ['a part of it', (buffer) => new Uint8Array(buffer, 2, 2)],
      ['an empty view', (buffer) => new Uint8Array(buffer, 2, 0)],
      ['a DataView', (buffer) => new DataView(buffer)],
      [
        'an array of another realm',
        (buffer) => runInNewContext('new Uint8Array(b)', { b: buffer }),
      ],
    ] as [string, (buffer: ArrayBuffer) => ArrayBuffer | NodeJS.ArrayBufferView][]
  ).flatMap(([name, make]): typeof bad => [
    [
      `an input whose buffer has been transferred: ${name}`,
      () => {
        const buffer = new ArrayBuffer(8)
        const input = make(buffer)
        structuredClone(buffer, { transfer: [buffer] })
        return run('cat', [], { input })
      },
      'ERR_INVALID_ARG_VALUE',
      'input has lost its bytes',
    ],
  ]),
  [
    'an input that its buffer no longer holds',
    () => {
      const buffer = resizable(8)
      const input = new Uint8Array(buffer, 4, 4)
      buffer.resize(2)
      return run('cat', [], { input })
    },
    'ERR_INVALID_ARG_VALUE',
    'input has lost its bytes',
  ],
  [
    'a DataView that its buffer no longer holds',
    () => {
      const buffer = resizable(8)
      const input = new DataView(buffer, 4)
      buffer.resize(2)
      return batch([{ file: 'cat', input }])
        .all()
        .then(([one]) => Promise.reject(one?.error))
    },
    'ERR_INVALID_ARG_VALUE',
    'input has lost its bytes',
  ],
  [
    'an unknown encoding',
    () => run('a', [], { encoding: 'utf9' as 'utf8' }),
    'ERR_INVALID_ARG_VALUE',
    'encoding must be a known encoding: "utf9"',
  ],
  [
    'a maxBuffer out of range',
    () => run('a', [], { maxBuffer: -1 }),
    'ERR_OUT_OF_RANGE',
    'maxBuffer must be an integer from 0',
  ],
  [
    'an unknown overflow',
    () => run('a', [], { overflow: 'drop' as 'kill' }),
    'ERR_INVALID_ARG_VALUE',
    'overflow must be one of "truncate", "kill"',
  ],
  [
    'an unknown target',
    () => spawn('a', [], { killTarget: 'tree' as 'group' }),
    'ERR_INVALID_ARG_VALUE',
    'killTarget must be one of "child", "group", not "tree"',
  ],
  [
    "another's group as a target",
    () => spawn('a', [], { killTarget: 'group', processGroup: 7 }),
    'ERR_INVALID_ARG_VALUE',
    "killTarget: 'group' needs a group of the child's own, and processGroup 7 is another's",
  ],
  [
    'a grace that is true',
    () => run('a', [], { killGrace: true as false }),
    'ERR_INVALID_ARG_TYPE',
    'killGrace must be a number, not boolean',
  ],
  [
    'an unknown fate',
    () => spawn('a', [], { onParentExit: true as never }),
    'ERR_INVALID_ARG_VALUE',
    'onParentExit must be one of "kill", "leave", not true',
  ],
  [
    'a command without words',
    () =>
      batch([[]])
        .all()
        .then(([one]) => Promise.reject(one?.error)),
    'ERR_INVALID_ARG_VALUE',
    'a command of a batch must name a program',
  ],
  [
    'a chain with a cgroup of its own',
    async () => compile({ file: 'a', cgroup: 'new' }),
    'ERR_INVALID_ARG_VALUE',
    "cgroup: 'new' is for spawn(), run() and batch(): give a chain the path of a cgroup",
  ],
  ...(
    [
      ['a session', { detached: true }],
      ['a terminal', { stdio: 'pty' }],
      ['a session to be ended as a group', { detached: true, killTarget: 'group' }],
    ] as const
  ).map(([name, options]): (typeof bad)[number] => [
    `a group for ${name}`,
    () => run('a', [], { ...options, processGroup: 0 }),
    'ERR_INVALID_ARG_VALUE',
    'processGroup is not for a child with a session of its own',
  ]),
  [
    'an input for all commands of a batch',
    () => batch([['cat']], { input: 'x' } as object).all(),
    'ERR_INVALID_ARG_VALUE',
    'input is not for a whole batch: give each command its own',
  ],
  [
    'an encoding of one command of a batch',
    () =>
      batch([{ file: 'a', encoding: 'hex' } as { file: string }])
        .all()
        .then(([one]) => Promise.reject(one?.error)),
    'ERR_INVALID_ARG_VALUE',
    'encoding is not for a command: all of a batch have one encoding',
  ],
  [
    'lines of an encoding that has LF within characters',
    () => run('a', [], { encoding: 'utf16le', onLine: () => {} }),
    'ERR_INVALID_ARG_VALUE',
    'onLine: lines end with the byte LF, which utf16le has within characters',
  ],
  [
    'lines() of such an encoding',
    async () => {
      const running = run('true', [], { encoding: 'UCS-2' as 'ucs2' })
      await running
      running.lines()
    },
    'ERR_INVALID_ARG_VALUE',
    'lines(): lines end with the byte LF, which UCS-2 has within characters',
  ],
  [
    'an unknown settle',
    () => run('a', [], { settle: 'end' as 'exit' }),
    'ERR_INVALID_ARG_VALUE',
    'settle must be one of "exit", "close", not "end"',
  ],
  [
    'an option that spawn() cannot have',
    () => spawn('a', [], { settle: 'exit' } as object),
    'ERR_UNKNOWN_OPTION',
    'unknown option "settle" of spawn(): it is an option of run() and batch()',
  ],
  [
    'a grace for the output that is negative',
    () => run('a', [], { drainGrace: -1 }),
    'ERR_OUT_OF_RANGE',
    'drainGrace must be an integer from 0 to 2147483647, not -1',
  ],
  [
    'a grace for output that nobody waits for',
    () => run('a', [], { drainGrace: 1, settle: 'exit' }),
    'ERR_INVALID_ARG_VALUE',
    "drainGrace needs settle: 'close'",
  ],
  [
    'a template that is not one',
    () => run('a', [], { template: {} as never }),
    'ERR_INVALID_ARG_TYPE',
    'template must be a result of template()',
  ],
  [
    'a concurrency of 0',
    () => batch([], { concurrency: 0 }).all(),
    'ERR_OUT_OF_RANGE',
    'concurrency must be an integer from 1 to 65536, not 0',
  ],
  [
    'commands that cannot be iterated',
    () => batch(1 as unknown as []).all(),
    'ERR_INVALID_ARG_TYPE',
    'commands must be iterable',
  ],
  [
    'a misspelt option of batch()',
    () => batch([], { bale: true } as object).all(),
    'ERR_UNKNOWN_OPTION',
    'the nearest known one is "bail"',
  ],
  [
    'options that are not an object',
    () => spawn('a', [], 1 as unknown as object),
    'ERR_INVALID_ARG_TYPE',
    'options must be an object, not number',
  ],
  [
    'options that are null',
    () => spawn('a', [], null as unknown as object),
    'ERR_INVALID_ARG_TYPE',
    'options must be an object, not null',
  ],
  [
    'args that are null',
    () => run('a', null as unknown as string[]),
    'ERR_INVALID_ARG_TYPE',
    'args must be an array, not null',
  ],
  [
    'an environment that is null',
    () => run('a', [], { env: null as never }),
    'ERR_INVALID_ARG_TYPE',
    'env must be an object, not null',
  ],
  [
    'a timeout that is null',
    () => run('a', [], { timeout: null as never }),
    'ERR_INVALID_ARG_TYPE',
    'timeout must be a number, not null',
  ],
  [
    'options of run() that are not an object',
    () => run('a', [], 'x' as unknown as object),
    'ERR_INVALID_ARG_TYPE',
    'options must be an object, not string',
  ],
  [
    'an argument that is null',
    () => run('a', ['b', null as unknown as string]),
    'ERR_INVALID_ARG_TYPE',
    'args[1] must be a string, not null',
  ],
  [
    'an environment that is not an object',
    () => run('a', [], { env: 'A=b' as never }),
    'ERR_INVALID_ARG_TYPE',
    'env must be an object, not string',
  ],
  [
    "a NUL in a variable's name",
    () => run('a', [], { env: { 'A\0': 'b' } }),
    'ERR_INVALID_ARG_VALUE',
    "env: a variable's name has a NUL byte at index 1",
  ],
  [
    'a variable without a name',
    () => run('a', [], { env: { '': 'b' } }),
    'ERR_INVALID_ARG_VALUE',
    'env: "" cannot be a name',
  ],
  [
    'a NUL in a cgroup',
    () => run('a', [], { cgroup: '/\0' }),
    'ERR_INVALID_ARG_VALUE',
    'cgroup has a NUL byte at index 1',
  ],
  [
    'a NUL in a shell',
    () => run('a', [], { shell: '\0' }),
    'ERR_INVALID_ARG_VALUE',
    'shell has a NUL byte at index 0',
  ],
  ['a NUL in a template', () => template('\0'), 'ERR_INVALID_ARG_VALUE', 'file has a NUL byte'],
  [
    'a bad descriptor as cwd',
    () => run('a', [], { cwd: -1 }),
    'ERR_OUT_OF_RANGE',
    'cwd must be an integer from 0',
  ],
  [
    'a bad descriptor as cgroup',
    () => run('a', [], { cgroup: 1.5 }),
    'ERR_OUT_OF_RANGE',
    'cgroup must be an integer from 0',
  ],
  [
    'a bad descriptor as template',
    () => template(-1),
    'ERR_OUT_OF_RANGE',
    'file must be an integer from 0',
  ],
  [
    'a cwd that is neither',
    () => run('a', [], { cwd: {} as string }),
    'ERR_INVALID_ARG_TYPE',
    'cwd must be a string, not object',
  ],
  [
    'an unknown word for all of stdio',
    () => run('a', [], { stdio: 'none' as 'pipe' }),
    'ERR_INVALID_ARG_VALUE',
    'stdio must be one of "pipe", "ignore", "inherit", "pty", not "none"',
  ],
  [
    'a stream without a descriptor',
    () => run('a', [], { stdio: [new PassThrough()] }),
    'ERR_INVALID_ARG_VALUE',
    'stdio[0] is a stream without a file descriptor',
  ],
  [
    'a negative signal',
    () => run('a', [], { killSignal: -1 }),
    'ERR_OUT_OF_RANGE',
    'killSignal must be an integer from 0 to 64, not -1',
  ],
  [
    'a timeout that is not a whole number',
    () => run('a', [], { timeout: Number.NaN }),
    'ERR_OUT_OF_RANGE',
    'timeout must be an integer from 0 to 2147483647, not NaN',
  ],
  [
    'detached that is not a boolean',
    () => run('a', [], { detached: 1 as unknown as boolean }),
    'ERR_INVALID_ARG_TYPE',
    'detached must be a boolean, not number',
  ],
  [
    'inheritFds that is not a boolean',
    () => run('a', [], { inheritFds: 'yes' as unknown as boolean }),
    'ERR_INVALID_ARG_TYPE',
    'inheritFds must be a boolean, not string',
  ],
  [
    'check that is not a boolean',
    () => run('a', [], { check: 1 as unknown as boolean }),
    'ERR_INVALID_ARG_TYPE',
    'check must be a boolean, not number',
  ],
  [
    'a process group out of range',
    () => run('a', [], { processGroup: -1 }),
    'ERR_OUT_OF_RANGE',
    'processGroup must be an integer from 0',
  ],
  [
    'a gid out of range',
    () => run('a', [], { gid: 2 ** 32 - 1 }),
    'ERR_OUT_OF_RANGE',
    'gid must be an integer from 0 to 4294967294, not 4294967295',
  ],
  [
    'noNewPrivs that is not a boolean',
    () => run('a', [], { noNewPrivs: 1 as unknown as boolean }),
    'ERR_INVALID_ARG_TYPE',
    'noNewPrivs must be a boolean, not number',
  ],
  [
    'groups that are not an array',
    () => run('a', [], { groups: 1 as unknown as number[] }),
    'ERR_INVALID_ARG_TYPE',
    'groups must be an array of numbers',
  ],
  [
    'limits that are not an object',
    () => run('a', [], { rlimits: 1 as never }),
    'ERR_INVALID_ARG_TYPE',
    'rlimits must be an object, not number',
  ],
  [
    'a hard limit that is missing',
    () => run('a', [], { rlimits: { core: { soft: 1 } as never } }),
    'ERR_INVALID_ARG_TYPE',
    'rlimits.core must be a number, not undefined',
  ],
  [
    'a shell and a template',
    async () => {
      await using sh = await template('sh')
      await run('a', [], { shell: true, template: sh })
    },
    'ERR_INVALID_ARG_VALUE',
    'shell and template exclude each other',
  ],
  [
    'an input of spawn(), which has a stream for it',
    () => spawn('a', [], { input: 'x' } as object),
    'ERR_UNKNOWN_OPTION',
    'unknown option "input"',
  ],
  [
    'an infinite concurrency',
    () => batch([], { concurrency: Number.POSITIVE_INFINITY }).all(),
    'ERR_OUT_OF_RANGE',
    'concurrency must be an integer from 1 to 65536, not Infinity',
  ],
  [
    'onProgress that is not a function',
    () => batch([], { onProgress: true as never }).all(),
    'ERR_INVALID_ARG_TYPE',
    'onProgress must be a function',
  ],
  [
    'bail that is not a boolean',
    () => batch([], { bail: 1 as unknown as boolean }).all(),
    'ERR_INVALID_ARG_TYPE',
    'bail must be a boolean, not number',
  ],
  ['an empty template', () => template(''), 'ERR_INVALID_ARG_VALUE', 'file must not be empty'],
  [
    'an unknown onStale',
    () => template('sh', { onStale: 'ask' as 'error' }),
    'ERR_INVALID_ARG_VALUE',
    'onStale must be one of "recreate", "error"',
  ],
]

// The first start makes a ring and threads, which stay.
beforeAll(async () => {
  await run('true')
})

test.each(bad)('%s', async (_name, call, code, message) => {
  const before = openFds()
  const error = await rejection(Promise.resolve().then(call))
  expect(error).toMatchObject({ code })
  expect(error.message).toContain(message)
  // Nothing was created.
  await nothingLeft(before)
})

test('an input that is transferred while its start waits for its turn', async () => {
  const buffer = new ArrayBuffer(100_000)
  const all = Array.from({ length: 40 }, () => run('wc', ['-c'], { input: buffer }))
  structuredClone(buffer, { transfer: [buffer] })
  const settled = await Promise.allSettled(all)
  const errors = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []))
  expect(errors.length).toBeGreaterThan(0)
  expect(new Set(errors)).toEqual(new Set(['ERR_INVALID_ARG_VALUE']))
  await nothingLeft()
})

test.each([1000, 10_000_000])(
  'an input of %d bytes in a buffer that is resized after the call',
  async (size) => {
    for (const of of [
      (buffer: ArrayBuffer) => buffer,
      (buffer: ArrayBuffer) => new Uint8Array(buffer),
      (buffer: ArrayBuffer) => new DataView(buffer),
    ]) {
      for (const to of [0, 1, 2 * size]) {
        const buffer = resizable(size)
        new Uint8Array(buffer).fill(120)
        const running = run('sh', ['-c', 'sleep 0.1; tr -d x | wc -c; wc -c'], {
          input: of(buffer),
        })
        const counted = run('wc', ['-c'], { input: of(buffer) })
        buffer.resize(to)
        expect((await running).stdout).toMatch(/^0\n/)
        expect((await counted).stdout.trim()).toBe(String(size))
      }
    }
  },
)

test('bad input is refused before the first start makes a ring and threads', () => {
  const [before, after, refused, started] = inNode(`
    import { readdirSync } from 'node:fs'
    const held = () => ['fd', 'task'].map((what) => readdirSync('/proc/self/' + what).length)
    const before = held()
    const refused = await Promise.allSettled([
      spawn('true', [], { stdio: [-1] }),
      run('true', [], { stdio: ['nothing'] }),
      run('true', [], { uid: -1 }),
    ])
    const after = held()
    await run('true')
    console.log(JSON.stringify([before, after, refused.map(({ status }) => status), held()]))`) as [
    number[],
    number[],
    string[],
    number[],
  ]
  expect(refused).toEqual(['rejected', 'rejected', 'rejected'])
  expect(after).toEqual(before)
  // The check above can fail: a start does make them.
  expect(started[0]).toBeGreaterThan(before[0] as number)
  expect(started[1]).toBeGreaterThan(before[1] as number)
})

test.each(['windowsHide', 'serialization', 'x', 'foo', 'constructor', '__proto__x'])(
  'an unknown option that resembles no other: %s',
  async (name) => {
    const error = await rejection(spawn('true', [], { [name]: true } as object))
    expect(error).toMatchObject({ code: 'ERR_UNKNOWN_OPTION' })
    expect(error.message).toBe(`unknown option ${JSON.stringify(name)} of spawn()`)
  },
)
