/** Ten thousand processes, or URING_SPAWN_TEST_MANY, leave nothing behind. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { batch, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'

/** Thousands of processes take longer than one. */
const LONG = 300_000

/** An emulated machine starts some tens of processes per second. */
const MANY = Number(process.env.URING_SPAWN_TEST_MANY ?? 10_000)

const state = () => ({
  fds: readdirSync('/proc/self/fd').length,
  threads: readdirSync('/proc/self/task').length,
  children: readdirSync('/proc/self/task')
    .map((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8'))
    .join(''),
})

/** Kilobytes of this process that are in memory and its own. */
const anonymous = () =>
  Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])

describe.each(testedBackends)('many by %s', (backend) => {
  const spawnMany = async (count: number) => {
    let next = 0
    let wrong = 0
    await Promise.all(
      Array.from({ length: 32 }, async () => {
        while (next++ < count) {
          const child = await spawn('/bin/true', [], { backend, stdio: 'ignore' })
          const { code } = await child.exited
          if (code !== 0 || child.backend !== backend) wrong++
        }
      }),
    )
    expect(wrong).toBe(0)
  }

  test('no descriptor, process, thread or memory stays', { timeout: LONG }, async () => {
    await spawnMany(MANY / 5)
    const before = state()
    const memory = anonymous()
    await spawnMany(MANY)
    expect(state()).toEqual(before)
    // A leak of half a kilobyte per process would show; the collector's moods do not.
    expect(anonymous() - memory).toBeLessThan(24 * 1024)
  })

  test('a batch, 64 at once', { timeout: LONG }, async () => {
    await batch([['echo', 'warm']], { backend }).all()
    const before = state()
    const commands = Array.from({ length: MANY }, (_, index) => ['/bin/echo', String(index)])
    const results = await batch(commands as [string, string][], { backend, concurrency: 64 }).all()
    const wrong = results.filter(
      ({ result, error }, index) =>
        error || result?.stdout !== `${index}\n` || result.backend !== backend,
    )
    expect(wrong).toEqual([])
    expect(state()).toEqual(before)
  })
})
