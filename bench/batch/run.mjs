// Sixteen chains in one io_uring_enter(2) against sixteen vfork+exec in turn, on
// two CPUs in the lab: times, so a ratio of medians, the two taking turns.
import { writeFileSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'
import { $ } from 'zx'
import { build, out } from '../designs/run.mjs'

const BATCH = 16
/** Batches that one run of a method makes. */
const BATCHES = 20

const sh = $({ quiet: true })

function number(text) {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It has to be a number above 0.')
  return Number(text)
}

export function describe(command) {
  command
    .description('a batch of 16 chains against 16 vfork+exec, on two CPUs, in the lab')
    .option('--rounds <number>', 'how often each runs', number, 15)
    .option('--json <file>', 'where the result goes', `${out}/batch.json`)
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

export async function main({ rounds, json }) {
  await build()
  const runs = { chain_batch: BATCHES, vfork: BATCHES * BATCH }
  const methods = Object.keys(runs)
  const lines = methods.map((name) => `/tmp/bench ${name} --child /tmp/child --runs ${runs[name]}`)
  const script = [
    'set -e',
    `cp ${out}/bench ${out}/child /tmp/`,
    ...Array.from({ length: rounds }, () => lines).flat(),
  ].join('\n')
  writeFileSync(`${out}/batch.sh`, `${script}\n`)
  const { stdout } = await sh`node kernel/lab --smp 2 -- sh ${out}/batch.sh`
  const results = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const times = Object.fromEntries(
    methods.map((name) => [
      name,
      results.filter(({ method }) => method === name).map(({ total }) => total),
    ]),
  )
  const ratio = median(times.vfork) / median(times.chain_batch)
  const perRound = times.vfork.map((time, i) => time / times.chain_batch[i])
  const report = {
    command: 'npm run bench -- batch',
    unit: 'time of 16 vfork+exec in turn / time of a batch of 16 chains',
    machine: 'QEMU TCG, two CPUs',
    rounds,
    ratio: Number(ratio.toFixed(2)),
    lowest: Number(Math.min(...perRound).toFixed(2)),
    highest: Number(Math.max(...perRound).toFixed(2)),
  }
  console.log(
    `16 chains in one call end ${report.ratio} times as soon as 16 vfork+exec in turn ` +
      `(${report.lowest} to ${report.highest} in ${rounds} rounds)`,
  )
  writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`)
  console.log(json)
}
