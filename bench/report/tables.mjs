// The figures as tables, one for each plot. A difference within the noise of a
// run is shown as "equal".
import { compare, compareWithToday } from '../agent-counts/compare.mjs'
import { columnName, compareKernels, KERNEL_NAMES } from '../designs/kernels.mjs'
import { PHASE_LIST } from '../designs/phases.mjs'
import { BATCH_NAMES, CHILD_NAMES, METHOD_NAMES } from './names.mjs'

/** How much counts of the same thing differ from run to run, in percent. */
export const COUNT_NOISE = 2

const k = (n) => (n / 1000).toFixed(1).replace(/^-0\.0$/, '0.0')
const signed = (number, digits = 1) =>
  `${number < 0 ? '−' : '+'}${Math.abs(number).toFixed(digits)} %`

/** A count compared with another one. */
export function compared(count, other) {
  const percent = (count / other - 1) * 100
  return Math.abs(percent) < COUNT_NOISE ? 'equal' : signed(percent)
}

function counts(rows, base = 'vfork') {
  const other = rows.find(({ method }) => method === base)
  return {
    head: ['thousand instructions', 'total', `vs. ${base}`, 'caller', 'mean of all runs'],
    rows: rows.map(({ method, total, call, mean }) => [
      METHOD_NAMES[method],
      k(total),
      other && method !== base ? compared(total, other.total) : '',
      k(call),
      k(mean),
    ]),
  }
}

/** Each program on every kernel. */
function kernels(result) {
  const { columns, rows } = compareKernels(result)
  const [base, ...others] = columns.map(columnName)
  return {
    head: ['program', `${base}, thousand instructions`, ...others],
    rows: rows.map(({ child, base, ratios }) => [
      CHILD_NAMES[child],
      k(base),
      ...ratios.map((ratio) => `${k(base * ratio)} (${compared(ratio, 1)})`),
    ]),
  }
}

/** A method's phases, a row for each program on each kernel. */
function kernelPhases(rows) {
  return {
    head: ['thousand instructions', 'kernel', 'total', ...PHASE_LIST.map(({ name }) => name)],
    rows: rows.map(({ child, kernel, total, phases }) => [
      ...[CHILD_NAMES[child], KERNEL_NAMES[kernel], k(total)],
      ...PHASE_LIST.map(({ who, phase }) => k(phases[who][phase])),
    ]),
  }
}

const footprints = (rows) => ({
  head: ['program', 'kernel', 'page faults', 'mapped pages', 'of them anonymous', 'page tables'],
  rows: rows.map(({ child, kernel, faults, mapped, anonymous, tables }) => [
    ...[CHILD_NAMES[child], KERNEL_NAMES[kernel]],
    ...[faults, mapped, anonymous, tables].map((number) => number.toFixed(1)),
  ]),
})

/** A column for each place on the axis. */
function growth(results, of) {
  const points = results.filter((one) => one.child === 'static' && of(one) !== undefined)
  const at = [...new Set(points.map(of))].sort((a, b) => a - b)
  const methods = [...new Set(points.map(({ method }) => method))]
  return {
    head: ['thousand instructions', ...at.map((x) => x.toLocaleString('en'))],
    rows: methods.map((method) => [
      METHOD_NAMES[method],
      ...at.map((x) => k(points.find((one) => one.method === method && of(one) === x).total)),
    ]),
  }
}

function phases(rows) {
  return {
    head: ['thousand instructions', ...rows.map(({ method }) => METHOD_NAMES[method])],
    rows: [
      ...PHASE_LIST.map(({ who, phase, name }) => [
        name,
        ...rows.map((row) => k(row.phases[who][phase])),
      ]),
      ['total', ...rows.map(({ total }) => k(total))],
      ['(tracing, subtracted)', ...rows.map(({ total, traced }) => k(traced - total))],
    ],
  }
}

function awaited(rows) {
  const base = rows.find(({ backend }) => backend === 'vfork')
  return {
    head: [
      'thousand instructions',
      'JavaScript thread',
      "with the library's threads",
      'vs. vfork',
      'total',
      'switches',
    ],
    rows: rows.map(({ backend, thread, program, total, switches }) => [
      backend,
      k(thread),
      k(program),
      !base || backend === 'vfork' ? '' : compared(program, base.program),
      k(total),
      switches.toFixed(2),
    ]),
  }
}

function agentCounts({ results, baseline }, kernel) {
  const kinds = compare(
    results.filter((one) => one.kernel === kernel),
    baseline,
  )
  const columns = Object.keys(kinds[0].ratios).filter((column) => column !== baseline)
  return {
    head: ['call', `${baseline}, thousand instructions`, ...columns],
    rows: kinds.map(({ name, base, ratios }) => [
      name,
      base === undefined ? '' : k(base),
      ...columns.map((column) => compared(ratios[column], 1)),
    ]),
  }
}

/** Every column on every kernel beside what there is today. */
function agentsToday({ results }) {
  const { kernel, columns, rows } = compareWithToday(results)
  return {
    head: [
      'call',
      `vfork, ${kernel} kernel, thousand instructions`,
      ...columns.map(({ column, kernel }) => `${column}, ${kernel} kernel`),
    ],
    rows: rows.map(({ name, base, ratios }) => [
      name,
      base === undefined ? '' : k(base),
      ...ratios.map((ratio) => compared(ratio, 1)),
    ]),
  }
}

/** In the form of the RFC's table. */
function agentRates({ results, baseline }) {
  return {
    head: ['workers', 'calls', 'column', 'calls/s', 'time_s', `vs. ${baseline}`],
    rows: results.map((one) => [
      one.split,
      String(one.calls),
      one.column,
      one.callsPerSecond.toFixed(2),
      one.seconds.toFixed(2),
      one.column === baseline ? '' : one.equal ? 'equal' : signed(one.delta, 2),
    ]),
  }
}

function agentDeltas({ results, published, baseline }) {
  const splits = [...new Set(results.map(({ split }) => split))]
  const columns = [...new Set(results.map(({ column }) => column))].filter(
    (name) => name !== baseline,
  )
  const cell = ({ delta, low, high, equal }) =>
    `${equal ? 'equal' : signed(delta, 2)} (${signed(low)} to ${signed(high)})`
  return {
    head: ['workers', ...columns, 'spawn_template as published'],
    rows: splits.map((split) => [
      split,
      ...columns.map((column) => {
        const one = results.find((row) => row.split === split && row.column === column)
        return one ? cell(one) : ''
      }),
      signed(published.rows.find((row) => row.split === split).delta, 2),
    ]),
  }
}

const sides = ({ unit, results }) => ({
  head: [unit, 'median', '99th percentile', 'uring-spawn is better'],
  rows: results.map(({ side, median, p99, ratio, equal }) => [
    side,
    median.toFixed(1),
    p99.toFixed(1),
    side === 'uring-spawn' ? '' : equal ? 'equal' : `×${ratio.toFixed(2)}`,
  ]),
})

const batch = ({ results, rounds }) => ({
  head: [`compared with, ${rounds} rounds`, 'times sooner, median', 'lowest', 'highest'],
  rows: results.map(({ method, ratio, lowest, highest }) => [
    BATCH_NAMES[method],
    ...[ratio, lowest, highest].map((times) => times.toFixed(2)),
  ]),
})

const cluster = ({ results, rounds, workers }) => ({
  head: [
    `command, ${rounds} rounds`,
    'at once',
    'local, per second',
    `${workers} workers`,
    'ratio',
  ],
  rows: results.map(({ command, concurrency, local, cluster, ratio, low, high }) => [
    ...[command, String(concurrency), local.toFixed(0), cluster.toFixed(0)],
    `${ratio.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`,
  ]),
})

const spawners = ({ results, rounds }) => ({
  head: [`${rounds} rounds`, 'times sooner, median', '95 % interval'],
  rows: results.map(({ name, ratio, low, high }) => [
    name,
    ratio.toFixed(2),
    `${low.toFixed(2)} to ${high.toFixed(2)}`,
  ]),
})

const spawnersCounts = ({ counts }) => ({
  head: ['thousand instructions', "the C library's", ...Object.keys(counts[0].by)],
  rows: counts.map(({ name, libc, by }) => [
    ...[name, k(libc)],
    ...Object.values(by).map((count) => `${k(count)} (${compared(count, libc)})`),
  ]),
})

export const tables = {
  counts,
  kernels,
  kernelPhases,
  footprints,
  growth,
  phases,
  batch,
  awaited,
  agentCounts,
  agentsToday,
  agentRates,
  agentDeltas,
  sides,
  cluster,
  spawners,
  spawnersCounts,
}
