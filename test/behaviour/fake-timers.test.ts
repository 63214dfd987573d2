/** Programs start and end under fake timers, as with node:child_process. */
import { execFileSync } from 'node:child_process'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { batch, run, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { HANG, inTime } from '../support.js'

afterEach(() => {
  vi.useRealTimers()
})

type Fakes = Parameters<typeof vi.useFakeTimers>[0]

const fakes: [string, Fakes][] = [
  ["Vitest's defaults", undefined],
  ['setImmediate', { toFake: ['setImmediate'] }],
  ['queueMicrotask', { toFake: ['queueMicrotask'] }],
  ['setTimeout', { toFake: ['setTimeout', 'clearTimeout'] }],
  ['clocks', { toFake: ['Date', 'performance', 'hrtime'] }],
]

/** More than can start in one turn of the event loop. */
const MANY = 70

describe.each(testedBackends)('by %s', (backend) => {
  test.each(fakes)('under fakes of %s', async (_name, config) => {
    vi.useFakeTimers(config)
    const ran = await Promise.all(
      Array.from({ length: MANY }, () => run('echo', ['x'], { backend })),
    )
    expect(ran.map(({ stdout }) => stdout)).toEqual(Array(MANY).fill('x\n'))
    const children = await Promise.all(
      Array.from({ length: MANY }, () => spawn('true', [], { backend, stdio: 'ignore' })),
    )
    for (const child of children) expect((await child.exited).code).toBe(0)
    const commands = Array.from({ length: MANY }, () => ['true'] as const)
    const results = await batch(commands, { backend, concurrency: 64 }).all()
    expect(results.map(({ result }) => result?.exitCode)).toEqual(Array(MANY).fill(0))
  })

  test('a timeout is in real time, as with node:child_process', async () => {
    vi.useFakeTimers()
    const { timedOut, signal } = await inTime(
      (timeout) =>
        run('sh', ['-c', "trap '' TERM; sleep 60"], { backend, timeout, killGrace: 300 }),
      // Without time for its trap the shell ends by SIGTERM.
      ({ signal }) => signal === 'SIGKILL',
    )
    expect({ timedOut, signal }).toEqual({ timedOut: true, signal: 'SIGKILL' })
  })

  test('fakes installed before the library is loaded', () => {
    const library = new URL('../../dist/index.js', import.meta.url).href
    const out = execFileSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import timers from 'node:timers'
        import { syncBuiltinESMExports } from 'node:module'
        // None of them ever calls its callback.
        const never = () => ({ ref() {}, unref() {} })
        for (const name of Object.keys(timers)) {
          if (/^(set|clear)/.test(name)) timers[name] = never
          if (/^(set|clear)/.test(name)) globalThis[name] = never
        }
        syncBuiltinESMExports()
        globalThis.queueMicrotask = process.nextTick = never
        performance.now = Date.now = () => 0
        process.hrtime = Object.assign(() => [0, 0], { bigint: () => 0n })
        const { batch, run } = await import('${library}')
        const many = Array.from({ length: ${MANY} })
        await Promise.all(many.map(() => run('true')))
        await batch(many.map(() => ['true']), { concurrency: 64 }).all()
        // How long a start takes is unknown, so try longer and longer times.
        let result
        for (let timeout = 100; !result; timeout *= 3) {
          const found = await run('sleep', ['60'], { timeout })
          if (found.step === null) result = found
        }
        console.log(result.timedOut)`,
      ],
      {
        encoding: 'utf8',
        timeout: HANG,
        env: { ...process.env, URING_SPAWN_BACKEND: backend },
      },
    )
    expect(out).toBe('true\n')
  })
})
