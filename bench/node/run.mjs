// What a user of Node sees: uring-spawn beside others, on the running kernel.
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { $ } from 'zx'
import { buildPrograms, installPeers } from './peers.mjs'

const script = fileURLToPath(new URL('side.mjs', import.meta.url))
const library = new URL('../../dist/index.js', import.meta.url).href
const OURS = 'uring-spawn'
const LOOP = 'posix_spawn loop'

export function describe(command) {
  command
    .description('uring-spawn beside node:child_process, execa, Bun, Deno and a C loop')
    .option('--rounds <n>', 'how often the sides take turns', Number, 5)
    .option('--only <name>', 'the measurements whose name contains this')
    .option('--json <file>', 'where the result goes', 'out/bench-node.json')
}

const quantile = (samples, q) => {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]
}

/** The measurements: `more` says whether more is better. */
function plan({ exit }) {
  const dynamic = '/bin/true'
  const rates = [1, 16, 64].flatMap((flight) =>
    [
      ['static', exit],
      ['dynamic', dynamic],
    ].map(([kind, file]) => ({
      name: `processes per second, ${flight} in flight, ${kind} child`,
      unit: '1/s',
      measure: 'rate',
      options: { file, flight, count: flight === 1 ? 300 : 2000 },
      more: true,
      loop: flight === 16,
    })),
  )
  const blocked = [0, 1024].map((megabytes) => ({
    name: `thread blocked per call, ${megabytes === 0 ? 'small' : `${megabytes} MB`}`,
    unit: 'us',
    measure: 'blocked',
    options: { file: dynamic, megabytes, count: megabytes ? 40 : 200 },
  }))
  const collected = [1024, 10 * 1024 * 1024].map((bytes) => ({
    name: `run() collecting ${bytes} bytes`,
    unit: 'us',
    measure: 'collect',
    options: { bytes, count: bytes > 1e6 ? 10 : 60 },
  }))
  const stall = {
    name: 'longest stall of the event loop, 1000 processes, 16 in flight',
    unit: 'ms',
    measure: 'stall',
    options: { file: dynamic, count: 1000, flight: 16 },
  }
  const burst = [
    ['stall', 'longest stall of the event loop, 1000 processes at once'],
    ['work', "the thread's longest work at a time, 1000 processes at once"],
  ].map(([measure, name]) => ({
    ...{ name, unit: 'ms', measure },
    options: { file: dynamic, count: 1000, flight: 1000 },
  }))
  return [...blocked, ...rates, ...collected, stall, ...burst]
}

async function block(side, { measure, options }, { peers, programs }) {
  if (side === LOOP) {
    const { stdout } = await $`${programs.loop} 2000 ${availableParallelism()} ${options.file}`
    return JSON.parse(stdout)
  }
  const where = { library, execa: peers.execa }
  const job = JSON.stringify({ side, measure, where, ...options })
  const { stdout } =
    side === 'Bun.spawn'
      ? await $`${peers.bun} ${script} ${job}`
      : side === 'Deno.Command'
        ? await $`${peers.deno} run --allow-all ${script} ${job}`
        : await $`${process.execPath} ${script} ${job}`
  return JSON.parse(stdout)
}

async function measure(item, rounds, tools) {
  const names = [OURS, 'node:child_process', 'execa', 'Bun.spawn', 'Deno.Command']
  if (item.loop) names.push(LOOP)
  const samples = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const name of names) samples[name].push(...(await block(name, item, tools)))
  }
  const ours = quantile(samples[OURS], 0.5)
  return names.map((side) => {
    const median = quantile(samples[side], 0.5)
    const ratio = item.more ? ours / median : median / ours
    return {
      side,
      median,
      p99: quantile(samples[side], 0.99),
      ratio,
      samples: samples[side].length,
    }
  })
}

function print(item, results) {
  console.log(`\n${item.name} (${item.unit}; ×: how much better uring-spawn is)`)
  for (const { side, median, p99, ratio } of results) {
    const numbers = [median.toFixed(1).padStart(12), p99.toFixed(1).padStart(12)]
    console.log(`  ${side.padEnd(20)}${numbers.join('')}  ×${ratio.toFixed(2)}`)
  }
}

const version = async (file) =>
  (await $({ nothrow: true })`${file} --version`).stdout.split('\n')[0] ?? ''

export async function main({ rounds, only, json }) {
  $.quiet = true
  const tools = { peers: await installPeers(), programs: await buildPrograms() }
  const items = plan(tools.programs).filter(({ name }) => !only || name.includes(only))
  const measurements = []
  for (const item of items) {
    const results = await measure(item, rounds, tools)
    print(item, results)
    const { name, unit, options } = item
    measurements.push({ name, unit, options, results })
  }
  const { probe } = await import(library)
  const result = {
    command: ['npm run bench -- node', '--rounds', rounds, ...(only ? ['--only', only] : [])].join(
      ' ',
    ),
    machine: { cpu: cpus()[0]?.model, cores: availableParallelism(), memory: totalmem() },
    kernel: release(),
    backend: probe().auto,
    versions: {
      node: process.version,
      bun: await version(tools.peers.bun),
      deno: await version(tools.peers.deno),
      'uring-spawn': JSON.parse(readFileSync(new URL('../../package.json', import.meta.url)))
        .version,
    },
    measurements,
  }
  writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`)
  console.log(`\n${json}`)
}
