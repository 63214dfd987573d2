/** The order in which the steps of `npm test` run. */
import { expect, test } from 'vitest'
import { schedule } from '../../scripts/schedule.mjs'

interface Step {
  title: string
  seconds?: number
  after?: string[]
  group?: string
}

/**
 * Runs steps in a time of its own: each takes its seconds. Returns what began and
 * ended, in order; `failing` titles fail, and what is not run is marked.
 */
async function runs(steps: Step[], places: number, failing: string[] = []) {
  const seen: string[] = []
  const pending: { end: number; finish: () => void }[] = []
  let now = 0
  const done = schedule(steps, places, async ({ title, seconds = 0 }: Step, lacking?: string) => {
    if (lacking) {
      seen.push(`${title} lacks ${lacking}`)
      return false
    }
    seen.push(`${title} begins`)
    await new Promise<void>((finish) => pending.push({ end: now + seconds, finish }))
    seen.push(`${title} ends`)
    return !failing.includes(title)
  })
  let isDone = false
  const all = done.then(() => {
    isDone = true
  })
  while (!isDone) {
    // All that can begin now has begun.
    await new Promise((resolve) => setImmediate(resolve))
    pending.sort((a, b) => b.end - a.end)
    const next = pending.pop()
    now = next?.end ?? now
    next?.finish()
  }
  await all
  return { seen, seconds: now }
}

test('the longest steps begin first', async () => {
  const steps = [
    { title: 'short', seconds: 1 },
    { title: 'long', seconds: 9 },
    { title: 'middle', seconds: 5 },
  ]
  const { seen, seconds } = await runs(steps, 2)
  expect(seen).toEqual([
    ...['long begins', 'middle begins', 'middle ends'],
    ...['short begins', 'short ends', 'long ends'],
  ])
  expect(seconds).toBe(9)
})

test('in one place they run one after the other', async () => {
  const steps = [
    { title: 'short', seconds: 1 },
    { title: 'long', seconds: 9 },
  ]
  const { seen, seconds } = await runs(steps, 1)
  expect(seen).toEqual(['long begins', 'long ends', 'short begins', 'short ends'])
  expect(seconds).toBe(10)
})

test('what a long step waits for goes before what takes longer itself', async () => {
  const steps = [
    { title: 'alone', seconds: 5 },
    { title: 'build', seconds: 1 },
    { title: 'built', seconds: 9, after: ['build'] },
  ]
  const { seen } = await runs(steps, 1)
  expect(seen.filter((line) => line.endsWith('begins'))).toEqual([
    ...['build begins', 'built begins', 'alone begins'],
  ])
})

test('a step waits for all that it is after, and not for what is not there', async () => {
  const steps = [
    { title: 'last', seconds: 9, after: ['one', 'two', 'absent'] },
    { title: 'one', seconds: 1 },
    { title: 'two', seconds: 2 },
  ]
  const { seen, seconds } = await runs(steps, 3)
  expect(seen.slice(-3)).toEqual(['two ends', 'last begins', 'last ends'])
  expect(seconds).toBe(11)
})

test('steps of a group run one at a time, and leave the other place to others', async () => {
  const steps = [
    { title: 'kernel 1', seconds: 9, group: 'kernel' },
    { title: 'kernel 2', seconds: 8, group: 'kernel' },
    { title: 'tests', seconds: 3 },
  ]
  const { seen, seconds } = await runs(steps, 2)
  expect(seen).toEqual([
    ...['kernel 1 begins', 'tests begins', 'tests ends'],
    ...['kernel 1 ends', 'kernel 2 begins', 'kernel 2 ends'],
  ])
  expect(seconds).toBe(17)
})

test('after a step that fails, those that need it do not run, and the others do', async () => {
  const steps = [
    { title: 'build', seconds: 1 },
    { title: 'tests', seconds: 5, after: ['build'] },
    { title: 'more', seconds: 5, after: ['tests'] },
    { title: 'other', seconds: 2 },
  ]
  const { seen } = await runs(steps, 2, ['build'])
  expect(seen).toEqual([
    ...['build begins', 'other begins', 'build ends'],
    ...['tests lacks build', 'more lacks tests', 'other ends'],
  ])
})

test('never more steps than places', async () => {
  const steps = Array.from({ length: 20 }, (_, at) => ({
    ...{ title: `step ${at}`, seconds: (at * 7) % 11 },
    ...{ group: at % 3 === 0 ? 'three' : undefined, after: at > 9 ? [`step ${at - 9}`] : [] },
  }))
  const { seen } = await runs(steps as Step[], 3)
  let running = 0
  for (const line of seen) {
    running += line.endsWith('begins') ? 1 : -1
    expect(running).toBeLessThanOrEqual(3)
  }
  expect(seen).toHaveLength(40)
})
