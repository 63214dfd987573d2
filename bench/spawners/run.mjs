// Programs that nobody rewrites, and that start others by posix_spawn(): each does
// its usual work with the C library's and with libposix_spawn_fast.so's. On the running
// kernel by time, in turns: only the ratio within a round counts. In the lab by
// instructions, and by each interface that the library can use there.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { rounds, wholeNumber } from '../../tools/options.mjs'
import { INTERFACES } from '../lib/preload.mjs'
import { lab } from '../lib/result.mjs'
import { median, middleInterval } from '../lib/stats.mjs'
import { count, MACHINE } from './counts.mjs'
import { makeFolder, PROGRAMS } from './programs.mjs'

export const description =
  'make, ninja and Python with libposix_spawn_fast.so and without, by time and in the lab'
export const inLab = true

export const addOptions = (command) =>
  command
    .option('--rounds <number>', 'turns of the sides', rounds, 8)
    .option('--commands <number>', 'what make and ninja start', wholeNumber(), 2000)
    .option('--runs <number>', 'what Python starts', wholeNumber(), 5000)
    .option('--counted <number>', 'what each starts in the lab', wholeNumber(), 200)

/** Seconds that a command takes. Throws if it fails. */
function timeOf(name, folder, preload) {
  const { args, leaves } = PROGRAMS[name]
  const { MAKEFLAGS: _, ...env } = process.env
  const begin = performance.now()
  const { status, error, stderr } = spawnSync(name, args, {
    ...{ cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' },
    env: preload ? { ...env, LD_PRELOAD: preload } : env,
  })
  const seconds = (performance.now() - begin) / 1000
  if (leaves) rmSync(join(folder, leaves), { force: true })
  if (status === 0) return seconds
  throw new Error(`${name} ${error ? `could not be run: ${error.message}` : `failed: ${stderr}`}`)
}

function measure(name, { folder, library }, times, rounds, progress) {
  PROGRAMS[name].work(folder, times)
  const sides = { libc: undefined, fast: library }
  const seconds = { libc: [], fast: [] }
  // Once each, to have all files in memory.
  for (const preload of Object.values(sides)) timeOf(name, folder, preload)
  for (let round = 0; round < rounds; round++) {
    // Each is first in half of the rounds.
    const order = round % 2 === 0 ? ['libc', 'fast'] : ['fast', 'libc']
    for (const side of order) seconds[side].push(timeOf(name, folder, sides[side]))
    progress((round + 1) / rounds)
  }
  const ratioOfRounds = seconds.libc.map((time, round) => time / seconds.fast[round])
  const { low, high } = middleInterval(ratioOfRounds)
  return { name: PROGRAMS[name].job(times), ratio: median(ratioOfRounds), low, high, ratioOfRounds }
}

const isThere = (name) => spawnSync(name, ['--version']).status === 0

/** About how long a turn of both sides takes, for each thing that is started; and in the lab. */
const SECONDS = { turn: 0.0025, counted: 0.08, boot: 15 }

export async function plan({ rounds, commands, runs, counted }) {
  const all = Object.keys(PROGRAMS)
  const names = all.filter(isThere)
  if (names.length === 0) throw new Error(`there is none of ${all.join(', ')}`)
  const where = makeFolder()
  process.once('exit', () => rmSync(where.folder, { recursive: true, force: true }))
  const timesOf = (name) => (name === 'python3' ? runs : commands)
  return {
    steps: [
      {
        name: `counts in the lab, ${counted} starts by each`,
        seconds: SECONDS.boot + SECONDS.counted * counted * names.length * (INTERFACES.length + 1),
        run: () => count(names, where.library, counted),
      },
      ...names.map((name) => ({
        name: PROGRAMS[name].job(timesOf(name)),
        seconds: SECONDS.turn * rounds * timesOf(name),
        run: async (progress) => measure(name, where, timesOf(name), rounds, progress),
      })),
    ],
    result: ([{ kernel, counts }, ...results]) => ({
      lab: lab({ ...MACHINE, kernel, clock: 'instructions' }),
      unit: "time with the C library's posix_spawn() / time with libposix_spawn_fast.so",
      absent: Object.fromEntries(
        all.filter((name) => !names.includes(name)).map((name) => [name, 'not installed']),
      ),
      ...{ rounds, results, counts },
    }),
  }
}

const thousands = (n) => (n / 1000).toFixed(1)

export function print({ results, rounds, counts, absent }) {
  console.log(`\nHow many times sooner with libposix_spawn_fast.so, ${rounds} rounds`)
  for (const { name, ratio, low, high } of results) {
    const same = low <= 1 && high >= 1 ? 'equal, ' : ''
    const interval = `${low.toFixed(2)} to ${high.toFixed(2)}`
    console.log(`  ${name.padEnd(34)}${same}${ratio.toFixed(2)} (${interval})`)
  }
  const interfaces = Object.keys(counts[0].by)
  const columns = (cells) => cells.map((cell) => cell.padStart(10)).join('')
  console.log('\nThousand instructions of a command, in the lab, by interface')
  console.log(`  ${''.padEnd(12)}${columns(['libc', ...interfaces])}`)
  for (const { name, libc, by } of counts) {
    const all = [libc, ...interfaces.map((one) => by[one])]
    console.log(`  ${name.padEnd(12)}${columns(all.map(thousands))}`)
    console.log(
      `  ${''.padEnd(12)}${columns(all.map((n) => `${((n / libc - 1) * 100).toFixed(1)} %`))}`,
    )
  }
  for (const [name, why] of Object.entries(absent)) console.log(`not measured: ${name}: ${why}`)
}
