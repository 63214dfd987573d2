// `npm run test:soak`: the library on this kernel for long, by random operations
// (test/soak); the proof of the cluster and its memory (test/cluster); then the series:
// that each of its patches builds, its selftests on more machines than `npm test` has,
// and for long its stress program, its fuzzer, and the one that disturbs what it starts,
// each in a machine of its own. Prints tables of what was done, and a line with the counts.
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { Command, Option } from 'commander'
import { attempt } from '../tools/command.mjs'
import { wholeNumber } from '../tools/options.mjs'
import { logFile, root } from '../tools/paths.mjs'
import { duration } from '../tools/progress.mjs'

const number = wholeNumber(0)
const positive = wholeNumber()

/** What can be run by itself, in the order of the whole. */
const PARTS = ['library', 'cluster', 'series', 'selftests', 'kernel']

const given = new Command()
  .name('test:soak')
  .description('stress the library on this kernel, and the kernel series in the lab, for long')
  .addOption(new Option('--only <part>', 'one part').choices(PARTS))
  .option('--seed <number>', 'of the random numbers; the kernel part counts up from it', number)
  .option('--minutes <number>', 'library: run at least so long', number, 30)
  .option('--count <processes>', 'library: and start at least so many', number, 1_000_000)
  .option('--backend <names>', 'library: of these, as vfork,fork; all that work by default')
  .option('--first <operation>', 'library: begin with this operation of the seed', number)
  .option('--last <operation>', 'library: end with this one, whatever the time and count', number)
  .option('--stress <chains>', 'kernel: chains of the stress program', number, 100_000)
  .option('--fuzz <chains>', 'kernel: chains of the fuzzer', number, 10_000_000)
  .option('--disturbed <processes>', 'kernel: started while all disturbs them', number, 10_000)
  .option('--commands <number>', 'cluster: over four workers', positive, 100_000)
  .option('--generated <number>', 'cluster: of a generator, for memory', positive, 1_000_000)
  .option(
    '--kernel <flavour>',
    'selftests, kernel: of the machines: patched, debug or kcsan',
    'debug',
  )
  .parse()
  .opts()

/** The library's part does something else each time; the kernel's always begins with 1. */
const options = { ...given, seed: given.seed ?? Math.floor(Math.random() * 2 ** 31) }
const firstSeed = given.seed ?? 1

/** Seconds after which a run certainly hangs. */
const LIMIT = 7200

/** The arguments of test/soak/main.mjs. */
function libraryArguments() {
  const names = ['seed', 'minutes', 'count', 'backend', 'first', 'last']
  return names.flatMap((name) =>
    options[name] === undefined ? [] : [`--${name}`, `${options[name]}`],
  )
}

/** A line of its output, as JSON. */
function parsed(line) {
  try {
    return JSON.parse(line)
  } catch {
    return {}
  }
}

/** Of the time and of the count, what is further from its end. */
function progress(line) {
  const { seconds, started } = parsed(line)
  if (started === undefined) return undefined
  const { minutes, count } = options
  const shares = [minutes && seconds / (60 * minutes), count && started / count]
  const known = shares.filter((share) => share > 0)
  return { share: Math.min(1, ...known), note: `${started} processes` }
}

const rounded = (value) => Math.round(value * 10) / 10

function figures({ seconds, processes, checks, first, last, bounds, ...rest }) {
  const { descriptors, threads, longestDelay } = rest
  const memory = (kind) =>
    `${rounded(first[kind])}, then ${rounded(last[kind])} (at most ${bounds[kind]} more)`
  const open = Object.values(descriptors).reduce((sum, one) => sum + one, 0)
  return {
    time: duration(seconds),
    processes,
    'processes per second': Math.round(processes / seconds),
    checks,
    'resident memory, MiB': memory('resident'),
    'heap, MiB': memory('heap'),
    'descriptors, at each check': open,
    'threads at the last check': last.threads,
    'most threads': threads.most,
    'longest wait of the event loop, ms': Math.round(longestDelay),
  }
}

/** Returns whether all went well. */
async function library() {
  const log = logFile('soak library')
  const args = libraryArguments()
  const command = [process.execPath, '--expose-gc', `${root}test/soak/main.mjs`, ...args]
  console.log(`soak: library, seed ${options.seed}`)
  const end = await attempt(command, {
    ...{ title: 'soak: library', log, read: progress, show: process.stdout },
    ...(options.minutes > 0 && { seconds: 60 * options.minutes }),
  })
  const { result, failed } = parsed(end.stdout.trimEnd().split('\n').at(-1))
  if (result) {
    console.table(result.kinds)
    console.table(result.counts)
    if (result.last) console.table(figures(result))
  }
  if (end.status === 0 && result && !failed) return true
  const why = failed ?? `it ended with ${end.signal ?? end.status}\n${end.lines.join('\n')}`
  console.error(`soak: library, seed ${options.seed}: ${why}`)
  console.error(`soak: the same again: npm run test:soak -- --only library ${args.join(' ')}`)
  console.error(`soak: the whole log: ${log}`)
  return false
}

/** How many chains or processes one machine starts: few enough to narrow down what ends it early. */
const PIECE = 100_000

const lab = (...args) => [process.execPath, `${root}kernel/lab`, ...args]

/** A run of the lab as a row of a table. `good` says whether its output is of success. */
async function run(title, command, row, good = () => true) {
  const log = logFile(title)
  const start = performance.now()
  const end = await attempt(command, { title, log, show: process.stdout })
  const ok = end.status === 0 && good(end.stdout)
  if (!ok) {
    console.error(`${title} ended with ${end.signal ?? end.status}\n${end.lines.join('\n')}`)
    console.error(`soak: the whole log: ${log}`)
  }
  const seconds = Math.round((performance.now() - start) / 1000)
  return { ...row, ok, seconds, stdout: end.stdout }
}

function show(rows) {
  console.table(rows.map(({ stdout, ...row }) => row))
  return rows.map(({ ok }) => ok)
}

/** Every patch builds, alone and in the order in which the series would be mailed. */
async function series() {
  const rows = []
  for (const order of [[], ['--mail']]) {
    const what = ['check', '--each', ...order]
    rows.push(await run(`soak: ${what.join(' ')}`, lab(...what), { command: what.join(' ') }))
  }
  return show(rows)
}

/**
 * Processors of the machines that run the selftests, besides those of `npm test`. One
 * runs a task until it waits or its time is up; eight run as many at once.
 */
const PROCESSORS = [1, 2, 8]

async function selftests() {
  const rows = []
  for (const smp of PROCESSORS) {
    const limits = ['--kernel', options.kernel, '--smp', `${smp}`, '--timeout', `${LIMIT}`]
    const title = `soak: selftests ${options.kernel} ${smp}`
    const row = await run(title, lab('selftest', ...limits), { kernel: options.kernel, smp })
    const counts = /^\d+ passed, \d+ failed, \d+ skipped$/m.exec(row.stdout)?.[0]
    rows.push({ ...row, counts })
  }
  return show(rows)
}

/** Runs a program of the series in a machine; returns a row of the table. */
function inMachine(image, [program, starts, args]) {
  const limits = ['--kernel', options.kernel, '--smp', '2', '--timeout', `${LIMIT}`]
  const command = lab(...limits, '--', `${image}/selftests/${program}`, ...args.map(String))
  return run(
    `soak: ${program} ${args.join(' ')}`,
    command,
    { program, arguments: args.join(' '), starts },
    // Without its totals a program has not reported success, whatever its status.
    (stdout) => /^# Totals: .* fail:0 .* error:0$/m.test(stdout),
  )
}

/** Runs of a program that start `total` chains or processes together, with a seed each. */
const inPieces = (program, total, args) =>
  Array.from({ length: Math.ceil(total / PIECE) }, (_, i) => {
    const starts = Math.min(PIECE, total - i * PIECE)
    return [program, starts, args(starts, firstSeed + i)]
  })

/** Returns whether each run went well. */
async function kernel() {
  const { stress, fuzz, disturbed, kernel } = options
  const built = await attempt(lab('build', '--kernel', kernel), {
    ...{ title: 'soak: building the kernel', log: logFile('soak build'), lazy: true },
  })
  if (built.status !== 0) {
    console.error(`soak: building the kernel failed\n${built.lines.join('\n')}`)
    return [false]
  }
  const image = built.stdout.trim().split('\n').at(-1)
  const runs = [
    ...inPieces('io_uring_spawn/stress', stress, (chains, seed) => [chains, 4, seed, LIMIT]),
    ...inPieces('io_uring_spawn/fuzz', fuzz, (chains, seed) => [seed, chains]),
    ...inPieces('spawn_template/soak', disturbed, (starts, seed) => [starts, LIMIT, seed]),
  ]
  const rows = []
  for (const one of runs) rows.push(await inMachine(image, one))
  return show(rows)
}

/** Runs a program of test/cluster; returns whether all went well. */
async function ofCluster(program, commands, perSecond) {
  const log = logFile(`soak ${program}`)
  const file = `${root}test/cluster/${program}.mjs`
  const command = [process.execPath, '--expose-gc', file, '--count', `${commands}`]
  const end = await attempt(command, {
    ...{ title: `soak: cluster: ${program}`, log, show: process.stdout },
    seconds: commands / perSecond,
    read(line) {
      const { started } = parsed(line)
      return started && { share: started / commands, note: `${started} commands` }
    },
  })
  const { result, failed } = parsed(end.stdout.trimEnd().split('\n').at(-1))
  if (result) console.log(`soak: cluster: ${program}: ${JSON.stringify(result, null, 2)}`)
  if (end.status === 0 && result && !failed) return true
  const why = failed ?? `it ended with ${end.signal ?? end.status}\n${end.lines.join('\n')}`
  console.error(`soak: cluster: ${program}: ${why}\nsoak: the whole log: ${log}`)
  return false
}

/** Whether each command had one outcome, and nothing was left; whether memory stayed the same. */
const cluster = async () => [
  await ofCluster('proof', options.commands, 500),
  await ofCluster('memory', options.generated, 1000),
]

const parts = { library: async () => [await library()], cluster, series, selftests, kernel }
const all = []
for (const part of options.only ? [options.only] : PARTS) all.push(...(await parts[part]()))
const failed = all.filter((ok) => !ok).length
console.log(`${all.length - failed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
