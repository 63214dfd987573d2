// The kernel designs compared by instruction counts: every launch method on one
// machine whose clock counts instructions, by child, memory of the parent and
// open descriptors; and where the instructions of each go.
import { writeFileSync } from 'node:fs'
import { someOf } from '../../tools/options.mjs'
import { buildKernel, runInLab } from '../lib/lab.mjs'
import { printRatios } from '../lib/ratios.mjs'
import { compilerVersion, lab } from '../lib/result.mjs'
import { interquartileMean, mean } from '../lib/stats.mjs'
import { METHOD_NAMES } from '../report/names.mjs'
import { breakdown, breakdownLines } from './breakdown.mjs'
import { columnName, compareKernels, KERNELS } from './kernels.mjs'
import { PHASES } from './phases.mjs'
import { build, CHILDREN, counting, folder, install, measuring, missing } from './programs.mjs'

export const description = 'instructions per process by launch method and kernel, in the lab'
export const inLab = true

const METHODS = Object.keys(METHOD_NAMES)
const KINDS = Object.keys(CHILDREN)
/** Methods of a kernel without the series. */
const STOCK = ['fork', 'vfork', 'posix_spawn', 'clone3', 'posix_spawn_vfork']
/**
 * What tells kernels and programs apart. The others differ from these only in what they
 * take for a launch, which is counted with a static and a dynamic program.
 */
const COMPARED = ['vfork', 'chain_fds', 'chain_template', 'chain_headers', 'spawn_template']
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
  tool: { processes: 4, runs: 10, warmUp: 5 },
  batchOfTools: { processes: 4, runs: 2, warmUp: 1 },
}
/** Where a program's mappings are, and so how many tables they take, differs from start to start. */
const RUNS_OF_FOOTPRINT = 20
/** About how long a method takes, its phases included; and a boot. */
const SECONDS = { static: 4, dynamic: 10, dash: 4, git: 5, rg: 6, python3: 20, busybox: 3 }
const BOOT = 10
const MACHINE = { cpus: 1, memory: '4G' }

export const addOptions = (command) =>
  command
    .option('--quick', 'only the small parent', false)
    .option(
      '--methods <names>',
      `launch methods (default: all; of the system's programs, and on other kernels than the last, ${COMPARED.join(', ')})`,
      someOf(METHODS),
    )
    .option('--children <names>', 'programs to start (default: those installed)', someOf(KINDS))
    .option('--kernels <names>', 'which kernels', someOf(KERNELS), KERNELS)

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

const titleOf = ({ kernel, child, memory, fds }) =>
  `${child} child, parent of ${memory} MiB with ${fds} descriptors, ${kernel} kernel`

async function runLines({ name, child, kernel }, lines) {
  const file = `${folder}${name}.sh`
  writeFileSync(file, [...install(child), 'echo "\\"$(uname -r)\\""', ...lines, ''].join('\n'))
  // The command has built the usual one.
  if (kernel !== 'patched') await buildKernel({ kernel })
  const options = ['--kernel', kernel, '--icount', '--memory', MACHINE.memory, '--timeout', '0']
  const [release, ...printed] = await runInLab(options, ['sh', file])
  return { release, printed }
}

function sizesOf({ method, memory, child }) {
  const batch = method === 'chain_batch'
  if (CHILDREN[child].tool) return batch ? SIZES.batchOfTools : SIZES.tool
  if (memory > 0) return method === 'fork' ? SIZES.largeFork : SIZES.largeParent
  return batch ? SIZES.batch : SIZES.usual
}

/** Counts the methods with one parent; with the small one also their phases, and what is mapped. */
async function count({ methods, ...group }) {
  const { kernel, child, memory, fds } = group
  const list = methods.map((method) => ({ ...group, method }))
  const counted = list.flatMap((one) => {
    const { processes, ...starts } = sizesOf(one)
    return Array.from({ length: processes }, () => counting({ ...one, ...starts }))
  })
  const small = memory === 0 && fds === 3
  const traced = small ? methods.map((method) => ({ kernel, child, method })) : []
  const name = `${kernel}-${child}-${memory}-${fds}`
  const { release, printed } = await runLines({ name, child, kernel }, [
    ...counted,
    ...(small ? [measuring({ child, runs: RUNS_OF_FOOTPRINT })] : []),
    ...breakdownLines(traced),
  ])
  const counts = list.map((one) => countOf(one, printed.splice(0, sizesOf(one).processes)))
  const footprints = printed
    .splice(0, small ? 1 : 0)
    .map((found) => ({ kernel, child, ...footprintOf(found) }))
  return { kernel, release, counts, footprints, phases: breakdown(traced, printed) }
}

/** The count of a method from what its processes have found. */
function countOf(one, found) {
  const all = (field) => found.flatMap((of) => of[field])
  const each = (value) => Math.round(value / found[0].batch)
  return {
    ...one,
    total: each(interquartileMean(all('totals'))),
    call: each(interquartileMean(all('calls'))),
    return: each(interquartileMean(all('returns'))),
    mean: each(mean(all('totals'))),
  }
}

/** The means of the runs, to a tenth. */
const footprintOf = (found) =>
  Object.fromEntries(
    Object.entries(found).map(([what, runs]) => [what, Math.round(mean(runs) * 10) / 10]),
  )

const rounded = (_, value) => (typeof value === 'number' ? Math.round(value) : value)

const has = (kernel, method) => kernel !== 'stock' || STOCK.includes(method)

/**
 * What is counted: the children, and the methods by kernel and child; and what is not, because the
 * system or a kernel does not have it. A child that was asked for and is not there is an error.
 */
function chosen({ methods: asked, children, kernels, quick }) {
  const lacking = missing()
  const gone = (children ?? []).filter((name) => lacking.includes(name))
  if (gone.length > 0) throw new Error(`not installed: ${gone.join(', ')}`)
  const [main, ...others] = kernels.toReversed()
  const methods = (kernel, child) => {
    const usual = kernel === main && !CHILDREN[child].tool ? METHODS : COMPARED
    return (asked ?? usual).filter((method) => has(kernel, method))
  }
  const poor = kernels.find((kernel) => methods(kernel, 'static').length === 0)
  if (poor) throw new Error(`the ${poor} kernel has none of these methods`)
  const absent = children ? [] : lacking.map((name) => [name, 'not installed'])
  for (const kernel of kernels) {
    for (const method of asked ?? COMPARED) {
      if (!has(kernel, method)) absent.push([`${method}, ${kernel} kernel`, 'needs the series'])
    }
  }
  if (!quick && others.length > 0) {
    absent.push(['other parents than the small one', `counted on the ${main} kernel only`])
  }
  if (!asked) {
    const what = others.length > 0 ? ', and other kernels' : ''
    absent.push([`the system's programs${what}`, `by ${COMPARED.join(', ')} only`])
  }
  return {
    methods,
    children: children ?? KINDS.filter((name) => !lacking.includes(name)),
    absent: Object.fromEntries(absent),
  }
}

export async function plan({ quick, kernels: asked = ['patched'], ...options }) {
  const kernels = KERNELS.filter((name) => asked.includes(name))
  const { children, methods, absent } = chosen({ ...options, kernels, quick })
  await build(children)
  const compiler = await compilerVersion()
  const stepsOf = (kernel) =>
    groups(quick || kernel !== kernels.at(-1), children).map((group) => {
      const own = methods(kernel, group.child)
      return {
        name: titleOf({ ...group, kernel }),
        seconds: BOOT + SECONDS[group.child] * own.length + group.memory / 10 + group.fds / 150,
        run: () => count({ kernel, ...group, methods: own }),
      }
    })
  return {
    // The longest first.
    steps: kernels.toReversed().flatMap(stepsOf),
    result: (found) => {
      const releaseOf = (kernel) => found.find((one) => one.kernel === kernel).release
      const inOrder = (rows) => kernels.flatMap((name) => rows.filter((one) => one.kernel === name))
      const all = (field) => inOrder(found.flatMap((one) => one[field]))
      return {
        lab: lab({ ...MACHINE, kernel: releaseOf(kernels.at(-1)), clock: 'instructions' }),
        versions: { compiler },
        unit: 'instructions per process',
        kernels: Object.fromEntries(kernels.map((name) => [name, releaseOf(name)])),
        absent,
        results: all('counts'),
        footprints: all('footprints'),
        phases: JSON.parse(JSON.stringify(all('phases'), rounded)),
      }
    },
  }
}

const thousands = (n, width) =>
  (n / 1000)
    .toFixed(1)
    .replace(/^-0\.0$/, '0.0')
    .padStart(width)

/** Of the column of methods. */
const WIDTH = 2 + Math.max(...METHODS.map((method) => method.length))

export function print(result) {
  const { results, phases, footprints, absent } = result
  printComparison(result)
  for (const [title, rows] of grouped(results, titleOf)) {
    console.log(`\n${title}`)
    console.log(
      `${'thousand instr.'.padEnd(WIDTH)}${'total'.padStart(9)}${'in caller'.padStart(12)}`,
    )
    for (const { method, total, call } of rows) {
      console.log(`${method.padEnd(WIDTH)}${thousands(total, 9)}${thousands(call, 12)}`)
    }
  }
  for (const [title, rows] of grouped(phases, titleOfPhases)) {
    console.log(`\n${title}: thousand instructions by phase`)
    for (const [who, names] of Object.entries(PHASES)) {
      const widths = names.map((name) => Math.max(9, name.length + 2))
      const heads = names.map((name, at) => name.padStart(widths[at])).join('')
      console.log(`${who.padEnd(WIDTH)}${heads}`.trimEnd())
      for (const { method, phases } of rows) {
        const numbers = names.map((name, at) => thousands(phases[who][name], widths[at]))
        console.log(`  ${method.padEnd(WIDTH - 2)}${numbers.join('')}`)
      }
    }
    const costs = rows.map(({ traced, total }) => traced - total)
    const [least, most] = [Math.min(...costs), Math.max(...costs)]
    console.log(`cost of tracing, subtracted: ${thousands(least, 0)} to ${thousands(most, 0)}`)
  }
  console.log('\nwhat is mapped at the end')
  const columns = ['faults', 'mapped', 'anonymous', 'tables']
  console.log(`${''.padEnd(24)}${columns.map((name) => name.padStart(11)).join('')}`)
  for (const { kernel, child, ...found } of footprints) {
    const numbers = columns.map((name) => found[name].toFixed(1).padStart(11))
    console.log(`${`${child}, ${kernel}`.padEnd(24)}${numbers.join('')}`)
  }
  for (const [name, why] of Object.entries(absent)) {
    console.log(`not measured: ${name}:\n  ${why}`)
  }
}

const titleOfPhases = ({ child, kernel }) => `${child} child, ${kernel} kernel`

/** Each program on every kernel, in a line. */
function printComparison(result) {
  const compared = compareKernels(result)
  if (!compared) return
  const [base, ...others] = compared.columns.map(columnName)
  const rows = compared.rows.map(({ child, ...counted }) => ({ name: child, ...counted }))
  printRatios(base, others, rows, { digits: 1 })
}

function grouped(list, keyOf) {
  const groups = new Map()
  for (const one of list) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one])
  return groups
}
