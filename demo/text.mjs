// The demo's result as text: at most two screens of 24 lines that fit 80 columns.
import { styleText } from 'node:util'
import Table from 'cli-table3'
import { foldedLinks } from './explained.mjs'
import { BASELINE } from './sides.mjs'

/** Widths that the text is made for, in columns. */
const WIDTH = { least: 60, usual: 80, most: 100 }
/** Columns of a figure's table, without its bar. */
const COLUMNS = { title: 17, side: 20, value: 10, ratio: 8 }
/** Faults that are shown; the JSON has more. */
const MOST_FAULTS = { shown: 2, lines: 2 }
/** The end of a bar, in eighths of a cell. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A bar from zero that is `cells` long where `value` is `most`. */
export function bar(value, most, cells) {
  const eighths = most > 0 ? Math.round((value / most) * cells * 8) : 0
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]
}

/** A bar to the median, lighter from there to the 99th percentile. */
export function rangeBar(p50, p99, most, cells) {
  const length = (value) => (most > 0 ? Math.max(1, Math.round((value / most) * cells)) : 0)
  return '█'.repeat(length(p50)) + '░'.repeat(length(p99) - length(p50))
}

/** Three digits, without an exponent. */
const digits = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))

/** Milliseconds from which times are given in seconds: four digits fit, no more. */
const LONG = 10_000
/** The unit of times up to `most` ms, and how many ms it has. */
const unitOf = (most) => (most < LONG ? ['ms', 1] : ['s', 1000])

/** Fewer rounds have no 95 % interval that a difference could be tested by. */
const LEAST_ROUNDS = 6

/** How much more throughput than the baseline. */
function gain({ side, ratio, equal, secondsOfRounds }) {
  if (side === BASELINE) return ''
  if (secondsOfRounds.length < LEAST_ROUNDS) return `~×${ratio.toFixed(2)}`
  return equal ? 'equal' : `×${ratio.toFixed(2)}`
}

/**
 * What is shown of a side. `most` is the value at a bar's full length; `title`
 * and `value` get the unit for the longest of all sides. A title has a line for
 * each of the first rows.
 */
const FIGURES = [
  {
    title: () => ['calls per second'],
    most: ({ callsPerSecond }) => callsPerSecond,
    value: ({ callsPerSecond }) => digits(callsPerSecond),
    bar: ({ callsPerSecond }, most, cells) => bar(callsPerSecond, most, cells),
    ratio: gain,
  },
  {
    title: ([unit]) => [`${unit} per call`, '█ p50  ░ p99'],
    most: ({ p99 }) => p99,
    value: ({ p50, p99 }, [, ms]) => `${digits(p50 / ms)}…${digits(p99 / ms)}`,
    bar: ({ p50, p99 }, most, cells) => rangeBar(p50, p99, most, cells),
    ratio: () => '',
  },
  {
    title: ([unit]) => ['event loop held', `longest, in ${unit}`],
    most: ({ loopHeld }) => loopHeld,
    value: ({ loopHeld }, [, ms]) => digits(loopHeld / ms),
    bar: ({ loopHeld }, most, cells) => bar(loopHeld, most, cells),
    ratio: () => '',
  },
]

const NO_BORDERS = Object.fromEntries(
  ['top', 'bottom', 'left', 'right']
    .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
    .concat('mid', 'mid-mid', 'middle')
    .map((name) => [name, '']),
)

/** The words of `text` in lines of `width` at most. */
export function wrapped(text, width) {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}

/** A table without lines; trailing blanks are cut. */
function table(rows, options) {
  const made = new Table({
    ...{ chars: NO_BORDERS, style: { 'padding-left': 0, 'padding-right': 1, head: [] } },
    ...options,
  })
  made.push(...rows)
  return made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
}

/** The width to write for, of a stream that is a terminal or is not. */
export const widthOf = ({ columns }) =>
  Math.min(WIDTH.most, Math.max(WIDTH.least, columns || WIDTH.usual))

/** Colours where the stream shows them. */
export function painter(stream) {
  const shown = stream.isTTY === true && stream.hasColors?.() === true
  return (style, text) => (shown ? styleText(style, text) : text)
}

const colourOf = (side) => (side === BASELINE ? 'gray' : side === 'uring' ? 'cyan' : 'green')

function figureRows({ title, most, value, bar, ratio }, sides, cells, paint) {
  const longest = Math.max(...sides.map(most))
  const unit = unitOf(longest)
  return sides.map((side, at) => [
    title(unit)[at] ?? '',
    side.label,
    value(side, unit),
    paint(colourOf(side.side), bar(side, longest, cells)),
    ratio(side),
  ])
}

function halfLines({ kernel, rounds, callsPerRound, inFlight, sides }, { lab, width, paint }) {
  const heading = lab
    ? `Patched kernel ${kernel}, in an emulator`
    : `Kernel ${kernel}, this machine`
  const size = `${rounds} rounds of ${callsPerRound} calls each way, ${inFlight} at a time`
  const cells = width - Object.values(COLUMNS).reduce((sum, one) => sum + one, 0)
  return [
    paint('bold', cut(heading, width)),
    ...wrapped(`${size}${lab ? ', slow: compare only within this table' : ''}`, width),
    ...table(
      FIGURES.flatMap((figure) => figureRows(figure, sides, cells - 1, paint)),
      {
        colWidths: [COLUMNS.title, COLUMNS.side, COLUMNS.value, cells, COLUMNS.ratio],
        colAligns: ['left', 'left', 'right', 'left', 'left'],
      },
    ),
    '',
  ]
}

const number = (count, one, more = `${one}s`) =>
  `${count === 0 ? 'no' : count.toLocaleString('en')} ${count === 1 ? one : more}`

function verdictLines(halves, width, paint) {
  const sum = (of) => halves.reduce((all, half) => all + of(half), 0)
  const calls = sum(({ sides }) => sides.reduce((all, side) => all + side.calls, 0))
  const failed = sum((half) => half.failed)
  const different = sum((half) => half.different)
  const all = halves.flatMap(({ faults }) => faults)
  const good = failed + different === 0
  const lines = [
    paint(
      good ? 'green' : 'red',
      calls > 0
        ? `${number(calls, 'call')}: ${number(failed, 'failure')}, ${number(different, 'differing answer')}`
        : `Nothing was measured, because the tools do not work here: ${number(failed, 'failure')}`,
    ),
    ...all.slice(0, MOST_FAULTS.shown).flatMap((text) => faultLines(text, width)),
    ...(all.length > MOST_FAULTS.shown
      ? [`  and ${all.length - MOST_FAULTS.shown} more in the JSON`]
      : []),
  ]
  if (halves.some(({ sides }) => sides.length > 0)) {
    lines.push(
      ...wrapped(
        '× is the throughput relative to node:child_process in the same round; "equal": no significant difference (95 %); "~": too few rounds to tell.',
        width,
      ),
    )
  }
  return [...lines, '']
}

/** A fault, indented, in a few lines. */
const faultLines = (text, width) =>
  wrapped(text, width - 2)
    .slice(0, MOST_FAULTS.lines)
    .map((line) => `  ${cut(line, width - 2)}`)

const cut = (text, width) => (text.length <= width ? text : `${text.slice(0, width - 1)}…`)

function chainLines({ name, tool, links }, width, paint) {
  const rows = foldedLinks(links, tool).map(([operation, args], at) => [
    ` ${at}`,
    operation,
    cut(args, width - 26),
  ])
  return [
    paint('bold', `One chain: ${name}`),
    ...table(rows, { colWidths: [4, 21, width - 25] }),
    ...wrapped(
      'The patched kernel takes it in one system call; a step that fails ends it, and its completion says why. Elsewhere a native thread carries out the same steps.',
      width,
    ),
    '',
  ]
}

function readOnLines({ page, json }) {
  return [
    `The plots     ${page}`,
    `The figures   ${json}`,
    'To use it     docs/guide.md, docs/recipes.md',
    'Chains        docs/chains.md; the kernel: kernel/README.md',
    'Try it        npm run lab -- -- uname -r',
  ]
}

/**
 * @param {object} result  as main.mjs writes it to demo.json
 * @param {{ page: string, json: string, stream: NodeJS.WriteStream }} options
 *   `page` and `json` as they are to be printed
 * @returns {string} with a newline at its end
 */
export function textOf({ here, lab, chain }, { page, json, stream }) {
  const width = widthOf(stream)
  const paint = painter(stream)
  const lines = [
    ...(lab && lab.sides.length > 0 ? halfLines(lab, { lab: true, width, paint }) : []),
    ...(here.sides.length > 0 ? halfLines(here, { lab: false, width, paint }) : []),
    ...verdictLines([here, ...(lab ? [lab] : [])], width, paint),
    ...chainLines(chain, width, paint),
    ...readOnLines({ page, json }),
  ]
  return `${lines.join('\n')}\n`
}
