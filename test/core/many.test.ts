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

/** A file of each thread; '' of one that has just ended. */
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
  // Not the kernel's own, which io_uring has come and go.
  threads: ofThreads('comm').filter((name) => name !== '' && !name.startsWith('iou-')).length,
  children: ofThreads('children').join(''),
})

/** Nothing more than there was; less, where the collector has closed something. */
const isBack = (before: ReturnType<typeof state>): boolean => {
  const now = state()
  return now.fds <= before.fds && now.threads <= before.threads && now.children === ''
}

/** Kilobytes of this process that are in memory and its own. */
const anonymous = () =>
  Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])

/** Kilobytes: a leak of two and a half for each of ten thousand processes. */
const LEAK = 24 * 1024

/** What `work` adds to our memory at the least: the room of V8's heap grows now and then, a leak each time. */
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

  test('no descriptor, process, thread or memory stays', { timeout: LONG }, async () => {
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
