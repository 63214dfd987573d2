/** Ten thousand processes, or URING_SPAWN_TEST_MANY, leave nothing behind. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { batch, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { openFds, until } from '../support.js'

/** Thousands of processes take longer than one. */
const LONG = 600_000

/** An emulated machine starts some tens of processes per second. */
const MANY = Number(process.env.URING_SPAWN_TEST_MANY ?? 10_000)

/** A file of each thread; '' for one that has just ended. */
const ofThreads = (name: string): string[] =>
  readdirSync('/proc/self/task').map((task) => {
    try {
      return readFileSync(`/proc/self/task/${task}/${name}`, 'utf8')
    } catch {
      return ''
    }
  })

const state = () => ({
  fds: openFds(),
  // Not the kernel's own threads, which come and go with io_uring.
  threads: ofThreads('comm').filter((name) => name !== '' && !name.startsWith('iou-')).length,
  children: ofThreads('children').join(''),
})

/** No more than before; it may be less if garbage collection has closed something. */
const isBack = (before: ReturnType<typeof state>): boolean => {
  const now = state()
  return now.fds <= before.fds && now.threads <= before.threads && now.children === ''
}

/** Kilobytes of private resident memory of this process. */
const anonymous = () =>
  Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])

/** Kilobytes: a leak of two and a half for each of ten thousand processes. */
const LEAK = 24 * 1024

/**
 * The least that `work` adds to our memory in several rounds: V8's heap grows now
 * and then, a leak grows each time.
 */
async function leastGrowth(work: () => Promise<void>): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < 4 && least >= LEAK; i++) {
    const before = anonymous()
    await work()
    least = Math.min(least, anonymous() - before)
  }
  return least
}

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

  test('leaves no descriptor, process, thread or memory', { timeout: LONG }, async () => {
    await spawnMany(MANY / 5)
    const before = state()
    const growth = await leastGrowth(() => spawnMany(MANY))
    await until(() => isBack(before))
    expect(growth).toBeLessThan(LEAK)
  })

  test('a batch, 64 at once', { timeout: LONG }, async () => {
    const warm = Array.from({ length: 64 }, () => ['echo', 'warm'] as const)
    await batch(warm, { backend, concurrency: 64 }).all()
    const before = state()
    const commands = Array.from({ length: MANY }, (_, index) => ['/bin/echo', String(index)])
    const growth = await leastGrowth(async () => {
      const wrong: unknown[] = []
      const running = batch(commands as [string, string][], { backend, concurrency: 64 })
      let count = 0
      for await (const one of running) {
        const { index, result, error } = one
        count++
        if (error || result.stdout !== `${index}\n` || result.backend !== backend) wrong.push(one)
      }
      expect(wrong).toEqual([])
      expect(count).toBe(MANY)
    })
    await until(() => isBack(before))
    expect(growth).toBeLessThan(LEAK)
  })
})
