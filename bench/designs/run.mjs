// The kernel designs compared by instruction counts: every launch method on one
// machine whose clock counts instructions, by child, memory of the parent and
// open descriptors; and where the instructions of each go.
import { writeFileSync } from 'node:fs'
import { Option } from 'commander'
import { someOf } from '../../tools/options.mjs'
import { buildKernel, runInLab } from '../lib/lab.mjs'
import { compilerVersion, lab } from '../lib/result.mjs'
import { interquartileMean, mean } from '../lib/stats.mjs'
import { METHOD_NAMES } from '../report/names.mjs'
import { breakdown, breakdownLines } from './breakdown.mjs'
import { PHASES } from './phases.mjs'
import { build, CHILDREN, counting, folder, install, missing } from './programs.mjs'

export const description = 'instructions per process by launch method, in the lab'
export const inLab = true

const METHODS = Object.keys(METHOD_NAMES)
const KINDS = Object.keys(CHILDREN)
const KERNELS = ['patched', 'stock']
/** Methods of a kernel without the series. */
const STOCK = ['fork', 'vfork', 'posix_spawn', 'clone3']
/** MiB that the parent has touched. */
const MEMORY = [0, 256, 1024]
const FDS = [3, 1000, 10_000]
// Each figure comes from several processes, because what fork() copies depends
// on where the parent's mappings happen to be. A parent that has to touch much
// memory first is one process; its fork() takes a thousand times as long and
// varies less.
const SIZES = {
  usual: { processes: 8, runs: 20 },
  largeParent: { processes: 1, runs: 80 },
  largeFork: { processes: 1, runs: 10 },
  // Each run starts sixteen.
  batch: { processes: 8, runs: 6 },
  // The system's programs take longer, and vary less.
  tool: { processes: 4, runs: 10 },
  batchOfTools: { processes: 4, runs: 2 },
}
/** About how long a step takes. */
const SECONDS = { static: 25, dynamic: 70, dash: 40, git: 60, rg: 70, python3: 240, busybox: 30 }
const MACHINE = { cpus: 1, memory: '4G' }

export const addOptions = (command) =>
  command
    .option('--quick', 'only the small parent', false)
    .option('--methods <names>', 'launch methods', someOf(METHODS), METHODS)
    .option('--children <names>', 'programs to start (default: those installed)', someOf(KINDS))
    .addOption(new Option('--kernel <name>', 'which kernel').choices(KERNELS).default('patched'))

/** The parent's size costs the same whatever the child: one axis at a time. */
function groups(quick, children) {
  const small = children.map((child) => ({ child, memory: 0, fds: 3 }))
  if (quick || !children.includes('static')) return small
  return [
    ...small,
    ...MEMORY.slice(1).map((memory) => ({ child: 'static', memory, fds: 3 })),
    ...FDS.slice(1).map((fds) => ({ child: 'static', memory: 0, fds })),
  ]
}

const titleOf = ({ child, memory, fds }) =>
  `${child} child, parent of ${memory} MiB with ${fds} descriptors`

async function runLines({ name, child, kernel: flavour }, lines) {
  const file = `${folder}${name}.sh`
  writeFileSync(file, [...install(child), 'echo "\\"$(uname -r)\\""', ...lines, ''].join('\n'))
  const options = ['--kernel', flavour, '--icount', '--memory', MACHINE.memory]
  const [kernel, ...printed] = await runInLab(options, ['sh', file])
  return { kernel, printed }
}

function sizesOf({ method, memory, child }) {
  const batch = method === 'chain_batch'
  if (CHILDREN[child].tool) return batch ? SIZES.batchOfTools : SIZES.tool
  if (memory > 0) return method === 'fork' ? SIZES.largeFork : SIZES.largeParent
  return batch ? SIZES.batch : SIZES.usual
}

async function count(group, { methods, kernel: flavour }) {
  const list = methods.map((method) => ({ ...group, method }))
  const name = `${group.child}-${group.memory}-${group.fds}`
  const lines = list.flatMap((one) => {
    const { processes, runs } = sizesOf(one)
    return Array.from({ length: processes }, () => counting({ ...one, runs }))
  })
  const { kernel, printed } = await runLines({ name, child: group.child, kernel: flavour }, lines)
  const counts = list.map((one) => {
    const own = printed.splice(0, sizesOf(one).processes)
    const all = (field) => own.flatMap((of) => of[field])
    const each = (value) => Math.round(value / own[0].batch)
    return {
      ...one,
      total: each(interquartileMean(all('totals'))),
      call: each(interquartileMean(all('calls'))),
      return: each(interquartileMean(all('returns'))),
      mean: each(mean(all('totals'))),
    }
  })
  return { kernel, counts }
}

async function countPhases(child, { methods, kernel: flavour }) {
  const list = methods.map((method) => ({ child, method }))
  const how = { name: `phases-${child}`, child, kernel: flavour }
  const { kernel, printed } = await runLines(how, breakdownLines(list))
  return { kernel, phases: breakdown(list, printed) }
}

const rounded = (_, value) => (typeof value === 'number' ? Math.round(value) : value)

/** What is left out because the system does not have it; a child that was asked for is an error. */
function chosen({ methods, children, kernel }) {
  const lacking = missing()
  const asked = (children ?? []).filter((name) => lacking.includes(name))
  if (asked.length > 0) throw new Error(`not installed: ${asked.join(', ')}`)
  const stock = kernel === 'stock'
  return {
    methods: methods.filter((name) => !stock || STOCK.includes(name)),
    children: children ?? KINDS.filter((name) => !lacking.includes(name)),
    absent: Object.fromEntries([
      ...(children ? [] : lacking.map((name) => [name, 'not installed'])),
      ...(stock
        ? methods.filter((name) => !STOCK.includes(name)).map((name) => [name, 'needs the series'])
        : []),
    ]),
  }
}

export async function plan({ quick, kernel = 'patched', ...options }) {
  const { methods, children, absent } = chosen({ ...options, kernel })
  if (methods.length === 0) throw new Error('the stock kernel has none of these methods')
  await build(children)
  if (kernel !== 'patched') await buildKernel({ kernel })
  const compiler = await compilerVersion()
  const what = { methods, kernel }
  const steps = [
    ...groups(quick, children).map((group) => ({
      name: titleOf(group),
      seconds: SECONDS[group.child] + group.memory / 10 + group.fds / 150,
      run: () => count(group, what),
    })),
    ...children.map((child) => ({
      name: `phases of a start, ${child} child`,
      seconds: SECONDS[child],
      run: () => countPhases(child, what),
    })),
  ]
  return {
    steps,
    result: (found) => ({
      lab: lab({ ...MACHINE, kernel: found[0].kernel, clock: 'instructions' }),
      versions: { compiler },
      unit: 'instructions per process',
      absent,
      results: found.flatMap(({ counts = [] }) => counts),
      phases: JSON.parse(
        JSON.stringify(
          found.flatMap(({ phases = [] }) => phases),
          rounded,
        ),
      ),
    }),
  }
}

const thousands = (n, width) =>
  (n / 1000)
    .toFixed(1)
    .replace(/^-0\.0$/, '0.0')
    .padStart(width)

export function print({ results, phases, absent = {} }) {
  for (const [title, rows] of grouped(results, titleOf)) {
    console.log(`\n${title}`)
    console.log(`${'thousand instr.'.padEnd(16)}${'total'.padStart(9)}${'in caller'.padStart(12)}`)
    for (const { method, total, call } of rows) {
      console.log(`${method.padEnd(16)}${thousands(total, 9)}${thousands(call, 12)}`)
    }
  }
  for (const [child, rows] of grouped(phases, (one) => one.child)) {
    console.log(`\n${child} child: thousand instructions by phase`)
    for (const [who, names] of Object.entries(PHASES)) {
      const widths = names.map((name) => Math.max(9, name.length + 2))
      const heads = names.map((name, at) => name.padStart(widths[at])).join('')
      console.log(`${who.padEnd(16)}${heads}`.trimEnd())
      for (const { method, phases } of rows) {
        const numbers = names.map((name, at) => thousands(phases[who][name], widths[at]))
        console.log(`  ${method.padEnd(14)}${numbers.join('')}`)
      }
    }
    const costs = rows.map(({ traced, total }) => traced - total)
    const [least, most] = [Math.min(...costs), Math.max(...costs)]
    console.log(`cost of tracing, subtracted: ${thousands(least, 0)} to ${thousands(most, 0)}`)
  }
  for (const [name, why] of Object.entries(absent)) console.log(`not measured: ${name}: ${why}`)
}

function grouped(list, keyOf) {
  const groups = new Map()
  for (const one of list) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one])
  return groups
}
