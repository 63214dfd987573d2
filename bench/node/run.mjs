// What a user of Node sees: uring-spawn compared with others, on the running kernel.
import { existsSync } from 'node:fs'
import { availableParallelism, freemem, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { InvalidArgumentError } from 'commander'
import { $ } from 'zx'
import { rounds } from '../../tools/options.mjs'
import { root } from '../../tools/paths.mjs'
import { median, middleInterval, quantile } from '../lib/stats.mjs'
import { buildPrograms, installPeers } from './peers.mjs'

export const description =
  'uring-spawn compared with node:child_process, execa, Bun, Deno and a C loop'
export const inLab = false

const script = fileURLToPath(new URL('side.mjs', import.meta.url))
/** A built checkout: its library, and what it registers in place of node:child_process. */
const builtIn = (folder) => ({
  library: pathToFileURL(join(folder, 'dist/index.js')).href,
  register: pathToFileURL(join(folder, 'dist/child-process/register.js')).href,
})
const built = builtIn(root)
const OURS = 'uring-spawn'
/** The library as another checkout has it. */
const BEFORE = 'uring-spawn, before'
const LOOP = 'posix_spawn loop'
const CHILD_PROCESS = 'node:child_process'
/** The sides and their runtimes; `side` where several run the same code. */
const SIDES = {
  [OURS]: { runtime: () => [process.execPath] },
  [BEFORE]: { side: OURS, runtime: () => [process.execPath] },
  [CHILD_PROCESS]: { runtime: () => [process.execPath] },
  'child_process, oldest Node': {
    side: CHILD_PROCESS,
    runtime: ({ oldestNode }) => [oldestNode],
  },
  'child_process, newest Node': {
    side: CHILD_PROCESS,
    runtime: ({ newestNode }) => [newestNode],
  },
  'child_process, register': { runtime: () => [process.execPath] },
  execa: { runtime: () => [process.execPath] },
  'execa, register': { runtime: () => [process.execPath] },
  'Bun.spawn': { runtime: ({ bun }) => [bun] },
  'Deno.Command': { runtime: ({ deno }) => [deno, 'run', '--allow-all'] },
}
const OTHERS = Object.keys(SIDES).filter((name) => name !== OURS && name !== BEFORE)

/** A folder with a built checkout, or a clear error. */
function checkout(text) {
  const folder = resolve(text)
  if (existsSync(fileURLToPath(builtIn(folder).library))) return folder
  throw new InvalidArgumentError(`There is no dist/index.js in ${folder}: run npm run build there.`)
}

export const addOptions = (command) =>
  command
    .option('--rounds <number>', 'turns of the sides', rounds, 6)
    .option('--only <name>', 'only measurements whose name contains this')
    .option('--before <folder>', 'a built checkout to measure beside this one', checkout)
    .option('--no-others', 'leave out other libraries and runtimes')

/** Megabytes that a process of Node takes anyway. */
const SMALL = 50

/** The measurements; `more`: more is better. */
function measurements({ exit }) {
  const dynamic = '/bin/true'
  const rates = [1, 16, 64].flatMap((flight) =>
    [
      ['static', exit],
      ['dynamic', dynamic],
    ].map(([kind, file]) => ({
      name: `processes per second, ${flight} in flight, ${kind} child`,
      unit: '1/s',
      measure: 'rate',
      options: { file, flight, ms: 2000 },
      more: true,
      loop: flight === 16,
      seconds: 32,
    })),
  )
  const alone = [
    { name: 'from spawn() to the exit, one at a time, static child', options: { file: exit } },
    { name: 'run() of a dynamic child, one at a time', options: { file: dynamic, runs: true } },
  ].map(({ name, options }) => ({
    ...{ name, unit: 'us', measure: 'latency' },
    options: { ...options, count: 1000 },
    seconds: 20,
  }))
  const counts = [
    ['switches', 'switches', 'context switches per process'],
    ['spent', 'us', "the thread's processor time per process"],
  ].map(([measure, unit, name]) => ({
    ...{ name: `${name}, one at a time, static child`, unit, measure },
    options: { file: exit, count: 1000 },
    seconds: 20,
  }))
  const sizes = [
    { megabytes: 0, count: 200, seconds: 20 },
    { megabytes: 1024, count: 40, seconds: 35 },
    { megabytes: 8192, count: 10, seconds: 75 },
  ]
  const blocked = [false, true].flatMap((pipes) =>
    sizes.map(({ seconds, ...options }) => ({
      name: `thread blocked per call${pipes ? ' with three pipes' : ''}, ${options.megabytes || SMALL} MB of memory`,
      unit: 'us',
      measure: 'blocked',
      options: { file: dynamic, pipes, ...options },
      seconds,
    })),
  )
  const collected = [
    ['1 KB', { bytes: 1024, warm: 1000, count: 200 }],
    ['10 MB', { bytes: 10 * 1024 * 1024, warm: 3, count: 10 }],
  ].map(([name, options]) => ({
    name: `run() collecting ${name}`,
    unit: 'us',
    measure: 'collect',
    options,
    seconds: 16,
  }))
  const stall = {
    name: 'longest stall of the event loop, 1000 processes, 16 in flight',
    unit: 'ms',
    measure: 'stall',
    options: { file: dynamic, count: 1000, flight: 16 },
    seconds: 4,
  }
  const burst = [
    ['stall', 'longest stall of the event loop, 1000 processes at once'],
    ['work', "the thread's longest work at a time, 1000 processes at once"],
  ].map(([measure, name]) => ({
    ...{ name, unit: 'ms', measure },
    options: { file: dynamic, count: 1000, flight: 1000 },
    seconds: 5,
  }))
  return [...blocked, ...rates, ...alone, ...counts, ...collected, stall, ...burst]
}

async function block(name, { measure, options }, { peers, programs, before }) {
  if (name === LOOP) {
    const { stdout } =
      await $`${programs.loop} ${options.ms} ${availableParallelism()} ${options.file}`
    return JSON.parse(stdout)
  }
  const { side = name, runtime } = SIDES[name]
  const job = JSON.stringify({
    side,
    measure,
    where: { ...(name === BEFORE ? builtIn(before) : built), execa: peers.execa },
    ...options,
  })
  const { stdout } = await $`${runtime(peers)} ${script} ${job}`
  return JSON.parse(stdout)
}

/** Takes one measurement of every side, in turns. */
async function measure(item, rounds, tools, progress) {
  const names = [...tools.names, ...(item.loop ? [LOOP] : [])]
  const blocks = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [at, name] of names.entries()) {
      blocks[name].push(await block(name, item, tools))
      progress((round + (at + 1) / names.length) / rounds)
    }
  }
  const results = names.map((side) => {
    // How many times better ours was, in each round.
    const ratios = blocks[side].map((samples, round) => {
      const [ours, theirs] = [median(blocks[OURS][round]), median(samples)]
      return item.more ? ours / theirs : theirs / ours
    })
    const { low, high } = middleInterval(ratios)
    const samples = blocks[side].flat()
    return {
      ...{ side, median: median(samples), p99: quantile(samples, 0.99), samples: samples.length },
      ...{ ratio: median(ratios), low, high, equal: low <= 1 && high >= 1 },
    }
  })
  const { name, unit, more = false } = item
  return { name, unit, more, results }
}

const version = async (...command) => {
  const { stdout } = await $({ nothrow: true })`${command} --version`
  return stdout.split('\n')[0] ?? ''
}

export async function plan({ rounds, only, before, others }) {
  $.quiet = true
  const names = [OURS, ...(before ? [BEFORE] : []), ...(others ? OTHERS : [])]
  const tools = { names, before, peers: await installPeers(), programs: await buildPrograms() }
  const all = measurements(tools.programs).filter(({ name }) => !only || name.includes(only))
  if (all.length === 0) throw new Error(`no measurement has ${only} in its name`)
  const absent = {}
  const items = all.filter(({ name, options }) => {
    // The ballast is resident, and the rest of the machine needs memory, too.
    const needed = ((options.megabytes ?? 0) + 1024) * 2 ** 20
    if (needed < freemem()) return true
    absent[name] =
      `needs more free memory (this machine has ${Math.round(totalmem() / 2 ** 30)} GiB)`
    return false
  })
  return {
    steps: items.map((item) => ({
      name: item.name,
      seconds: (item.seconds * rounds * names.length) / (OTHERS.length + 1),
      run: (progress) => measure(item, rounds, tools, progress),
    })),
    async result(found) {
      const { probe } = await import(built.library)
      const { peers } = tools
      return {
        versions: {
          'oldest Node': await version(peers.oldestNode),
          'newest Node': await version(peers.newestNode),
          bun: await version(peers.bun),
          deno: await version(peers.deno),
          execa: '9.6.0',
        },
        unit: 'as each measurement says',
        backend: probe().auto,
        ...{ rounds, absent, measurements: found },
      }
    },
  }
}

export function print({ measurements, absent }) {
  for (const { name, unit, results } of measurements) {
    console.log(`\n${name}`)
    console.log(
      `${''.padEnd(30)}${`median ${unit}`.padStart(12)}${'p99'.padStart(12)}  uring-spawn is better`,
    )
    for (const { side, median, p99, ratio, equal } of results) {
      const numbers = [median.toFixed(1).padStart(12), p99.toFixed(1).padStart(12)]
      const times = side === OURS ? '' : equal ? 'equal' : `×${ratio.toFixed(2)}`
      console.log(`  ${side.padEnd(28)}${numbers.join('')}  ${times}`)
    }
  }
  for (const [name, why] of Object.entries(absent)) console.log(`not measured: ${name}: ${why}`)
}
