// Sixteen chains in one io_uring_enter(2) against sixteen vfork+exec in turn, on
// two CPUs in the lab: times, so a ratio of medians, the two taking turns.
import { writeFileSync } from 'node:fs'
import { build, counting, folder, install } from '../designs/programs.mjs'
import { runInLab } from '../lib/lab.mjs'
import { rounds } from '../lib/options.mjs'
import { compilerVersion, lab } from '../lib/result.mjs'
import { mean, median, middleInterval } from '../lib/stats.mjs'

export const description = 'a batch of 16 chains against 16 vfork+exec, on two CPUs, in the lab'
export const inLab = true

const BATCH = 16
/** Batches that one run of a method makes. */
const BATCHES = 20
const MACHINE = { cpus: 2, memory: '2G' }

export const addOptions = (command) =>
  command.option('--rounds <number>', 'how often each runs', rounds, 15)

async function measure(rounds) {
  const runs = { chain_batch: BATCHES, vfork: BATCHES * BATCH }
  const lines = Object.keys(runs).map((method) =>
    counting({ method, child: 'static', runs: runs[method] }),
  )
  const file = `${folder}batch.sh`
  const turns = Array.from({ length: rounds }, () => lines).flat()
  writeFileSync(file, [...install(), 'echo "\\"$(uname -r)\\""', ...turns, ''].join('\n'))
  const options = ['--smp', String(MACHINE.cpus), '--memory', MACHINE.memory]
  const [kernel, ...printed] = await runInLab(options, ['sh', file])
  // Nanoseconds of a process.
  const times = (name) =>
    printed.filter(({ method }) => method === name).map(({ totals, batch }) => mean(totals) / batch)
  return { kernel, vfork: times('vfork'), batch: times('chain_batch') }
}

export async function plan({ rounds }) {
  build()
  return {
    steps: [{ name: `${rounds} rounds`, seconds: 10 + rounds * 2, run: () => measure(rounds) }],
    result: ([{ kernel, vfork, batch }]) => {
      const ratios = vfork.map((time, round) => time / batch[round])
      const { low, high } = middleInterval(ratios)
      return {
        lab: lab({ ...MACHINE, kernel, clock: 'time' }),
        versions: { compiler: compilerVersion() },
        unit: `time of ${BATCH} vfork+exec in turn / time of a batch of ${BATCH} chains`,
        rounds,
        ratio: median(vfork) / median(batch),
        ...{ low, high, lowest: Math.min(...ratios), highest: Math.max(...ratios) },
        ratioOfRounds: ratios,
      }
    },
  }
}

export function print({ ratio, lowest, highest, rounds }) {
  console.log(
    `\n${BATCH} chains in one call end ${ratio.toFixed(1)} times as soon as ${BATCH} vfork+exec in turn ` +
      `(${lowest.toFixed(1)} to ${highest.toFixed(1)} in ${rounds} rounds)`,
  )
}
