import { execFileSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test, vi } from 'vitest'
import { compare, compareWithToday } from '../../bench/agent-counts/compare.mjs'
import { plan, print } from '../../bench/agent-counts/run.mjs'
import { makeResult } from '../../bench/lib/result.mjs'
import { pageOf } from '../../bench/report/page.mjs'
import { chaptersOf } from '../../bench/report/write.mjs'

const inside = fileURLToPath(new URL('../../bench/agent-counts/inside.mjs', import.meta.url))

afterEach(() => vi.restoreAllMocks())

test('every column that is there makes every call as often as asked, and none is wrong', () => {
  const kinds = [
    { name: 'cat', calls: 4 },
    { name: 'git status', calls: 2 },
  ]
  const job = { kinds, columns: ['child_process', 'vfork', 'spawn_template'] }
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, LC_ALL: 'C' }
  const printed = execFileSync(process.execPath, [inside, JSON.stringify(job)], {
    ...{ env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  })
  const [found, ...measured] = printed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const there = job.columns.filter((name) => !(name in found.absent))
  expect(there).toEqual(expect.arrayContaining(['child_process', 'vfork']))
  expect(measured.map(({ preset, column, counts }) => [preset, column, counts.length])).toEqual(
    kinds.flatMap(({ name, calls }) => there.map((column) => [name, column, calls])),
  )
  for (const { counts, wrong } of measured) {
    expect(wrong).toEqual([])
    for (const count of counts) expect(count).toBeGreaterThan(0)
  }
})

const row = (preset: string, column: string, low: number) => ({ preset, column, low })

test('columns are compared by the ratios, and kinds of call by their geometric mean', () => {
  const rows = [
    row('cat', 'child_process', 1000),
    row('cat', 'uring', 500),
    row('rg', 'child_process', 10_000),
    row('rg', 'uring', 20_000),
  ]
  expect(compare(rows, 'child_process')).toEqual([
    { name: 'cat', base: 1000, ratios: { child_process: 1, uring: 0.5 } },
    { name: 'rg', base: 10_000, ratios: { child_process: 1, uring: 2 } },
    { name: 'geometric mean', ratios: { child_process: 1, uring: expect.closeTo(1) } },
  ])
  expect(compare(rows.slice(0, 2), 'child_process')).toHaveLength(1)
})

test('everything is compared with vfork on the stock kernel, interpreters by themselves', () => {
  const rows = ['cat', 'rg', 'python small', 'node small'].flatMap((preset, at) => {
    const of = (kernel: string, column: string, low: number) => ({
      ...{ kernel, preset, column, low: low * (at + 1) },
    })
    return [
      of('patched', 'vfork', 900),
      of('patched', 'uring', at < 2 ? 500 + 300 * at : 950),
      of('stock', 'child_process', 1500),
      of('stock', 'vfork', 1000),
    ]
  })
  const compared = compareWithToday(rows)
  expect(compared?.columns).toEqual([
    { kernel: 'stock', column: 'child_process' },
    { kernel: 'patched', column: 'vfork' },
    { kernel: 'patched', column: 'uring' },
  ])
  expect(compared?.rows).toEqual([
    { name: 'cat', base: 1000, ratios: [1.5, 0.9, 0.5] },
    { name: 'rg', base: 2000, ratios: [1.5, 0.9, 0.8] },
    { name: 'python small', base: 3000, ratios: [1.5, 0.9, 0.95] },
    { name: 'node small', base: 4000, ratios: [1.5, 0.9, 0.95] },
    {
      name: 'geometric mean of 2',
      ratios: [expect.closeTo(1.5), expect.closeTo(0.9), expect.closeTo(Math.sqrt(0.4))],
    },
    {
      name: 'geometric mean of 2',
      ratios: [expect.closeTo(1.5), expect.closeTo(0.9), expect.closeTo(0.95)],
    },
  ])
  expect(compareWithToday(rows.filter(({ kernel }) => kernel === 'patched'))).toBeUndefined()
})

const options = {
  calls: 8,
  kernels: ['patched', 'stock'],
  columns: ['child_process', 'vfork', 'uring'],
  presets: ['cat', 'node small'],
}

test('heavy calls are made less often, and the baseline has to be there', async () => {
  const { steps } = await plan(options)
  expect(steps.map(({ name }: { name: string }) => name)).toEqual([
    '2 kinds of call, the patched kernel',
    '2 kinds of call, the stock kernel',
  ])
  const { steps: more } = await plan({ ...options, calls: 80 })
  expect(more[0].seconds).toBeGreaterThan(steps[0].seconds)
  await expect(plan({ ...options, columns: ['uring'] })).rejects.toThrow(
    '--columns must have child_process',
  )
})

test('the result has the middle half of the counts, and what a kernel lacks', async () => {
  const { result } = await plan(options)
  const measured = (columns: string[]) =>
    options.presets.flatMap((preset) =>
      columns.map((column, at) => {
        const least = 1_000_000 * (3 - at)
        const counts = [least, least + 10, least + 20, least + 9_000_000]
        return { preset, column, counts, wrong: [] }
      }),
    )
  const data = await result([
    { flavour: 'patched', kernel: '6.12-a', absent: {}, measured: measured(options.columns) },
    {
      ...{ flavour: 'stock', kernel: '6.12-b', absent: { uring: 'no such kernel' } },
      measured: measured(['child_process', 'vfork']),
    },
  ])
  const made = makeResult({
    ...{ benchmark: 'agent-counts', command: 'npm run bench -- agent-counts' },
    ...data,
  })
  expect(made.results[0]).toEqual({
    ...{ kernel: 'patched', preset: 'cat', column: 'child_process', calls: 4 },
    ...{ count: 3_000_015, low: 3_000_010, high: 12_000_000, mean: 5_250_008 },
  })
  expect(made.kernels).toEqual({ patched: '6.12-a', stock: '6.12-b' })
  expect(made.absent).toEqual({ 'uring, stock kernel': 'no such kernel' })

  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  print(made)
  const lines = log.mock.calls.flatMap(([text]) => String(text).split('\n'))
  // Beside vfork on the stock kernel, and beside child_process.
  expect(lines).toContainEqual(expect.stringMatching(/^cat +2000 +100\.0 % +50/))
  expect(lines).toContainEqual(expect.stringMatching(/^cat +3000 +66\.7 % +33\.3 %$/))
  expect(lines).toContain('not measured: uring, stock kernel: no such kernel')
  expect(lines.filter((line) => line.length > 80)).toEqual([])

  const chapters = chaptersOf({ 'agent-counts': made })
  const [{ plots }] = chapters as [{ plots: { name: string; table: { rows: string[][] } }[] }]
  expect(plots.map(({ name }) => name)).toEqual([
    ...['agent-counts', 'agent-counts-patched', 'agent-counts-stock'],
  ])
  expect(plots[0]?.table.rows).toEqual([
    ['cat', '2000.0', '+50.0 %', '+50.0 %', 'equal', '−50.0 %'],
    ['node small', '2000.0', '+50.0 %', '+50.0 %', 'equal', '−50.0 %'],
  ])
  expect(plots[1]?.table.rows).toEqual([
    ['cat', '3000.0', '−33.3 %', '−66.7 %'],
    ['node small', '3000.0', '−33.3 %', '−66.7 %'],
    ['geometric mean', '', '−33.3 %', '−66.7 %'],
  ])
  expect(pageOf(chapters)).toContain('<figure id="agent-counts-stock">')
})
