/** That the backend is what it says: the kernel's own account of what it made. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { probe, run } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { isRoot } from '../support.js'

const tracing = '/sys/kernel/tracing'
const event = `${tracing}/events/io_uring/io_uring_spawn/enable`

/** Pids of the processes that the kernel made for chains while `work` ran. */
async function spawnedByChains(work: () => Promise<void>): Promise<number[]> {
  writeFileSync(`${tracing}/trace`, '')
  writeFileSync(event, '1')
  try {
    await work()
  } finally {
    writeFileSync(event, '0')
  }
  const lines = readFileSync(`${tracing}/trace`, 'utf8')
  return [...lines.matchAll(/ io_uring_spawn: .*\bpid (\d+)$/gm)].map(([, pid]) => Number(pid))
}

const isTested = testedBackends.includes('uring')

test.runIf(isTested)('where chains work, they are what is used', async () => {
  const { auto, poller, backends } = probe()
  expect({ auto, poller }).toEqual({ auto: 'uring', poller: 'io_uring' })
  expect(backends[0]).toEqual({ name: 'uring', available: true, why: undefined })
  expect(await run('echo', ['x'])).toMatchObject({ stdout: 'x\n', backend: 'uring' })
})

describe.runIf(isTested && isRoot && existsSync(event))('the kernel says', () => {
  test.each([
    ['uring', true],
    ['vfork', false],
  ] as const)('by %s it made the children of chains: %s', async (backend, chains) => {
    const pids: number[] = []
    const seen = await spawnedByChains(async () => {
      const running = Array.from({ length: 20 }, () => run('/bin/true', [], { backend }))
      for (const { pid, exitCode } of await Promise.all(running)) {
        expect(exitCode).toBe(0)
        pids.push(pid)
      }
    })
    expect(pids.length).toBe(20)
    expect(seen.sort((a, b) => a - b)).toEqual(chains ? pids.sort((a, b) => a - b) : [])
  })
})
