/** The figures in the documents are those of the committed results. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const project = fileURLToPath(new URL('../..', import.meta.url))
const read = (file: string) => readFileSync(`${project}${file}`, 'utf8')

interface Side {
  side: string
  ratio: number
  equal: boolean
}
const { measurements } = JSON.parse(read('bench/results/node.json')) as {
  measurements: { name: string; results: Side[] }[]
}

/** Measurements, by their row in the comparison. */
const rows: Record<string, string> = {
  'thread blocked by a call, 50 MB of memory': 'thread blocked per call, 50 MB of memory',
  'thread blocked by a call, 1 GB': 'thread blocked per call, 1024 MB of memory',
  'thread blocked by a call, 8 GB': 'thread blocked per call, 8192 MB of memory',
  "the thread's processor time for a process, 1 in flight, static":
    "the thread's processor time per process, one at a time, static child",
  'processes per second, 1 in flight, static': 'processes per second, 1 in flight, static child',
  'processes per second, 1 in flight, dynamic': 'processes per second, 1 in flight, dynamic child',
  'processes per second, 16 in flight, static': 'processes per second, 16 in flight, static child',
  'processes per second, 16 in flight, dynamic':
    'processes per second, 16 in flight, dynamic child',
  'processes per second, 64 in flight, static': 'processes per second, 64 in flight, static child',
  'processes per second, 64 in flight, dynamic':
    'processes per second, 64 in flight, dynamic child',
  '`run()` collecting 1 KB': 'run() collecting 1 KB',
  '`run()` collecting 10 MB': 'run() collecting 10 MB',
  'longest stall of the event loop, 1000 processes, 16 in flight':
    'longest stall of the event loop, 1000 processes, 16 in flight',
  'longest stall of the event loop, 1000 processes at once':
    'longest stall of the event loop, 1000 processes at once',
}

function sideOf(name: string, side: string): Side | undefined {
  const measurement = measurements.find((one) => one.name === name)
  expect(measurement, name).toBeDefined()
  return measurement?.results.find((one) => one.side.startsWith(side))
}

function cell(one: Side | undefined): RegExp {
  if (!one) return /^$/
  if (one.equal) return /^equal( \([\d.]+\))?$/
  const text = one.ratio >= 10 ? one.ratio.toFixed(0) : one.ratio.toFixed(2)
  return new RegExp(`^${text.replace('.', '\\.')}$`)
}

test.each(Object.entries(rows))('the comparison has the measured ratios of: %s', (row, name) => {
  const line = read('docs/comparison.md')
    .split('\n')
    .find((one) => one.startsWith(`| ${row} |`))
  const cells = line?.split('|').slice(2, -1) ?? []
  const sides = ['node:child_process', 'Bun.spawn', 'Deno.Command', 'posix_spawn loop']
  expect(cells, row).toHaveLength(sides.length)
  for (const [at, side] of sides.entries()) {
    expect(cells[at]?.trim(), side).toMatch(cell(sideOf(name, side)))
  }
})

test('the README has the two figures of the comparison', () => {
  const at = (name: string) => sideOf(name, 'node:child_process')?.ratio ?? 0
  const readme = read('README.md')
  const blocked = at('thread blocked per call, 1024 MB of memory').toFixed(0)
  expect(readme).toContain(`**1/${blocked}** of the time`)
  const rate = at('processes per second, 16 in flight, dynamic child').toFixed(1)
  expect(readme).toContain(`**${rate} times** as many programs per second`)
})

test('the page of the cluster has the measured ratios to the local batch', () => {
  const { results } = JSON.parse(read('bench/results/cluster.json')) as {
    results: { command: string; ratio: number; low: number; high: number }[]
  }
  const page = read('docs/cluster.md').replace(/\s+/g, ' ')
  expect(results.length).toBeGreaterThan(0)
  for (const { command, ratio, low, high } of results) {
    const range = `${low.toFixed(2)} to ${high.toFixed(2)}`
    expect(page).toContain(`${ratio.toFixed(2)} of it for \`${command}\` (${range}`)
  }
})
