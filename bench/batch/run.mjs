// Sixteen chains in one io_uring_enter(2) compared with sixteen starts by
// vfork+exec, on two CPUs in the lab. These are times, so all take turns and
// only ratios of the same round count. A caller of vfork waits for each exec;
// one side collects the exits at the end, the other after each start.
import { writeFileSync } from 'node:fs'
import { rounds } from '../../tools/options.mjs'
import { build, counting, folder, install } from '../designs/programs.mjs'
import { runInLab } from '../lib/lab.mjs'
import { compilerVersion, lab } from '../lib/result.mjs'
import { mean, median, middleInterval } from '../lib/stats.mjs'
import { BATCH_NAMES } from '../report/names.mjs'

export const description =
  'a batch of 16 chains compared with 16 vfork+exec, on two CPUs, in the lab'
export const inLab = true

const BATCH = 16
/** Batches in one run of a method. */
const BATCHES = 20
const MACHINE = { cpus: 2, memory: '2G' }
const OURS = 'chain_batch'
const RUNS = { [OURS]: BATCHES, vfork_batch: BATCHES, vfork: BATCHES * BATCH }

export const addOptions = (command) =>
  command.option('--rounds <number>', 'runs of each method', rounds, 15)

async function measure(rounds) {
  const lines = Object.entries(RUNS).map(([method, runs]) =>
    counting({ method, child: 'static', runs }),
  )
  const file = `${folder}batch.sh`
  const turns = Array.from({ length: rounds }, () => lines).flat()
  writeFileSync(file, [...install('static'), 'echo "\\"$(uname -r)\\""', ...turns, ''].join('\n'))
  const options = ['--smp', String(MACHINE.cpus), '--memory', MACHINE.memory]
  const [kernel, ...printed] = await runInLab(options, ['sh', file])
  // Nanoseconds per process, by round.
  const times = (name) =>
    printed.filter(({ method }) => method === name).map(({ totals, batch }) => mean(totals) / batch)
  return { kernel, times: Object.fromEntries(Object.keys(RUNS).map((name) => [name, times(name)])) }
}

function compared(times, method) {
  const ratioOfRounds = times[method].map((time, round) => time / times[OURS][round])
  const { low, high } = middleInterval(ratioOfRounds)
  const [lowest, highest] = [Math.min(...ratioOfRounds), Math.max(...ratioOfRounds)]
  return { method, ratio: median(ratioOfRounds), low, high, lowest, highest, ratioOfRounds }
}

export async function plan({ rounds }) {
  await build(['static'])
  const compiler = await compilerVersion()
  return {
    steps: [{ name: `${rounds} rounds`, seconds: 10 + rounds, run: () => measure(rounds) }],
    result: ([{ kernel, times }]) => ({
      lab: lab({ ...MACHINE, kernel, clock: 'time' }),
      versions: { compiler },
      unit: `time of ${BATCH} vfork+exec / time of a batch of ${BATCH} chains`,
      rounds,
      results: Object.keys(BATCH_NAMES).map((method) => compared(times, method)),
    }),
  }
}

export function print({ results, rounds }) {
  console.log(`\nHow many times sooner ${BATCH} chains in one call have all exited than`)
  for (const { method, ratio, lowest, highest } of results) {
    const range = `${lowest.toFixed(2)} to ${highest.toFixed(2)} in ${rounds} rounds`
    console.log(`  ${BATCH_NAMES[method]}: ${ratio.toFixed(2)} (${range})`)
  }
}
