// Counts the calls on the running kernel, whose clock counts instructions:
// `inside.mjs JSON`. Prints a line of JSON with the kernel and the columns that
// it lacks, then one for each column of each kind of call. Needs only Node and
// the library.
import { release } from 'node:os'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { absentOf, columns } from '../agent-tools/columns.mjs'
import { expectation } from '../agent-tools/expectation.mjs'
import { fault } from '../agent-tools/fault.mjs'
import { presets } from '../agent-tools/presets.mjs'
import { makeWorkspace } from '../agent-tools/workspace.mjs'

/**
 * Calls of a short kind by each column before anything is counted: V8 compiles what is
 * called often, once more each time it knows it better, and on the one processor each
 * such compilation would be counted in some calls.
 */
const COMPILED_AFTER = 200
const SHORT = 'head'

/** A call's first times make templates, fill caches and get compiled: they are not counted. */
const warmUp = (calls) => Math.max(2, Math.ceil(calls / 2))

/**
 * Collects garbage before a column is counted, or the collector's work for what
 * others have left behind would be counted in some of its calls.
 */
function collectGarbage() {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}

/** Makes a call again and again; returns the instructions of each and what went wrong. */
async function count(preset, calls, { column, make, expected }) {
  const counts = []
  const wrong = []
  collectGarbage()
  for (let turn = -warmUp(calls); turn < calls; turn++) {
    const begin = process.hrtime.bigint()
    const result = await make(preset)
    const end = process.hrtime.bigint()
    if (turn >= 0) counts.push(Number(end - begin))
    const what = fault(preset, column, result, expected)
    if (what) wrong.push(what.slice(0, 500))
  }
  return { counts, wrong }
}

/**
 * Git compares the contents of files again and again that have changed in the
 * second in which its index was written. The first git after that writes it anew.
 * A clock that counts instructions skips this wait.
 */
const SECOND = 1100

async function measure({ kinds, names }) {
  const workspace = makeWorkspace()
  await sleep(SECOND)
  const options = { cwd: workspace.dir, env: process.env }
  // One caller of each column for all kinds of call, as in a program.
  const makers = new Map(names.map((name) => [name, columns[name].caller(options)]))
  const presetOf = (name) => presets.find((one) => one.name === name)
  try {
    for (const make of makers.values()) {
      for (let turn = 0; turn < COMPILED_AFTER; turn++) await make(presetOf(SHORT))
    }
    let done = 0
    for (const { name, calls } of kinds) {
      const preset = presetOf(name)
      const expected = await expectation(preset, options)
      for (const column of names) {
        const how = { column: columns[column], make: makers.get(column), expected }
        const found = await count(preset, calls, how)
        console.log(JSON.stringify({ preset: name, column, ...found }))
        console.error(`progress ${++done / kinds.length / names.length}`)
      }
    }
  } finally {
    workspace.remove()
  }
}

const plan = JSON.parse(process.argv[2])
const absent = absentOf(plan.columns)
console.log(JSON.stringify({ kernel: release(), absent }))
await measure({ kinds: plan.kinds, names: plan.columns.filter((name) => !(name in absent)) })
