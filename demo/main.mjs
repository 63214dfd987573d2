// `npm run demo [-- --stock]`: the tools that agents call, over a made-up
// workspace, by chains on the patched kernel in the lab and by the best the
// running kernel has; beside node:child_process doing the same.
import { spawnSync } from 'node:child_process'
import { release } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { explain } from '../dist/chain/index.js'
import { probe, run } from '../dist/index.js'
import { calls, session } from './calls.mjs'
import { measure } from './measure.mjs'
import { makeWorkspace } from './workspace.mjs'

const { values } = parseArgs({
  options: {
    stock: { type: 'boolean', default: false },
    here: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '20' },
    concurrency: { type: 'string', default: '4' },
  },
})

const title = (text) => console.log(`\n${text}\n${'-'.repeat(text.length)}`)

const compiled = ({ tool, args, input }, cwd) =>
  explain({
    file: tool,
    args,
    cwd,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })

/** The operations of a chain in a row, execs over PATH counted. */
function shape({ links }) {
  const names = links.map(({ operation }) => operation)
  const execs = names.filter((name) => name === 'EXEC').length
  const others = names.filter((name) => name !== 'EXEC')
  return [...others, execs > 1 ? `EXEC (hard-linked, ${execs} places)` : 'EXEC'].join(' → ')
}

function printChains(work, cwd, backend) {
  const shapes = new Map()
  for (const one of work) {
    const key = shape(compiled(one, cwd))
    shapes.set(key, (shapes.get(key) ?? 0) + 1)
  }
  const how =
    backend === 'uring'
      ? 'each submitted as linked SQEs'
      : `each run by ${backend} in a native thread: this kernel has no such SQEs`
  console.log(`${work.length} chains, ${how}:`)
  for (const [key, count] of shapes) console.log(`  ${String(count).padStart(5)}  ${key}`)
  const one = work.find(({ tool }) => tool === 'git')
  console.log(`\nOne of them, ${[one.tool, ...one.args].join(' ')}:\n`)
  console.log(compiled(one, cwd).toString(48))
}

function printRates({ backend, ours, theirs, different }) {
  const row = (name, { rate, longest, failures }) =>
    console.log(
      `  ${name.padEnd(26)} ${rate.toFixed(0).padStart(6)} calls/s  ` +
        `event loop held for ${longest.toFixed(0).padStart(4)} ms at most  ` +
        `${failures.length} failures`,
    )
  console.log()
  row(`uring-spawn (${backend})`, ours)
  row('node:child_process', theirs)
  console.log(`  ${different.length} answers differ`)
  for (const what of [...ours.failures, ...theirs.failures].slice(0, 10)) console.log(`  ! ${what}`)
  for (const what of different.slice(0, 10)) console.log(`  ! differs: ${what}`)
}

/** On the kernel this runs on; returns how many calls failed. */
async function here() {
  const rounds = Number(values.rounds)
  const concurrency = Number(values.concurrency)
  const workspace = makeWorkspace()
  try {
    title(`Kernel ${release()}: backend ${probe().auto}`)
    // Both are warm, and git has its index.
    for (const { tool, args, input } of calls) {
      await run(tool, args, { cwd: workspace.dir, ...(input && { input }) })
    }
    const work = session(rounds)
    const found = await measure(work, { cwd: workspace.dir, concurrency })
    printChains(work, workspace.dir, found.backend)
    printRates(found)
    return found.ours.failures.length + found.theirs.failures.length + found.different.length
  } finally {
    workspace.remove()
  }
}

/** The same inside the patched kernel; returns its exit status. */
function inLab() {
  const lab = fileURLToPath(new URL('../kernel/lab', import.meta.url))
  const me = fileURLToPath(import.meta.url)
  const args = [lab, '--', process.execPath, me, '--here', '--rounds', '2']
  const { status, error } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (error) throw error
  return status
}

if (values.here) {
  process.exitCode = (await here()) === 0 ? 0 : 1
} else {
  const lab = values.stock ? 0 : inLab()
  const failures = await here()
  const labSaid = lab === 0 ? '' : ` The lab half exited with ${lab}.`
  console.log(`\n${failures} failures.${labSaid}`)
  process.exitCode = failures === 0 && lab === 0 ? 0 : 1
}
