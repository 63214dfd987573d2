// The demo's result as a page with plots that needs nothing else.
import { documentOf, escaped, factsOf, figureOf, tableOf } from '../bench/report/document.mjs'
import { bars, COLOURS, points, ratioAxis, times } from '../bench/report/plots.mjs'
import { foldedLinks } from './explained.mjs'
import { BASELINE, sides } from './sides.mjs'

const SIDE_COLOURS = { uring: COLOURS.blue, vfork: COLOURS.green, [BASELINE]: COLOURS.grey }

const round = (value) => Number(value.toPrecision(3))

const kernelOf = ({ lab }) => (lab ? 'patched kernel, emulated' : 'this kernel')

/** At least six rounds have a 95 % interval; for fewer it is their range. */
const intervalOf = (halves) =>
  halves.every(({ rounds }) => rounds >= 6) ? '95 % interval' : 'interval (95 %) or range'

/** Ratios can be compared across the kernels, absolute figures cannot. */
function gainPlot(halves) {
  const rows = halves.flatMap((half) =>
    half.sides
      .filter(({ side }) => side !== BASELINE)
      .map((side) => ({ ...side, name: `${side.label}, ${kernelOf(half)}`, half })),
  )
  const base = ({ sides }) => sides.find(({ side }) => side === BASELINE)
  const roundsOf = ({ half, secondsOfRounds }) =>
    secondsOfRounds.map((seconds, at) => base(half).secondsOfRounds[at] / seconds)
  return {
    name: 'gain',
    ...points({
      heading: `Throughput relative to ${BASELINE}`,
      below: `In the same round on the same kernel: median, ${intervalOf(halves)}, and each round`,
      axis: ratioAxis(
        'times as many calls per second',
        rows.flatMap((row) => [row.low, row.high, ...roundsOf(row)]),
      ),
      same: 1,
      groups: rows.map((row) => ({
        ...{ name: row.name, colour: SIDE_COLOURS[row.side] },
        rows: [
          {
            ...{ name: row.name, value: row.ratio, low: row.low, high: row.high },
            ...{ text: row.equal ? 'equal' : times(row.ratio), rounds: roundsOf(row) },
          },
        ],
      })),
    }),
    table: {
      head: ['', 'median', intervalOf(halves), 'rounds'],
      rows: rows.map((row) => [
        row.name,
        row.equal ? `equal (${times(row.ratio)})` : times(row.ratio),
        `${times(row.low)} to ${times(row.high)}`,
        String(row.half.rounds),
      ]),
    },
  }
}

/** Bars of one figure by side. */
function figurePlot(half, { name, heading, below, axis, value }) {
  return {
    name: `${half.lab ? 'lab' : 'here'}-${name}`,
    ...bars({
      ...{ heading, below, axis, rows: half.sides.map(({ label }) => label) },
      series: [
        {
          name: axis,
          data: half.sides.map((side) => ({
            value: round(value(side)),
            itemStyle: { color: SIDE_COLOURS[side.side] },
          })),
        },
      ],
    }),
    table: {
      head: ['', axis],
      rows: half.sides.map((side) => [side.label, String(round(value(side)))]),
    },
  }
}

function latencyPlot(half) {
  return {
    name: `${half.lab ? 'lab' : 'here'}-latency`,
    ...bars({
      heading: 'Time of a call',
      below: `From the call to its collected output, ${half.inFlight} in flight; less is better`,
      rows: half.sides.map(({ label }) => label),
      axis: 'ms',
      series: [
        ['median', 'p50', COLOURS.sky],
        ['99th percentile', 'p99', COLOURS.orange],
      ].map(([name, field, colour]) => ({
        ...{ name, colour, data: half.sides.map((side) => round(side[field])) },
      })),
    }),
    table: {
      head: ['', 'median, ms', '99th percentile, ms', 'calls', 'failed'],
      rows: half.sides.map(({ label, p50, p99, calls, failed }) => [
        label,
        ...[round(p50), round(p99), calls, failed].map(String),
      ]),
    },
  }
}

const plotsOf = (half) => [
  figurePlot(half, {
    ...{ name: 'rate', heading: 'Throughput', below: 'More is better', axis: 'calls per second' },
    value: ({ callsPerSecond }) => callsPerSecond,
  }),
  latencyPlot(half),
  figurePlot(half, {
    ...{ name: 'held', heading: 'Event loop held', axis: 'ms, longest' },
    below: 'How late a timer of 1 ms fired at most; less is better',
    value: ({ loopHeld }) => loopHeld,
  }),
]

function chapterOf(half, plots) {
  const { kernel, cpus, rounds, callsPerRound, inFlight, failed, different, faults } = half
  const title = half.lab ? `The patched kernel, emulated` : 'The running kernel'
  const note = half.lab
    ? 'An emulated processor is many times slower than a real one: compare these figures with each other only.'
    : 'Chains need the patched kernel; here native threads start the programs, off the event loop.'
  return `<section>
<h2>${title}</h2>
<p>${note}</p>
${factsOf([
  ['kernel', `${kernel}, ${cpus} CPUs`],
  ['calls', `${rounds} rounds of ${callsPerRound} by each side, ${inFlight} in flight`],
  ['failed calls', String(failed)],
  ['differing answers', String(different)],
  ...faults.map((text) => ['', text]),
])}
${plots.map(figureOf).join('\n')}
</section>`
}

function chainOf({ name, tool, links }) {
  return `<section>
<h2>One chain</h2>
<p><code>${escaped(name)}</code>: the patched kernel takes it in one system call and starts each step when the one
before it has succeeded. A step that fails ends the chain, and its completion says which and why. On other kernels
a native thread carries out the same steps.</p>
${tableOf({ head: ['step', 'arguments'], rows: foldedLinks(links, tool) }, 'words')}
</section>`
}

/** @param {object} result  as main.mjs writes it to demo.json */
export function pageOf({ command, date, node, here, lab, chain }) {
  const halves = [...(lab ? [{ ...lab, lab: true }] : []), here].filter(
    ({ sides }) => sides.length > 0,
  )
  const gain = halves.length > 0 ? [gainPlot(halves)] : []
  const chapters = halves.map((half) => ({ half, plots: plotsOf(half) }))
  return documentOf({
    title: 'uring-spawn: the demo',
    heading: 'The calls of a coding agent',
    body: `<p>Short calls of rg, grep, sed, git, python and others over a small repository, their output collected and
checked: through uring-spawn and through ${escaped(sides[BASELINE].label)}, in turns.</p>
${factsOf([
  ['command', command],
  ['date', `${date.slice(0, 16).replace('T', ' ')} UTC`],
  ['Node', node],
])}
${gain.map(figureOf).join('\n')}
${chapters.map(({ half, plots }) => chapterOf(half, plots)).join('\n')}
${chainOf(chain)}`,
    plots: [...gain, ...chapters.flatMap(({ plots }) => plots)],
  })
}
