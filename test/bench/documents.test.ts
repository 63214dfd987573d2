/** The tables in the documents are those of the committed counts. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ofMain } from '../../bench/designs/kernels.mjs'
import { committed } from '../../bench/lib/paths.mjs'
import { readResults } from '../../bench/lib/result.mjs'
import { METHOD_NAMES, PRELOADED } from '../../bench/report/names.mjs'
import { tables } from '../../bench/report/tables.mjs'

const project = fileURLToPath(new URL('../..', import.meta.url))
const read = (file: string) => readFileSync(`${project}${file}`, 'utf8')

const { designs, 'agent-counts': agentCounts } = readResults(committed)
const comparison = read('docs/comparison.md')

/** A row of a table in Markdown. */
const line = (cells: string[]) => `| ${cells.join(' | ')} |`
/** Whole thousands where a document needs no tenth. */
const whole = (text = '') => (text === '' ? '' : Number(text).toFixed(0))

test('the comparison has the phases of the static program', () => {
  const columns: [string, string][] = [
    ['submitter', 'clone'],
    ['submitter', 'after the clone'],
    ['child', 'set up'],
    ['child', 'exec: open'],
    ['child', 'exec: map'],
    ['child', 'program'],
    ['child', 'exit'],
    ['submitter', 'wait'],
  ]
  const k = (count: number) => Math.round(count / 1000).toFixed(0)
  for (const { child, method, total, phases } of ofMain(designs, designs.phases)) {
    const name = (METHOD_NAMES as Record<string, string>)[method] as string
    // These methods are in other tables only.
    const elsewhere = ['chain', 'chain_pidfd', ...Object.keys(PRELOADED)]
    if (child !== 'static' || elsewhere.includes(method)) continue
    const numbers = columns.map(([who, phase]) => k(phases[who][phase]))
    expect(comparison).toContain(line([name.replace(/^16/, 'sixteen'), k(total), ...numbers]))
  }
})

test('the document of posix_spawn() has what each interface takes', () => {
  const document = read('docs/posix-spawn.md')
  const k = (count: number) => (count / 1000).toFixed(1)
  const names: Record<string, string> = { posix_spawn: "the C library's" }
  for (const [method, by] of Object.entries(PRELOADED)) names[method] = `\`${by}\``
  const counts = ofMain(designs, designs.results).filter(
    ({ child, memory, fds }: Record<string, unknown>) =>
      child === 'static' && memory === 0 && fds === 3,
  )
  // A result from before these methods has nothing to compare.
  if (!counts.some(({ method }: Record<string, string>) => (method ?? '') in PRELOADED)) return
  for (const { method, total, call } of counts) {
    if (names[method]) expect(document).toContain(line([names[method], k(total), k(call)]))
  }
})

test('the comparison has every program on every kernel, and what it has mapped', () => {
  for (const cells of tables.kernels(designs).rows) expect(comparison).toContain(line(cells))
  for (const [name = '', , ...figures] of tables.footprints(ofMain(designs, designs.footprints))
    .rows) {
    expect(comparison).toContain(line([name, ...figures]))
  }
})

test("the comparison has the counts of agents' calls, the README their means", () => {
  const { head, rows } = tables.agentsToday(agentCounts)
  expect(rows).toHaveLength(18)
  // What mapping in batches saves is the same in every column: one is enough.
  const shown = head.slice(2).map((name) => name.endsWith('patched kernel') || /^vfork/.test(name))
  for (const [name = '', base, ...cells] of rows) {
    const row = line([name, whole(base), ...cells.filter((_, at) => shown[at])])
    expect(comparison).toContain(row)
    if (name.startsWith('geometric')) expect(read('README.md')).toContain(row)
  }
})
