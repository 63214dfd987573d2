/** The reported backend agrees with the kernel's own account. */
import { describe, expect, test } from 'vitest'
import { probe, run } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { canTrace, traced } from '../tracing.js'

const event = 'io_uring/io_uring_spawn'
const isTested = testedBackends.includes('uring')

test.runIf(isTested)('where chains work, they are used', async () => {
  const { auto, poller, backends } = probe()
  expect({ auto, poller }).toEqual({ auto: 'uring', poller: 'io_uring' })
  expect(backends[0]).toEqual({ name: 'uring', available: true, why: undefined })
  expect(await run('echo', ['x'])).toMatchObject({ stdout: 'x\n', backend: 'uring' })
})

describe.runIf(isTested && canTrace(event))('the kernel says', () => {
  test.each([
    ['uring', true],
    ['vfork', false],
  ] as const)('by %s it made the children of chains: %s', async (backend, chains) => {
    const pids: number[] = []
    const seen = await traced(event, / io_uring_spawn: .*\bpid (\d+)$/gm, async () => {
      const running = Array.from({ length: 20 }, () => run('/bin/true', [], { backend }))
      for (const { pid, exitCode } of await Promise.all(running)) {
        expect(exitCode).toBe(0)
        pids.push(pid ?? 0)
      }
    })
    expect(pids.length).toBe(20)
    expect(seen.map(Number).sort()).toEqual(chains ? pids.sort() : [])
  })
})
