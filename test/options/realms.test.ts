/** Values of another realm are recognised, as in node:child_process. */
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { batch, run, spawn } from '../../dist/index.js'
import { children, inNode, nothingLeft, openFds, rejection } from '../support.js'

/** Made with another realm's constructors. */
const foreign = (code: string, things: object = {}) => runInNewContext(code, { ...things })

const bytes = new TextEncoder().encode('hello')
const buffers: [string, () => unknown][] = [
  ['Uint8Array', () => foreign('Uint8Array.from(bytes)', { bytes })],
  [
    'Uint16Array',
    () => foreign('new Uint16Array(Uint8Array.from([...bytes, 33]).buffer)', { bytes }),
  ],
  ['DataView', () => foreign('new DataView(Uint8Array.from(bytes).buffer)', { bytes })],
  [
    'DataView of a part',
    () => foreign('new DataView(Uint8Array.from([0, ...bytes, 0]).buffer, 1, 5)', { bytes }),
  ],
  ['ArrayBuffer', () => foreign('Uint8Array.from(bytes).buffer', { bytes })],
  [
    'SharedArrayBuffer',
    () => foreign('const s = new SharedArrayBuffer(5); new Uint8Array(s).set(bytes); s', { bytes }),
  ],
  [
    'a view of shared memory',
    () => foreign('const v = new Uint8Array(new SharedArrayBuffer(5)); v.set(bytes); v', { bytes }),
  ],
  ['our own ArrayBuffer', () => bytes.slice().buffer],
  ['our own DataView', () => new DataView(bytes.slice().buffer)],
  ['our own Float64Array', () => new Float64Array(new TextEncoder().encode('hello...').buffer)],
]

test.each(buffers)('input: %s', async (_name, make) => {
  const { stdout } = await run('cat', [], { input: make() as Uint8Array })
  expect(stdout).toMatch(/^hello/)
  // Include starts that wait for their turn.
  const all = await Promise.all(
    Array.from({ length: 40 }, () => run('cat', [], { input: make() as Uint8Array })),
  )
  expect(new Set(all.map((result) => result.stdout))).toEqual(new Set([stdout]))
})

test('cwd: a URL, of another realm, or of its own kind', async () => {
  const { href, protocol } = new URL('file:///usr')
  for (const cwd of [
    new URL('file:///usr'),
    foreign('new URL("file:///usr")', { URL }),
    { href, protocol },
    foreign('({ href, protocol })', { href, protocol }),
  ]) {
    expect((await run('pwd', [], { cwd: cwd as URL })).stdout).toBe('/usr\n')
  }
  expect(await rejection(run('pwd', [], { cwd: new URL('http://x/') }))).toMatchObject({
    code: 'ERR_INVALID_URL_SCHEME',
  })
  const nul = new URL('file:///a%00b')
  expect(await rejection(run('pwd', [], { cwd: nul }))).toMatchObject({
    code: 'ERR_INVALID_ARG_VALUE',
  })
})

/** Not an AbortSignal, but usable as one. */
class Signal extends EventTarget {
  aborted = false
  reason: unknown
  abort(reason: unknown) {
    this.aborted = true
    this.reason = reason
    this.dispatchEvent(new Event('abort'))
  }
}

test('signal: what has `aborted` and events', async () => {
  const reason = new Error('enough')
  for (const start of [
    (signal: AbortSignal) => run('sleep', ['60'], { signal }),
    (signal: AbortSignal) => spawn('sleep', ['60'], { signal }).then((child) => child.exited),
    (signal: AbortSignal) => batch([['sleep', '60']], { signal }).all(),
    async (signal: AbortSignal) => {
      const [one] = await batch([{ file: 'sleep', args: ['60'], signal }]).all()
      if (one?.error) throw one.error
    },
  ]) {
    const signal = new Signal()
    const running = start(signal as unknown as AbortSignal)
    setTimeout(() => signal.abort(reason), 50)
    const settled = await Promise.resolve(running).catch((error) => error)
    if (settled instanceof Error)
      expect(settled).toMatchObject({ name: 'AbortError', cause: reason })
    else expect(settled).toMatchObject({ signal: 'SIGTERM' })
    expect(await rejection(start(signal as unknown as AbortSignal))).toMatchObject({
      name: 'AbortError',
    })
  }
  for (const signal of [{}, { aborted: false }, 'x', null]) {
    expect(await rejection(run('true', [], { signal: signal as AbortSignal }))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    })
  }
})

/** Each way to start a program that an abort ends. */
const abortable = [
  ['run', (signal: AbortSignal) => run('sleep', ['60'], { signal })],
  ['spawn', (signal: AbortSignal) => spawn('sleep', ['60'], { signal }).then((c) => c.exited)],
  ['batch', (signal: AbortSignal) => batch([['sleep', '60']], { signal }).all()],
  ['a command', (signal: AbortSignal) => aloneInBatch(signal)],
] as const

async function aloneInBatch(signal: AbortSignal): Promise<void> {
  const [one] = await batch([{ file: 'sleep', args: ['60'], signal }]).all()
  if (one?.error) throw one.error
}

test.for(abortable)(
  'signal: a listener that stops the event does not stop the abort of %s',
  async ([, start]) => {
    const controller = new AbortController()
    controller.signal.addEventListener('abort', (event) => event.stopImmediatePropagation())
    const running = Promise.resolve(start(controller.signal)).catch((error) => error)
    setTimeout(() => controller.abort('why'), 50)
    const settled = (await running) as { name?: string; signal?: string }
    // spawn() has resolved if the program runs by then.
    expect(settled.name ?? settled.signal).toMatch(/^(AbortError|SIGTERM)$/)
  },
)

test.for(abortable)(
  'signal: nothing is created if it cannot be listened to: %s',
  async ([, start]) => {
    const fds = openFds()
    const deaf = {
      aborted: false,
      addEventListener() {
        throw new RangeError('deaf')
      },
      removeEventListener() {},
    }
    const error = await rejection((async () => start(deaf as unknown as AbortSignal))())
    expect(error).toMatchObject({ name: 'RangeError', message: 'deaf' })
    expect(children()).toBe('')
    await nothingLeft(fds)
    const { removeEventListener: _, ...forever } = deaf
    const bad = await rejection((async () => start(forever as unknown as AbortSignal))())
    expect(bad).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  },
)

test('signal: one that aborts as soon as it is listened to', async () => {
  for (const [, start] of abortable) {
    const signal = {
      aborted: false,
      reason: 'now',
      addEventListener(_type: string, listener: () => void) {
        listener()
      },
      removeEventListener() {},
    }
    const settled = await Promise.resolve(start(signal as unknown as AbortSignal)).catch((e) => e)
    if (settled instanceof Error) expect(settled).toMatchObject({ cause: 'now' })
    else expect(settled).toMatchObject({ signal: 'SIGTERM' })
  }
})

test.each([
  ['AbortController', 'class { signal = { aborted: false, addEventListener() {} }; abort() {} }'],
  ['AbortController', 'undefined'],
  ['AbortSignal', 'undefined'],
  ['Buffer', 'undefined'],
  ['Buffer', 'class {}'],
  ['URL', 'undefined'],
  ['Event', 'undefined'],
  ['EventTarget', 'class {}'],
])('a program that replaces the global %s by %s', (name, value) => {
  const out = inNode(`
    import { batch } from '${new URL('../../dist/index.js', import.meta.url).href}'
    globalThis.${name} = ${value}
    const { stdout } = await run('cat', [], { input: 'x', cwd: '/' })
    const timed = await run('sleep', ['60'], { timeout: 50 })
    const all = await batch([['echo', 'a'], ['echo', 'b']], { concurrency: 2 }).all()
    let first
    for await (const { result } of batch(['b', 'b', 'b'].map((word) => ['echo', word]))) {
      first = result.stdout
      break
    }
    const child = await spawn('cat')
    child.stdin.end('y')
    let echoed = ''
    for await (const chunk of child.stdout) echoed += chunk
    console.log(JSON.stringify([
      stdout,
      timed.timedOut,
      all.map(({ result }) => result.stdout),
      first,
      echoed,
    ]))`)
  expect(out).toEqual(['x', true, ['a\n', 'b\n'], 'b\n', 'y'])
})

test('arrays and objects', async () => {
  const options = foreign(
    `({ env: { A: '1' }, stdio: ['ignore', 'pipe', null], rlimits: { core: { soft: 0, hard: 0 } } })`,
  )
  const args = foreign(`['-c', 'echo $A']`)
  expect((await run('/bin/sh', args, options)).stdout).toBe('1\n')
  const [one] = await batch(foreign(`[['/bin/echo', 'x']]`)).all()
  expect(one).toMatchObject({ result: { stdout: 'x\n' } })
})
