// What an awaited process costs a program of Node, by backend: instructions of the
// JavaScript thread, of that and the library's threads, and of the whole machine, and
// context switches, one process at a time in the lab.
import { realpathSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { someOf } from '../../tools/options.mjs'
import { quoted } from '../../tools/programs.mjs'
import { sh } from '../../tools/sh.mjs'
import { build, CHILDREN, folder, install } from '../designs/programs.mjs'
import { runInLab } from '../lib/lab.mjs'
import { compilerVersion, lab } from '../lib/result.mjs'
import { interquartileMean, median } from '../lib/stats.mjs'
import { CALLS } from './calls.mjs'

export const description = 'instructions and switches of an awaited process of Node, in the lab'
export const inLab = true

const here = fileURLToPath(new URL('.', import.meta.url))
const NAMES = Object.keys(CALLS)
const BACKENDS = ['uring', 'spawn_template', 'vfork']
const MACHINE = { cpus: 1, memory: '2G' }
/** Starts before anything is counted, and those that are. */
const TIMES = { warm: 1000, samples: 100 }
/** About how long a call by one backend takes, and a boot. */
const SECONDS = { call: 15, boot: 10 }
const ADDON = '/tmp/counts.node'
/** Each start looks through the environment: let that be the same for everybody. */
const ENVIRONMENT = ['PATH=/usr/bin:/bin', 'HOME=/root']

export const addOptions = (command) =>
  command
    .option('--calls <names>', 'the calls', someOf(NAMES), NAMES)
    .option(
      '--backends <names>',
      'the backends; builder and fork are available, too',
      someOf([...BACKENDS, 'builder', 'fork']),
      BACKENDS,
    )
    .option('--without-event-loop', "without Node's event loop, as in other runtimes", false)

/** The addon that counts, in the folder of the programs. */
async function buildAddon() {
  const options = ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC']
  await sh`gcc ${options} -o ${folder}counts.node ${here}counts.c`
}

function command(backend, call, withoutEventLoop) {
  const job = { backend, call, file: CHILDREN.static.path, addon: ADDON, ...TIMES }
  const environment = [...ENVIRONMENT, ...(withoutEventLoop ? ['URING_SPAWN_NO_EVENT_LOOP=1'] : [])]
  const node = [realpathSync(process.execPath), `${here}inside.mjs`, JSON.stringify(job)]
  return ['env', '-i', ...environment, ...node].map(quoted).join(' ')
}

/** One sample's counts are those between two looks at the counters; a look counts, too. */
function rowOf(backend, call, { found, empty }) {
  const instructions = (field) => Math.round(interquartileMean(found[field]) - median(empty[field]))
  return {
    ...{ backend, call },
    total: instructions('total'),
    program: instructions('thread') + instructions('others'),
    thread: instructions('thread'),
    switches: median(found.switches),
  }
}

async function count(backend, { calls, withoutEventLoop }) {
  const file = `${folder}${backend}.sh`
  const lines = [...install('static'), `cp ${quoted(`${folder}counts.node`)} ${ADDON}`]
  // In a folder of the machine: children start there, and the shared file system answers in
  // real time.
  const counting = ['cd /tmp', ...calls.map((call) => command(backend, call, withoutEventLoop))]
  writeFileSync(file, [...lines, 'echo "\\"$(uname -r)\\""', ...counting, ''].join('\n'))
  const options = ['--icount', '--memory', MACHINE.memory, '--timeout', '0']
  const [kernel, ...printed] = await runInLab(options, ['sh', file])
  const absent = printed.find((one) => one.absent)?.absent
  if (absent) throw new Error(`${backend} does not work in the lab: ${absent}`)
  return { kernel, results: printed.map((one, at) => rowOf(backend, calls[at], one)) }
}

export async function plan(options) {
  const { calls, backends } = options
  await build(['static'])
  await buildAddon()
  const compiler = await compilerVersion()
  return {
    steps: backends.map((backend) => ({
      name: `${calls.length} calls by ${backend}`,
      seconds: SECONDS.boot + SECONDS.call * calls.length,
      run: () => count(backend, options),
    })),
    result: (found) => ({
      lab: lab({ ...MACHINE, kernel: found[0].kernel, clock: 'instructions' }),
      versions: { compiler },
      unit: 'instructions per process',
      samples: TIMES.samples,
      results: found.flatMap(({ results }) => results),
    }),
  }
}

const thousands = (n) => (n / 1000).toFixed(1).padStart(10)

export function print({ results }) {
  for (const call of NAMES) {
    const rows = results.filter((one) => one.call === call)
    if (rows.length === 0) continue
    console.log(`\n${CALLS[call].title}`)
    console.log('thousand instr.    thread   program     total  switches')
    for (const { backend, thread, program, total, switches } of rows) {
      const numbers = [thread, program, total].map(thousands).join('')
      console.log(`${backend.padEnd(15)}${numbers}${switches.toFixed(2).padStart(10)}`)
    }
  }
}
