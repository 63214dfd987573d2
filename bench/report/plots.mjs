// The plots of the report: from results to options of Apache ECharts, chosen
// because the same options make an SVG without a browser, for the README, and a
// live plot in the page.
import { compare, compareWithToday } from '../agent-counts/compare.mjs'
import { CALLS } from '../awaited/calls.mjs'
import {
  columnName,
  compareKernels,
  KERNEL_NAMES,
  mainKernel,
  ofMain,
} from '../designs/kernels.mjs'
import { PHASE_LIST } from '../designs/phases.mjs'
import { BATCH_NAMES, CHILD_NAMES, METHOD_NAMES, PRELOADED } from './names.mjs'
import { tables } from './tables.mjs'

/** Okabe and Ito's colours, which people with any colour vision can tell apart. */
export const COLOURS = {
  blue: '#0072b2',
  sky: '#56b4e9',
  green: '#009e73',
  orange: '#e69f00',
  vermillion: '#d55e00',
  purple: '#cc79a7',
  grey: '#8c8c8c',
}

const PHASE_COLOURS = {
  'submitter: request': '#9fd3f5',
  'submitter: clone': COLOURS.blue,
  'submitter: after the clone': COLOURS.sky,
  'submitter: wait': '#7a8fd0',
  'child: set up': COLOURS.purple,
  'child: exec: open': COLOURS.orange,
  'child: exec: map': COLOURS.vermillion,
  'child: program': '#b5a642',
  'child: exit': COLOURS.green,
  'system: interrupts': COLOURS.grey,
  'system: kernel threads': '#5f5f5f',
  'system: idle': '#c8c8c8',
}

export const thousands = (n) => Math.round(n / 100) / 10

/** Room for an axis' name below; labels of any length get theirs at the sides. */
const grid = (extra = {}) => ({
  ...{ left: 8, right: 24, top: 12, bottom: 44, containLabel: true },
  ...extra,
})

const names = (data) => ({ type: 'category', data, inverse: true, axisTick: { show: false } })
const values = (name, extra = {}) => ({
  ...{ type: 'value', name, nameLocation: 'middle', nameGap: 28 },
  ...extra,
})

/** In a narrow window long names take several lines, and the plot keeps its room. */
const narrow = (option) => [{ query: { maxWidth: 520 }, option }]
const NARROW_LABELS = {
  axisLabel: { width: 140, overflow: 'break', fontSize: 11, lineHeight: 12 },
}

/** Horizontal bars from zero; `series` has values by name, in the order of the rows. */
export function bars({ heading, below, rows, axis, series, label = '{c}', stack }) {
  return {
    ...{ heading, below },
    legend: series.length > 1 ? series.map(({ name, colour }) => ({ name, colour })) : [],
    height: 70 + rows.length * (stack ? 26 : 10 + 18 * series.length),
    option: {
      // A label at the end of the longest bar is outside of it.
      grid: grid({ right: 48 }),
      tooltip: { trigger: 'axis', axisPointer: { type: 'shadow' }, confine: true },
      xAxis: values(axis, { min: 0, axisLabel: { hideOverlap: true } }),
      yAxis: names(rows),
      series: series.map(({ name, data, colour }) => ({
        ...{ name, type: 'bar', data, itemStyle: { color: colour }, barMaxWidth: 22 },
        ...(stack
          ? { stack: 'all' }
          : { label: { show: true, position: 'right', formatter: label } }),
      })),
      media: narrow({ yAxis: NARROW_LABELS }),
    },
  }
}

/** A ratio as people read it. */
export const times = (ratio) => `×${ratio >= 100 ? ratio.toFixed(0) : ratio.toPrecision(3)}`

/** Above this a linear axis would push the small ratios together. */
const MOST_LINEAR = 20

/** A linear axis with room for all of `list`: ECharts drops an interval that ends outside. */
function axisOf(name, list) {
  const [least, most] = [Math.min(0, ...list), Math.max(0, ...list)]
  const step = 10 ** Math.floor(Math.log10(most - least))
  const [min, max] = [Math.floor(least / step) * step, Math.ceil(most / step) * step]
  return values(name, { min, max, axisLabel: { hideOverlap: true } })
}

/** The axis of ratios: linear from zero, or logarithmic by powers of ten. */
export function ratioAxis(name, ratios) {
  const [least, most] = [Math.min(1, ...ratios), Math.max(1, ...ratios)]
  if (most / least <= MOST_LINEAR) return axisOf(name, ratios)
  const power = (round, ratio) => 10 ** round(Math.log10(ratio))
  return values(`${name}, logarithmic`, {
    ...{ type: 'log', axisLabel: { hideOverlap: true } },
    ...{ min: power(Math.floor, least), max: power(Math.ceil, most) },
  })
}

/**
 * Points with intervals, a row for each, where a bar's length would mean
 * nothing: ratios and differences.
 * @param {{ heading: string, below: string, axis: object, same: number, groups:
 *   { name: string, colour: string, rows: { name: string, value: number, low?: number,
 *   high?: number, text: string, rounds?: number[] }[] }[], order?: string[] }} what
 *   `same`: where there is no difference; `order`: the rows', top to bottom
 */
export function points({ heading, below, axis, same, groups, order }) {
  const all = groups.flatMap(({ rows }) => rows)
  const rows = order ?? all.map(({ name }) => name)
  const textOf = new Map(all.map(({ name, text }) => [name, text]))
  const interval = ({ name, low, high }) => [{ coord: [low, name] }, { coord: [high, name] }]
  const series = groups.map(({ name, colour, rows }) => ({
    ...{ name, type: 'scatter', symbolSize: 11, itemStyle: { color: colour } },
    data: rows.map(({ name, value }) => [value, name]),
    markLine: {
      ...{ silent: true, symbol: 'none', label: { show: false } },
      lineStyle: { color: colour, width: 3, type: 'solid', opacity: 0.6 },
      data: rows.filter(({ low }) => low !== undefined).map(interval),
    },
  }))
  const rounds = groups.map(({ name, colour, rows }) => ({
    ...{ name: `${name}, each round`, type: 'scatter', symbolSize: 5, silent: true },
    itemStyle: { color: colour, opacity: 0.35 },
    data: rows.flatMap(({ name, rounds = [] }) => rounds.map((value) => [value, name])),
  }))
  const line = {
    ...{ silent: true, symbol: 'none', label: { show: false } },
    ...{ lineStyle: { color: COLOURS.grey, width: 1, type: 'dashed' }, data: [{ xAxis: same }] },
  }
  return {
    ...{ heading, below },
    legend: all.length > groups.length ? groups.map(({ name, colour }) => ({ name, colour })) : [],
    height: 70 + rows.length * 28,
    option: {
      grid: grid(),
      tooltip: { trigger: 'item', confine: true, formatter: '{b}{c}' },
      xAxis: axis,
      yAxis: [
        names(rows),
        // The figures in a column of their own, at the right.
        {
          ...names(rows.map((name) => textOf.get(name))),
          ...{ position: 'right', axisLine: { show: false } },
        },
      ],
      series: [
        ...rounds.filter(({ data }) => data.length > 0),
        ...series,
        // A scatter of nothing, which carries the line of no difference.
        { name: 'no difference', type: 'scatter', data: [], markLine: line },
      ],
      media: narrow({ yAxis: [NARROW_LABELS, { show: false }] }),
    },
  }
}

/** The results of one parent, a row for each method. */
const ofParent = (results, child, memory, fds) =>
  results.filter((one) => one.child === child && one.memory === memory && one.fds === fds)

function countsPlot(rows, heading) {
  return bars({
    heading,
    below: 'From the request to the collected exit; fewer is better',
    rows: rows.map(({ method }) => METHOD_NAMES[method]),
    axis: 'thousand instructions',
    series: [
      { name: 'total', data: rows.map(({ total }) => thousands(total)), colour: COLOURS.grey },
      {
        ...{ name: 'in the calling thread', colour: COLOURS.blue },
        data: rows.map(({ call }) => thousands(call)),
      },
    ],
  })
}

/** How the count grows along an axis, one line for each method. */
function growthPlot(results, { heading, name, of }) {
  const found = results.filter((one) => one.child === 'static' && of(one) !== undefined)
  const methods = [...new Set(found.map(({ method }) => method))]
  const at = [...new Set(found.map(of))].sort((a, b) => a - b)
  const colours = [...Object.values(COLOURS), '#332288', '#882255', '#117733']
  const lines = methods.map((method, index) => ({
    name: METHOD_NAMES[method],
    colour: colours[index % colours.length],
    data: at.map((x) => {
      const one = found.find((row) => row.method === method && of(row) === x)
      return one ? thousands(one.total) : null
    }),
  }))
  // The labels of the axis, up to the next power of ten, are between it and its name.
  const most = Math.max(...lines.flatMap(({ data }) => data))
  return {
    heading,
    below: 'Static program; logarithmic axis; fewer is better. Counts repeat to 2 %.',
    legend: lines.map(({ name, colour }) => ({ name, colour })),
    height: 380,
    option: {
      grid: grid({ left: 28, bottom: 44 }),
      tooltip: { trigger: 'axis', confine: true },
      xAxis: { type: 'category', data: at.map(String), name, nameLocation: 'middle', nameGap: 28 },
      yAxis: values('thousand instructions', { type: 'log', nameGap: most > 1000 ? 64 : 56 }),
      series: lines.map(({ name, data, colour }) => ({
        ...{ name, type: 'line', symbolSize: 7, data },
        ...{ itemStyle: { color: colour }, lineStyle: { color: colour } },
      })),
    },
  }
}

function phasesPlot(rows, heading) {
  return bars({
    heading,
    below: 'By phase of the start; the cost of tracing is subtracted',
    rows: rows.map(({ method }) => METHOD_NAMES[method]),
    axis: 'thousand instructions',
    stack: true,
    series: PHASE_LIST.map(({ who, phase, name }) => ({
      ...{ name, colour: PHASE_COLOURS[name] },
      // A phase that a method lacks comes out slightly below zero.
      data: rows.map((row) => Math.max(0, thousands(row.phases[who][phase]))),
    })),
  })
}

/** A row for each thing that is done, a point for each column; the figures are the last column's. */
function savedPlot({ heading, below, columns, rows }) {
  const saved = (ratio) => (1 - ratio) * 100
  return points({
    ...{ heading, below },
    axis: axisOf(
      'instructions saved, %',
      rows.flatMap(({ ratios }) => ratios.map(saved)),
    ),
    same: 0,
    order: rows.map(({ name }) => name),
    groups: columns.map((column, at) => ({
      ...column,
      rows: rows.map(({ name, ratios }) => ({
        ...{ name, value: saved(ratios[at]) },
        text: percent(-saved(ratios.at(-1))),
      })),
    })),
  })
}

const KERNEL_COLOURS = [COLOURS.orange, COLOURS.blue, COLOURS.green]

/** A row for each program, a point for each kernel. */
function kernelsPlot(result) {
  const { columns, rows } = compareKernels(result)
  const [base, ...others] = columns.map(columnName)
  return savedPlot({
    heading: 'Instructions saved in a start, by kernel',
    below: `Compared with ${base}; figures: ${others.at(-1)}`,
    columns: others.map((name, at) => ({ name, colour: KERNEL_COLOURS[at] })),
    rows: rows.map(({ child, ratios }) => ({ name: CHILD_NAMES[child], ratios })),
  })
}

/** Programs differ too much for one axis of counts: the base is each one's total on the first kernel. */
function kernelPhasesPlot(rows, first) {
  const totalOf = (child) => rows.find((one) => one.child === child && one.kernel === first).total
  const share = ({ child, phases }, { who, phase }) =>
    Math.max(0, Math.round((1000 * phases[who][phase]) / totalOf(child)) / 10)
  return bars({
    heading: 'Where the instructions go by vfork, by kernel',
    below: `By phase of the start, in percent of what it takes on the ${KERNEL_NAMES[first]}`,
    rows: rows.map(({ child, kernel }) => `${CHILD_NAMES[child]}, ${KERNEL_NAMES[kernel]}`),
    axis: '%',
    stack: true,
    series: PHASE_LIST.map((one) => ({
      ...{ name: one.name, colour: PHASE_COLOURS[one.name] },
      data: rows.map((row) => share(row, one)),
    })),
  })
}

function footprintPlot(rows, kernel) {
  return bars({
    heading: `What a program has mapped when it ends, ${KERNEL_NAMES[kernel]}`,
    below: 'Means of its starts; whatever starts it',
    rows: rows.map(({ child }) => CHILD_NAMES[child]),
    axis: 'page faults, or pages',
    series: [
      {
        ...{ name: 'page faults', colour: COLOURS.vermillion },
        data: rows.map(({ faults }) => faults),
      },
      {
        ...{ name: 'mapped pages', colour: COLOURS.blue },
        data: rows.map(({ mapped }) => mapped),
      },
      {
        ...{ name: 'pages of page tables', colour: COLOURS.green },
        data: rows.map(({ tables }) => tables),
      },
    ],
  })
}

const BATCH_COLOURS = { vfork_batch: COLOURS.blue, vfork: COLOURS.orange }

const range = ({ low, high }, of) => `${of(low)} to ${of(high)}`

function batchPlot({ results, rounds }) {
  return points({
    heading: '16 chains in one call compared with 16 vforks',
    below: `How many times sooner all have exited, on two CPUs: median of ${rounds} rounds, its 95 % interval, and each round`,
    axis: ratioAxis(
      'times sooner',
      results.flatMap(({ ratioOfRounds }) => ratioOfRounds),
    ),
    same: 1,
    groups: results.map(({ method, ratio, low, high, ratioOfRounds }) => ({
      ...{ name: BATCH_NAMES[method], colour: BATCH_COLOURS[method] },
      rows: [
        {
          ...{ name: BATCH_NAMES[method], value: ratio, low, high, rounds: ratioOfRounds },
          text: `${times(ratio)} (${range({ low, high }, (x) => x.toFixed(2))})`,
        },
      ],
    })),
  })
}

function awaitedPlot(rows, call) {
  return bars({
    heading: `Awaited: ${CALLS[call].title}`,
    below: 'One static program at a time, from the call to the settled promise; fewer is better',
    rows: rows.map(({ backend }) => backend),
    axis: 'thousand instructions',
    series: [
      {
        ...{ name: 'the whole machine', colour: COLOURS.grey },
        data: rows.map(({ total }) => thousands(total)),
      },
      {
        ...{ name: "with the library's threads", colour: COLOURS.sky },
        data: rows.map(({ program }) => thousands(program)),
      },
      {
        ...{ name: 'the JavaScript thread', colour: COLOURS.blue },
        data: rows.map(({ thread }) => thousands(thread)),
      },
    ],
  })
}

function spawnersPlot({ results, rounds }) {
  return points({
    heading: 'Programs that exist, with libposix_spawn_fast.so',
    below: `How many times sooner than with the C library's: median of ${rounds} rounds, its 95 % interval, and each round`,
    axis: ratioAxis(
      'times sooner',
      results.flatMap(({ ratioOfRounds }) => ratioOfRounds),
    ),
    same: 1,
    groups: [
      {
        ...{ name: 'with the library', colour: COLOURS.blue },
        rows: results.map(({ name, ratio, low, high, ratioOfRounds }) => ({
          ...{ name, value: ratio, low, high, rounds: ratioOfRounds },
          text: `${times(ratio)} (${range({ low, high }, (x) => x.toFixed(2))})`,
        })),
      },
    ],
  })
}

const INTERFACE_COLOURS = {
  vfork: COLOURS.purple,
  embryo: COLOURS.sky,
  builder: COLOURS.green,
  template: COLOURS.orange,
  chain: COLOURS.blue,
}

function spawnersCountsPlot({ counts }) {
  return bars({
    heading: 'Programs that exist, by instruction counts',
    below:
      'What one more command takes in the lab, its own start and end included; fewer is better',
    rows: counts.map(({ name }) => name),
    axis: 'thousand instructions',
    series: [
      {
        ...{ name: "the C library's posix_spawn()", colour: COLOURS.grey },
        data: counts.map(({ libc }) => thousands(libc)),
      },
      ...Object.keys(counts[0].by).map((name) => ({
        ...{ name: `libposix_spawn_fast.so, ${name}`, colour: INTERFACE_COLOURS[name] },
        data: counts.map(({ by }) => thousands(by[name])),
      })),
    ],
  })
}

const COLUMN_COLOURS = {
  child_process: COLOURS.grey,
  spawn_template: COLOURS.orange,
  uring: COLOURS.blue,
  'uring from headers': COLOURS.sky,
  'uring from templates': COLOURS.green,
  vfork: COLOURS.purple,
}

const columnsOf = (results) => [...new Set(results.map(({ column }) => column))]

function agentRatesPlot({ results, inFlight }) {
  const splits = [...new Set(results.map(({ split }) => split))]
  return bars({
    heading: `Calls of agents, ${inFlight} in flight`,
    below: 'Calls per second, by worker processes × calls in flight in each; more is better',
    rows: splits,
    axis: 'calls per second',
    series: columnsOf(results).map((column) => ({
      ...{ name: column, colour: COLUMN_COLOURS[column] },
      data: splits.map((split) => {
        const one = results.find((row) => row.split === split && row.column === column)
        return one ? Math.round(one.callsPerSecond * 10) / 10 : null
      }),
    })),
  })
}

const percent = (x) => `${x < 0 ? '−' : '+'}${Math.abs(x).toFixed(1)} %`

function agentDeltasPlot({ results, published, baseline }) {
  const splits = [...new Set(results.map(({ split }) => split))]
  const columns = columnsOf(results).filter((name) => name !== baseline)
  const PUBLISHED = 'spawn_template, published'
  const nameOf = (split, column) => `${split} ${column}`
  return points({
    heading: `Throughput gain over ${baseline}`,
    below:
      'Calls per second, in percent, with 95 % intervals; as published: over Python’s subprocess, on other hardware',
    axis: axisOf(
      '%',
      results.flatMap(({ delta, low, high }) => [delta, low, high]),
    ),
    same: 0,
    order: splits.flatMap((split) => [...columns, PUBLISHED].map((name) => nameOf(split, name))),
    groups: [
      ...columns.map((column) => ({
        ...{ name: column, colour: COLUMN_COLOURS[column] },
        rows: results
          .filter((one) => one.column === column)
          .map(({ split, delta, low, high, equal }) => ({
            ...{ name: nameOf(split, column), value: delta, low, high },
            text: `${equal ? 'equal' : percent(delta)} (${range({ low, high }, percent)})`,
          })),
      })),
      {
        ...{ name: PUBLISHED, colour: COLOURS.vermillion },
        rows: published.rows
          .filter(({ split }) => splits.includes(split))
          .map(({ split, delta }) => ({
            ...{ name: nameOf(split, PUBLISHED), value: delta, text: percent(delta) },
          })),
      },
    ],
  })
}

/** A row for each kind of call, a point for each column. */
function agentCountsPlot({ results, baseline }, kernel) {
  const kinds = compare(
    results.filter((one) => one.kernel === kernel),
    baseline,
  )
  const columns = Object.keys(kinds[0].ratios).filter((column) => column !== baseline)
  return savedPlot({
    heading: `Instructions saved in a call, ${kernel} kernel`,
    below: `Compared with ${baseline}, from the request to the collected output; the figures are those of ${columns.at(-1)}`,
    columns: columns.map((name) => ({ name, colour: COLUMN_COLOURS[name] })),
    rows: kinds.map(({ name, ratios }) => ({ name, ratios: columns.map((one) => ratios[one]) })),
  })
}

/** Every column on every kernel beside what there is today, a row for each kind of call. */
function agentsTodayPlot({ results }) {
  const { kernel, columns, rows } = compareWithToday(results)
  const nameOf = ({ column, kernel }) => `${column}, ${kernel} kernel`
  return savedPlot({
    heading: 'Instructions saved in a call',
    below: `Compared with vfork on the ${kernel} kernel; figures: ${nameOf(columns.at(-1))}`,
    columns: columns.map((column) => ({
      name: nameOf(column),
      colour: column.kernel === kernel ? COLOURS.vermillion : COLUMN_COLOURS[column.column],
    })),
    rows,
  })
}

/** Fewer rounds than these have no 95 % interval: it is their range. */
const LEAST_ROUNDS = 6

function nodePlot({ name, unit, more, results }, rounds) {
  const others = results.filter(({ side }) => side !== 'uring-spawn')
  const ours = results.find(({ side }) => side === 'uring-spawn')
  const interval = rounds < LEAST_ROUNDS ? `range of ${rounds} rounds` : '95 % interval'
  return points({
    heading: name[0].toUpperCase() + name.slice(1),
    below: `How many times better uring-spawn is (median ${ours.median.toPrecision(3)} ${unit}, ${more ? 'more' : 'less'} is better), with the ${interval}`,
    axis: ratioAxis(
      'times better',
      others.flatMap(({ ratio, low, high }) => [ratio, low, high]),
    ),
    same: 1,
    groups: [
      {
        ...{ name: 'uring-spawn', colour: COLOURS.blue },
        rows: others.map(({ side, ratio, low, high, equal }) => ({
          ...{ name: side, value: ratio, low, high },
          text: equal ? `equal (${times(ratio)})` : times(ratio),
        })),
      },
    ],
  })
}

function clusterPlot({ results, rounds, workers }) {
  const interval = rounds < LEAST_ROUNDS ? 'range' : '95 % interval'
  return points({
    heading: `A batch over Redis with ${workers} workers, beside the local one`,
    below: `Commands per second as a part of the local batch’s: median of ${rounds} rounds, its ${interval}, and each round`,
    axis: ratioAxis(
      'of the local batch',
      results.flatMap(({ ratioOfRounds }) => ratioOfRounds),
    ),
    same: 1,
    groups: [
      {
        ...{ name: `${workers} workers`, colour: COLOURS.blue },
        rows: results.map(({ command, concurrency, ratio, low, high, ratioOfRounds }) => ({
          ...{ name: `${command}, ${concurrency} at once`, value: ratio, low, high },
          ...{ rounds: ratioOfRounds, text: times(ratio) },
        })),
      },
    ],
  })
}

const slug = (text) => text.replaceAll(/\W+/g, '-').toLowerCase()
const memoryOf = ({ memory, fds }) => (fds === 3 ? memory : undefined)
const filesOf = ({ memory, fds }) => (memory === 0 ? fds : undefined)
const several = (results, of) => new Set(results.map(of).filter((x) => x !== undefined)).size > 1

/** What tells the kernels apart; nothing if there is only one. */
function kernelsPlots(result) {
  const [first, ...others] = Object.keys(result.kernels)
  const compared = compareKernels(result)
  if (others.length === 0 || !compared) return []
  const rows = compared.rows.flatMap(({ child }) =>
    result.phases.filter((one) => one.child === child && one.method === 'vfork'),
  )
  return [
    { name: 'kernels', ...kernelsPlot(result), table: tables.kernels(result) },
    {
      ...{ name: 'kernels-phases', ...kernelPhasesPlot(rows, first) },
      table: tables.kernelPhases(rows),
    },
  ]
}

const AXES = [
  ['memory', 'Memory of the parent', 'MiB that the parent has touched', memoryOf],
  ['descriptors', 'Open files of the parent', 'open descriptors', filesOf],
]

/** Some methods by program, along both axes and by phase. */
function methodsPlots(result, { includes, suffix = '', what = '', base }) {
  const ofThese = (rows) => ofMain(result, rows).filter(({ method }) => includes(method))
  const own = ofThese(result.results)
  const ownPhases = ofThese(result.phases)
  const children = [...new Set(own.map(({ child }) => child))]
  const phasesOf = (child) => ownPhases.filter((one) => one.child === child)
  return [
    ...children.map((child) => {
      const rows = ofParent(own, child, 0, 3)
      return {
        name: `designs-${child}${suffix}`,
        ...countsPlot(rows, `Instructions to start ${CHILD_NAMES[child]}${what}`),
        table: tables.counts(rows, base),
      }
    }),
    ...AXES.filter(([, , , of]) => several(own, of)).map(([axis, heading, name, of]) => ({
      name: `designs-${axis}${suffix}`,
      ...growthPlot(own, { heading: `${heading}${what}`, name, of }),
      table: tables.growth(own, of),
    })),
    ...children.map((child) => ({
      name: `phases-${child}${suffix}`,
      ...phasesPlot(
        phasesOf(child),
        `Where the instructions go, ${CHILD_NAMES[child].replace(/^a /, '')}${what}`,
      ),
      table: tables.phases(phasesOf(child)),
    })),
  ]
}

const isPreloaded = (method) => method in PRELOADED

/** posix_spawn() by each interface, beside the C library's; nothing if that was not counted. */
function preloadedPlots(result) {
  if (!result.results.some(({ method }) => isPreloaded(method))) return []
  return methodsPlots(result, {
    includes: (method) => method === 'posix_spawn' || isPreloaded(method),
    suffix: '-posix-spawn',
    what: ', by posix_spawn()',
    base: 'posix_spawn',
  })
}

const drawn = {
  designs(result) {
    const footprints = ofMain(result, result.footprints)
    return [
      ...kernelsPlots(result),
      ...methodsPlots(result, { includes: (method) => !isPreloaded(method) }),
      ...preloadedPlots(result),
      {
        ...{ name: 'footprints', ...footprintPlot(footprints, mainKernel(result)) },
        table: tables.footprints(result.footprints),
      },
    ]
  },
  batch: (result) => [{ name: 'batch', ...batchPlot(result), table: tables.batch(result) }],
  awaited: ({ results }) =>
    [...new Set(results.map(({ call }) => call))].map((call) => {
      const rows = results.filter((one) => one.call === call)
      return {
        name: `awaited-${call}`,
        ...awaitedPlot(rows, call),
        table: tables.awaited(rows),
      }
    }),
  'agent-counts': (result) => [
    ...(compareWithToday(result.results)
      ? [
          {
            ...{ name: 'agent-counts', ...agentsTodayPlot(result) },
            table: tables.agentsToday(result),
          },
        ]
      : []),
    ...Object.keys(result.kernels).map((kernel) => ({
      name: `agent-counts-${kernel}`,
      ...agentCountsPlot(result, kernel),
      table: tables.agentCounts(result, kernel),
    })),
  ],
  'agent-tools': (result) => [
    {
      name: 'agent-tools',
      ...agentRatesPlot(result),
      table: tables.agentRates(result),
    },
    {
      name: 'agent-tools-gain',
      ...agentDeltasPlot(result),
      table: tables.agentDeltas(result),
    },
  ],
  node: ({ measurements, rounds }) =>
    measurements.map((one) => ({
      name: `node-${slug(one.name)}`,
      ...nodePlot(one, rounds),
      table: tables.sides(one),
    })),
  cluster: (result) => [{ name: 'cluster', ...clusterPlot(result), table: tables.cluster(result) }],
  spawners: (result) => [
    { name: 'spawners', ...spawnersPlot(result), table: tables.spawners(result) },
    {
      ...{ name: 'spawners-counts', ...spawnersCountsPlot(result) },
      table: tables.spawnersCounts(result),
    },
  ],
}

/**
 * The plots of a benchmark's result.
 * @param {object} result
 * @returns {Plot[]}
 * @typedef {object} Plot
 * @property {string} name  of its file and its element
 * @property {string} heading
 * @property {string} below  a line about what is drawn
 * @property {{ name: string, colour: string }[]} legend
 * @property {number} height  in pixels, without heading and legend
 * @property {object} option  of ECharts; JSON, so it has no functions
 * @property {{ head: string[], rows: string[][] }} table  the same figures
 */
export const plotsOf = (result) => drawn[result.benchmark](result)

export const WIDTH = 760
