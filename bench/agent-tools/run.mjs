// The calls of agents through each design, in the form of the table in
// spawn_template's RFC: sixteen presets, sixteen calls in flight, split over
// worker processes. These are times, so the columns take turns, and only the
// ratio to node:child_process in the same round counts.
import { writeFileSync } from 'node:fs'
import { rounds, someOf, wholeNumber } from '../../tools/options.mjs'
import { runInLab } from '../lib/lab.mjs'
import { scratch } from '../lib/paths.mjs'
import { lab } from '../lib/result.mjs'
import { mean, middleInterval } from '../lib/stats.mjs'
import { pack, script } from './machine.mjs'
import { presets } from './presets.mjs'
import { published } from './published.mjs'

export const description = 'the calls of agents through each design, in the lab'
export const inLab = true

const BASELINE = 'child_process'
const COLUMNS = [BASELINE, 'spawn_template', 'uring', 'uring from templates']
const IN_FLIGHT = 16
const SPLITS = Object.fromEntries(
  [1, 2, 4, 8].map((workers) => [`${workers}x${IN_FLIGHT / workers}`, workers]),
)
/** How long one call takes under emulation, sixteen in flight on two CPUs; and a boot. */
const SECONDS = { call: 0.046, start: 45 }
const MACHINE = { cpus: 2, memory: '4G' }

export const addOptions = (command) =>
  command
    .option('--calls <number>', 'calls of each column and split', wholeNumber(), published.calls)
    .option('--rounds <number>', 'turns in which they are made', rounds, 8)
    .option(
      '--splits <names>',
      'workers x calls in flight',
      someOf(Object.keys(SPLITS)),
      Object.keys(SPLITS),
    )
    .option(
      '--columns <names>',
      'what to compare; vfork is available, too',
      someOf([...COLUMNS, 'vfork']),
      COLUMNS,
    )

/** Holds the files for the lab. */
let folder

async function measureSplit({ calls, rounds, columns }, split, progress) {
  const workers = SPLITS[split]
  folder ??= scratch()
  const file = `${folder}${split}.sh`
  const plan = { workers, inFlight: IN_FLIGHT / workers, calls, rounds, columns }
  writeFileSync(file, script(await pack(folder), plan, 'bench/agent-tools/inside.mjs'))
  const options = ['--smp', String(MACHINE.cpus), '--memory', MACHINE.memory, '--timeout', '0']
  const [found, ...measured] = await runInLab(options, ['sh', file], progress)
  const wrong = measured.flatMap((one) => one.wrong)
  if (wrong.length > 0) {
    throw new Error(`${split}: ${wrong.length} calls went wrong:\n${wrong.slice(0, 10).join('\n')}`)
  }
  return { ...found, split, measured: measured.map(({ wrong: _, ...one }) => one) }
}

/** A row of the table: one column of one split, compared with the baseline. */
function row({ split, measured }, column) {
  const of = (name) => measured.filter((one) => one.column === name)
  const own = of(column)
  const seconds = own.map((one) => one.seconds)
  const calls = own.reduce((sum, one) => sum + one.calls, 0)
  const rate = (list) => mean(list.map((one) => one.calls)) / mean(list.map((one) => one.seconds))
  const percent = (ratio) => (ratio - 1) * 100
  const base = of(BASELINE)
  const deltas = seconds.map((time, round) => percent(base[round].seconds / time))
  const { low, high } = middleInterval(deltas)
  return {
    ...{ split, column, calls, wrong: 0 },
    seconds: seconds.reduce((sum, time) => sum + time, 0),
    callsPerSecond: rate(own),
    delta: percent(rate(own) / rate(base)),
    ...{ low, high, equal: low <= 0 && high >= 0 },
    secondsOfRounds: seconds,
  }
}

export async function plan(options) {
  const { calls, rounds, splits, columns } = options
  if (calls % (rounds * presets.length) !== 0) {
    throw new Error(
      `--calls must be a multiple of ${presets.length} presets times ${rounds} rounds`,
    )
  }
  if (!columns.includes(BASELINE))
    throw new Error(`--columns must have ${BASELINE}, the baseline of the others`)
  return {
    steps: splits.map((split) => ({
      name: `${split}, ${calls} calls by each of ${columns.length} columns`,
      seconds: SECONDS.start * (1 + SPLITS[split] / 4) + SECONDS.call * calls * columns.length,
      run: (progress) => measureSplit(options, split, progress),
    })),
    result: (found) => ({
      lab: lab({ ...MACHINE, kernel: found[0].kernel, clock: 'time' }),
      unit: 'calls per second',
      ...{ calls, rounds, inFlight: IN_FLIGHT, presets: presets.map(({ name }) => name) },
      baseline: BASELINE,
      absent: Object.assign({}, ...found.map(({ absent }) => absent)),
      results: found.flatMap((split) =>
        columns.filter((name) => !(name in split.absent)).map((name) => row(split, name)),
      ),
      published,
    }),
  }
}

const signed = (number, digits = 1) => `${number < 0 ? '' : '+'}${number.toFixed(digits)} %`

/** A difference with its 95 % interval; "equal" if that includes none. */
export const told = ({ delta, low, high, equal }) =>
  `${equal ? 'equal' : signed(delta)} (${signed(low)} to ${signed(high)})`

export function print({ results, absent, calls, rounds }) {
  console.log(`\n${calls} calls, ${IN_FLIGHT} in flight, ${rounds} rounds`)
  console.log('workers  column                calls/s  throughput gain over child_process')
  for (const one of results) {
    const rate = one.callsPerSecond.toFixed(2).padStart(7)
    const gain = one.column === BASELINE ? '' : `  ${told(one)}`
    console.log(`${one.split.padEnd(9)}${one.column.padEnd(22)}${rate}${gain}`)
  }
  console.log('spawn_template as published, over subprocess of Python:')
  for (const { split, subprocess, spawnTemplate, delta } of published.rows) {
    const rates = `${subprocess.toFixed(2)} to ${spawnTemplate.toFixed(2)} calls/s`
    console.log(`${split.padEnd(9)}${rates}, ${signed(delta, 2)}`)
  }
  for (const [name, why] of Object.entries(absent)) console.log(`not measured: ${name}: ${why}`)
}
