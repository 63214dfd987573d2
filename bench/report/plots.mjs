// The plots of the report: from the results to what Apache ECharts is told to
// draw. It is the library for this because the same options make an SVG without
// a browser, for the README, and a live plot in the page.
import { PHASES } from '../designs/phases.mjs'
import { BATCH_NAMES, METHOD_NAMES } from './names.mjs'
import { tables } from './tables.mjs'

/** Okabe and Ito's colours, which people with any colour vision tell apart. */
const COLOURS = {
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
const title = (text, subtext) => ({ text, subtext, left: 0, itemGap: 10 })

/** Room for a title and its line below, a legend at the bottom, long names at the left. */
const grid = (extra = {}) => ({
  left: 8,
  right: 48,
  top: 68,
  bottom: 56,
  containLabel: true,
  ...extra,
})

const names = (data) => ({ type: 'category', data, inverse: true, axisTick: { show: false } })
const values = (name, extra = {}) => ({
  ...{ type: 'value', name, nameLocation: 'middle', nameGap: 28 },
  ...extra,
})
const legend = () => ({ bottom: 0, left: 0, type: 'plain', itemWidth: 14, itemHeight: 10 })

/** Horizontal bars; `series` has values by name, in the order of the rows. */
function bars({ heading, below, rows, axis, series, label = '{c}', stack, legendRows = 1 }) {
  return {
    title: title(heading, below),
    grid: grid({ bottom: 44 + (series.length > 1 ? 22 * legendRows : 0) }),
    ...(series.length > 1 ? { legend: legend() } : {}),
    tooltip: { trigger: 'axis', axisPointer: { type: 'shadow' } },
    xAxis: values(axis.name, axis),
    yAxis: names(rows),
    series: series.map(({ name, data, colour }) => ({
      ...{ name, type: 'bar', data, itemStyle: { color: colour }, barMaxWidth: 22 },
      ...(stack
        ? { stack: 'all' }
        : { label: { show: true, position: 'right', formatter: label } }),
    })),
  }
}

/** What of `results` is on one axis, and what each row is called. */
const ofParent = (results, child, memory, fds) =>
  results.filter((one) => one.child === child && one.memory === memory && one.fds === fds)

function countsPlot({ results }, child, heading) {
  const rows = ofParent(results, child, 0, 3)
  return bars({
    heading,
    below: 'From the request to the collected exit; fewer is better',
    rows: rows.map(({ method }) => METHOD_NAMES[method]),
    axis: { name: 'thousand instructions' },
    series: [
      { name: 'in all', data: rows.map(({ total }) => thousands(total)), colour: COLOURS.grey },
      {
        ...{ name: 'in the thread that asks', colour: COLOURS.blue },
        data: rows.map(({ call }) => thousands(call)),
      },
    ],
  })
}

/** How the count grows along an axis, one line for each method. */
function growthPlot({ results }, { heading, name, of }) {
  const points = results.filter((one) => one.child === 'static' && of(one) !== undefined)
  const methods = [...new Set(points.map(({ method }) => method))]
  const at = [...new Set(points.map(of))].sort((a, b) => a - b)
  return {
    title: title(heading, 'Static program; logarithmic; fewer is better'),
    grid: grid({ left: 28, bottom: 130 }),
    legend: legend(),
    tooltip: { trigger: 'axis' },
    xAxis: { type: 'category', data: at.map(String), name, nameLocation: 'middle', nameGap: 28 },
    yAxis: values('thousand instructions', { type: 'log', nameGap: 64 }),
    color: [...Object.values(COLOURS), '#332288', '#882255', '#117733'],
    series: methods.map((method) => ({
      ...{ name: METHOD_NAMES[method], type: 'line', symbolSize: 7 },
      data: at.map((x) => {
        const found = points.find((one) => one.method === method && of(one) === x)
        return found ? thousands(found.total) : null
      }),
    })),
  }
}

function phasesPlot({ phases }, child, heading) {
  const rows = phases.filter((one) => one.child === child)
  const columns = Object.entries(PHASES).flatMap(([who, all]) =>
    all.map((phase) => ({ who, phase })),
  )
  return bars({
    heading,
    below: 'By who is at work on what; what tracing cost is subtracted',
    rows: rows.map(({ method }) => METHOD_NAMES[method]),
    axis: { name: 'thousand instructions' },
    stack: true,
    legendRows: 3,
    series: columns.map(({ who, phase }) => ({
      ...{ name: `${who}: ${phase}`, colour: PHASE_COLOURS[`${who}: ${phase}`] },
      // A phase that is not there comes out as some instructions less than none.
      data: rows.map((row) => Math.max(0, thousands(row.phases[who][phase]))),
    })),
  })
}

const BATCH_COLOURS = { vfork_batch: COLOURS.blue, vfork: COLOURS.orange }

function batchPlot({ results, rounds }) {
  return bars({
    heading: '16 chains in one call beside 16 vforks',
    below: 'How many times as soon all have ended, in each round; two CPUs',
    rows: Array.from({ length: rounds }, (_, at) => `round ${at + 1}`),
    axis: { name: 'times' },
    series: results.map(({ method, ratioOfRounds }) => ({
      name: BATCH_NAMES[method],
      data: ratioOfRounds.map((x) => Math.round(x * 100) / 100),
      colour: BATCH_COLOURS[method],
    })),
  })
}

const COLUMN_COLOURS = {
  child_process: COLOURS.grey,
  spawn_template: COLOURS.orange,
  uring: COLOURS.blue,
  'uring from templates': COLOURS.green,
  vfork: COLOURS.purple,
}

const columnsOf = (results) => [...new Set(results.map(({ column }) => column))]

function agentRatesPlot({ results }) {
  const splits = [...new Set(results.map(({ split }) => split))]
  return bars({
    heading: 'What agents call, sixteen in flight',
    below: 'Calls per second by worker processes × calls in flight of each; more is better',
    rows: splits,
    axis: { name: 'calls per second' },
    series: columnsOf(results).map((column) => ({
      ...{ name: column, colour: COLUMN_COLOURS[column] },
      data: splits.map((split) => {
        const one = results.find((row) => row.split === split && row.column === column)
        return one ? Math.round(one.callsPerSecond * 10) / 10 : null
      }),
    })),
  })
}

function agentDeltasPlot({ results, published }) {
  const splits = [...new Set(results.map(({ split }) => split))]
  const percent = (one) => {
    if (!one) return null
    if (one.equal) return { value: 0, label: { formatter: 'equal' } }
    return Math.round(one.delta * 10) / 10
  }
  const columns = columnsOf(results).filter((name) => name !== 'child_process')
  return bars({
    heading: 'What agents call, beside the usual way',
    below: 'Percent more calls per second than child_process; as published: than subprocess',
    rows: splits,
    axis: { name: '%' },
    label: '{c} %',
    series: [
      ...columns.map((column) => ({
        ...{ name: column, colour: COLUMN_COLOURS[column] },
        data: splits.map((split) =>
          percent(results.find((row) => row.split === split && row.column === column)),
        ),
      })),
      {
        ...{ name: 'spawn_template as published', colour: '#f0d9a8' },
        data: splits.map((split) => percent(published.rows.find((row) => row.split === split))),
      },
    ],
  })
}

/** Where a logarithmic axis begins, so that the shortest bar is seen. */
const below = (list) => 10 ** Math.floor(Math.log10(Math.min(...list)) - 0.3)

function nodePlot({ name, unit, more, results }) {
  return bars({
    heading: name[0].toUpperCase() + name.slice(1),
    below: `Median, logarithmic; ${more ? 'more' : 'less'} is better`,
    rows: results.map(({ side }) => side),
    axis: { name: unit, type: 'log', min: below(results.map(({ median }) => median)) },
    series: [
      {
        ...{ name: 'median', colour: COLOURS.grey },
        data: results.map(({ side, median }) => ({
          value: Number(median.toPrecision(3)),
          itemStyle: { color: side === 'uring-spawn' ? COLOURS.blue : COLOURS.grey },
        })),
      },
    ],
  })
}

const slug = (text) => text.replaceAll(/\W+/g, '-').toLowerCase()
const memoryOf = ({ memory, fds }) => (fds === 3 ? memory : undefined)
const filesOf = ({ memory, fds }) => (memory === 0 ? fds : undefined)
const several = (results, of) => new Set(results.map(of).filter((x) => x !== undefined)).size > 1

const drawn = {
  designs(result) {
    const { results } = result
    const children = [...new Set(results.map(({ child }) => child))]
    const along = [
      ['designs-memory', 'Memory of the parent', 'MiB that the parent has touched', memoryOf],
      ['designs-descriptors', 'Open files of the parent', 'open descriptors', filesOf],
    ].filter(([, , , of]) => several(results, of))
    return [
      ...children.map((child) => ({
        name: `designs-${child}`,
        option: countsPlot(result, child, `What starting a ${child} program takes`),
        table: tables.counts(ofParent(results, child, 0, 3)),
      })),
      ...along.map(([name, heading, axis, of]) => ({
        name,
        option: growthPlot(result, { heading, name: axis, of }),
        table: tables.growth(results, of),
      })),
      ...children.map((child) => ({
        name: `phases-${child}`,
        option: phasesPlot(result, child, `Where the instructions go, ${child} program`),
        table: tables.phases(result.phases.filter((one) => one.child === child)),
      })),
    ]
  },
  batch: (result) => [{ name: 'batch', option: batchPlot(result), table: tables.batch(result) }],
  'agent-tools': (result) => [
    {
      name: 'agent-tools',
      option: agentRatesPlot(result),
      table: tables.agentRates(result),
    },
    {
      name: 'agent-tools-beside',
      option: agentDeltasPlot(result),
      table: tables.agentDeltas(result),
    },
  ],
  node: ({ measurements }) =>
    measurements.map((one) => ({
      name: `node-${slug(one.name)}`,
      option: nodePlot(one),
      table: tables.sides(one),
    })),
}

/** Enough for its bars and what is around them. */
function heightOf({ yAxis, series, legend: hasLegend }) {
  if (yAxis.type !== 'category') return 460
  const bar = series[0].stack ? 26 : 10 + 18 * series.length
  return 134 + yAxis.data.length * bar + (hasLegend ? (series.length > 6 ? 70 : 24) : 0)
}

/**
 * @param {object} result of a benchmark
 * @returns {{ name: string, height: number, option: object,
 *   table: { head: string[], rows: string[][] } }[]}
 */
export const plotsOf = (result) =>
  drawn[result.benchmark](result).map((plot) => ({ ...plot, height: heightOf(plot.option) }))

export const WIDTH = 760
