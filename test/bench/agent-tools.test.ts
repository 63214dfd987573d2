import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { columns, missing } from '../../bench/agent-tools/columns.mjs'
import { deal, presets } from '../../bench/agent-tools/presets.mjs'
import { plan, told } from '../../bench/agent-tools/run.mjs'

const inside = fileURLToPath(new URL('../../bench/agent-tools/inside.mjs', import.meta.url))
const worker = fileURLToPath(new URL('../../bench/agent-tools/worker.mjs', import.meta.url))

test('all workers make the same number of calls, and every preset is called equally often', () => {
  for (const workers of [1, 2, 4, 8]) {
    const hands = deal(768, workers)
    expect(hands.map((hand) => hand.length)).toEqual(Array(workers).fill(768 / workers))
    const counts = presets.map((_, at) => hands.flat().filter((index) => index === at).length)
    expect(counts).toEqual(Array(16).fill(48))
    expect(deal(768, workers)).toEqual(hands)
  }
  expect(() => deal(17, 1)).toThrow('17 calls are not as many of each of 16 presets')
})

test('a short run prints a line for each column in each round, and no call is wrong', () => {
  const columns = ['child_process', 'vfork', 'spawn_template']
  const job = { workers: 2, inFlight: 2, calls: 64, rounds: 2, columns }
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, LC_ALL: 'C' }
  const printed = execFileSync(process.execPath, [inside, JSON.stringify(job)], {
    ...{ env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  })
  const [found, ...rounds] = printed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const there = columns.filter((name) => !(name in found.absent))
  expect(there).toEqual(expect.arrayContaining(['child_process', 'vfork']))
  // The columns take turns at being first.
  expect(rounds.map(({ round, column }) => `${round} ${column}`)).toEqual([
    ...there.map((name) => `0 ${name}`),
    ...[...there.slice(1), there[0]].map((name) => `1 ${name}`),
  ])
  for (const { calls, seconds, wrong } of rounds) {
    expect(wrong).toEqual([])
    expect(calls).toBe(32)
    expect(seconds).toBeGreaterThan(0)
  }
})

test('a wrong answer is noticed', async () => {
  const child = fork(worker, { serialization: 'advanced' })
  try {
    const expected = presets.map(() => ({
      exitCode: 0,
      stdout: Buffer.from('x'),
      stderr: Buffer.alloc(0),
    }))
    const options = { cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } }
    const at = presets.findIndex(({ name }) => name === 'ls')
    child.send({ column: 'child_process', options, inFlight: 1, expected, order: [at] })
    const [faults] = await once(child, 'message')
    expect(faults).toEqual([expect.stringContaining('ls: exited with')])
  } finally {
    child.kill()
  }
})

test('a column can be measured when probe() finds what it needs', () => {
  const backend = (name: string, why?: string) => ({ name, available: why === undefined, why })
  const stock = { backends: [backend('uring', 'no such kernel'), backend('vfork')] }
  expect(missing('child_process', stock)).toBeUndefined()
  expect(missing('uring', stock)).toBe('backend uring: no such kernel')
  expect(missing('spawn_template', stock)).toBe('the library has no backend spawn_template')
  const patched = {
    backends: [backend('uring'), backend('spawn_template'), backend('vfork')],
    templates: { available: true, why: undefined },
  }
  expect(missing('spawn_template', patched)).toBeUndefined()
  expect(missing('uring from templates', patched)).toBeUndefined()
  const without = { ...patched, templates: { available: false, why: 'EOPNOTSUPP' } }
  expect(missing('uring', without)).toBeUndefined()
  expect(missing('uring from templates', without)).toBe('templates of the kernel: EOPNOTSUPP')
})

test("a call made by another backend than its column's is a fault", () => {
  const made = (backend: string, fromTemplate: boolean) => ({ backend, fromTemplate })
  expect(columns.spawn_template.fault(made('spawn_template', true))).toBeUndefined()
  expect(columns.spawn_template.fault(made('vfork', false))).toBe('made by vfork')
  expect(columns['uring from templates'].fault(made('uring', false))).toBe(
    'not started from a template',
  )
  expect(columns.uring.fault(made('uring', false))).toBeUndefined()
  expect(columns.uring.fault(made('vfork', false))).toBe('made by vfork')
})

test('refuses bad sizes before anything is started', async () => {
  const options = { calls: 100, rounds: 8, splits: ['1x16'], columns: ['child_process'] }
  await expect(plan(options)).rejects.toThrow(
    '--calls must be a multiple of 16 presets times 8 rounds',
  )
  const alone = { calls: 128, rounds: 8, splits: ['1x16'], columns: ['uring'] }
  await expect(plan(alone)).rejects.toThrow('--columns must have child_process')
})

test('the table: rates, differences, and rounds that disagree', async () => {
  const options = {
    calls: 320,
    rounds: 2,
    splits: ['1x16'],
    columns: ['child_process', 'uring', 'vfork'],
  }
  const { result } = await plan(options)
  const round = (column: string, ...seconds: number[]) =>
    seconds.map((time, at) => ({ round: at, column, calls: 160, seconds: time }))
  const measured = [
    ...round('child_process', 10, 10),
    ...round('uring', 8, 8),
    ...round('vfork', 9, 12),
  ]
  const { results } = result([{ kernel: '6.12', absent: {}, split: '1x16', measured }])
  expect(results).toMatchObject([
    { column: 'child_process', calls: 320, seconds: 20, callsPerSecond: 16, delta: 0 },
    { column: 'uring', callsPerSecond: 20, equal: false },
    { column: 'vfork', equal: true },
  ])
  expect(results[1].delta).toBeCloseTo(25)
  expect(told(results[1])).toBe('+25.0 % (+25.0 % to +25.0 %)')
  expect(told(results[2])).toMatch(/^equal/)
})
