// The calls of agents by instruction counts: each kind of call alone, one after
// the other, on a machine with one processor whose clock counts instructions.
import { writeFileSync } from 'node:fs'
import { someOf, wholeNumber } from '../../tools/options.mjs'
import { pack, script } from '../agent-tools/machine.mjs'
import { presets } from '../agent-tools/presets.mjs'
import { KERNELS } from '../designs/kernels.mjs'
import { buildKernel, runInLab } from '../lib/lab.mjs'
import { scratch } from '../lib/paths.mjs'
import { printRatios } from '../lib/ratios.mjs'
import { lab } from '../lib/result.mjs'
import { interquartileMean, mean, quantile } from '../lib/stats.mjs'
import { compare, compareWithToday, INTERPRETERS } from './compare.mjs'

export const description = 'instructions of each kind of call of agents, in the lab'
export const inLab = true

const COLUMNS = [
  'child_process',
  'vfork',
  'spawn_template',
  'uring',
  'uring from headers',
  'uring from templates',
]
/** What node:child_process takes is 100 %. */
const BASELINE = 'child_process'
/**
 * What is counted on other kernels than the patched one: it needs no new operation. The
 * other columns would only tell again what the kernels differ in.
 */
const ELSEWHERE = ['child_process', 'vfork']
/** Those that are counted unless others are asked for. */
const USUAL = ['patched', 'stock']
const NAMES = presets.map(({ name }) => name)
/** How long a call takes under emulation, of the heavy ones and of the others; and a boot. */
const SECONDS = { heavy: 4, call: 0.15, start: 60 }
const MACHINE = { cpus: 1, memory: '4G' }

export const addOptions = (command) =>
  command
    .option('--calls <number>', 'calls of each kind by each column', wholeNumber(4), 40)
    .option('--kernels <names>', 'which kernels', someOf(KERNELS), USUAL)
    .option('--columns <names>', 'what to compare', someOf(COLUMNS), COLUMNS)
    .option('--presets <names>', 'kinds of call', someOf(NAMES), NAMES)

const columnsOn = (kernel, columns) =>
  columns.filter((name) => kernel === 'patched' || ELSEWHERE.includes(name))

/** How often each kind of call is made: the interpreters' take many times as long, and vary less. */
const callsOf = (name, calls) => (INTERPRETERS.includes(name) ? Math.ceil(calls / 8) : calls)

let folder
let archive

async function measure({ calls, columns: asked, presets: chosen }, kernel, progress) {
  const columns = columnsOn(kernel, asked)
  await buildKernel({ kernel })
  folder ??= scratch()
  archive ??= await pack(folder)
  const kinds = chosen.map((name) => ({ name, calls: callsOf(name, calls) }))
  const file = `${folder}${kernel}.sh`
  writeFileSync(file, script(archive, { kinds, columns }, 'bench/agent-counts/inside.mjs'))
  const options = ['--kernel', kernel, '--icount', '--memory', MACHINE.memory, '--timeout', '0']
  const [found, ...measured] = await runInLab(options, ['sh', file], progress)
  const wrong = measured.flatMap((one) => one.wrong)
  if (wrong.length > 0) {
    throw new Error(
      `${kernel}: ${wrong.length} calls went wrong:\n${wrong.slice(0, 10).join('\n')}`,
    )
  }
  return { ...found, flavour: kernel, measured }
}

const rowsOf = ({ flavour, measured }) =>
  measured.map(({ preset, column, counts }) => ({
    ...{ kernel: flavour, preset, column, calls: counts.length },
    count: Math.round(interquartileMean(counts)),
    ...{ low: quantile(counts, 0.25), high: quantile(counts, 0.75) },
    mean: Math.round(mean(counts)),
  }))

export async function plan(options) {
  const { calls, kernels, columns, presets: chosen } = options
  if (!columns.includes(BASELINE))
    throw new Error(`--columns must have ${BASELINE}, which the others are compared with`)
  const seconds = (kernel) =>
    chosen.reduce((sum, name) => {
      const each = INTERPRETERS.includes(name) ? SECONDS.heavy : SECONDS.call
      return sum + 1.5 * callsOf(name, calls) * each * columnsOn(kernel, columns).length
    }, SECONDS.start)
  return {
    steps: kernels.map((kernel) => ({
      name: `${chosen.length} kinds of call, the ${kernel} kernel`,
      seconds: seconds(kernel),
      run: (progress) => measure(options, kernel, progress),
    })),
    result: (found) => ({
      lab: lab({ ...MACHINE, kernel: found[0].kernel, clock: 'instructions' }),
      unit: 'instructions per call',
      ...{ calls, baseline: BASELINE },
      kernels: Object.fromEntries(found.map(({ flavour, kernel }) => [flavour, kernel])),
      absent: Object.fromEntries(
        found.flatMap(({ flavour, absent }) =>
          Object.entries(absent).map(([name, why]) => [`${name}, ${flavour} kernel`, why]),
        ),
      ),
      results: found.flatMap(rowsOf),
    }),
  }
}

export function print({ results, absent }) {
  printComparison(results)
  for (const kernel of new Set(results.map((one) => one.kernel))) {
    const own = results.filter((one) => one.kernel === kernel)
    const columns = [...new Set(own.map(({ column }) => column))]
    console.log(`\n${kernel} kernel: thousand instructions; the others in % of ${BASELINE}`)
    console.log(`${'call'.padEnd(14)}${BASELINE.padStart(14)}${headsOf(columns)}`)
    for (const { name, base, ratios } of compare(own, BASELINE)) {
      const thousand = base === undefined ? '' : (base / 1000).toFixed(0)
      const percents = columns
        .filter((column) => column !== BASELINE)
        .map((column) => `${(ratios[column] * 100).toFixed(1)} %`.padStart(widthOf(column)))
      console.log(`${name.padEnd(14)}${thousand.padStart(14)}${percents.join('')}`)
    }
  }
  for (const [name, why] of Object.entries(absent)) console.log(`not measured: ${name}: ${why}`)
}

/** Everything but node:child_process, which is in each kernel's own table, beside what there is today. */
function printComparison(results) {
  const compared = compareWithToday(results.filter(({ column }) => column !== BASELINE))
  if (!compared) return
  const names = compared.columns.map(({ column, kernel }) => `${column}, ${kernel} kernel`)
  printRatios(`vfork on the ${compared.kernel} kernel`, names, compared.rows, { digits: 0 })
}

const SHORT = { 'uring from headers': 'headers', 'uring from templates': 'templates' }
const shortName = (column) => SHORT[column] ?? column
const widthOf = (column) => Math.max(8, shortName(column).length + 2)
const headsOf = (columns) =>
  columns
    .filter((column) => column !== BASELINE)
    .map((column) => shortName(column).padStart(widthOf(column)))
    .join('')
