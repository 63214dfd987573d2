// Counts one call by one backend on the running kernel: `inside.mjs JSON`. Prints a line of
// JSON with what each sample has counted, or `absent`: why the backend does not work here.
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import process from 'node:process'
import { probe, run, spawn } from '../../dist/index.js'
import { CALLS } from './calls.mjs'

const { backend, call, file, addon, warm, samples } = JSON.parse(process.argv[2])
const counts = createRequire(import.meta.url)(addon)
/** What counts.c fills: the clock, this thread, the library's, the process, switches. */
const NR_COUNTS = 5
/**
 * The library's threads: V8 has some, too, which compile and collect at any time. What those
 * take is left out.
 */
let threads = new Int32Array(0)

const nameOf = (thread) => readFileSync(`/proc/self/task/${thread}/comm`, 'utf8')

function findThreads() {
  const all = readdirSync('/proc/self/task')
  threads = Int32Array.from(all.filter((thread) => nameOf(thread).startsWith('uring-')).map(Number))
}

/** Counts what happens until `what` has settled. */
async function counted(what) {
  const before = new Float64Array(NR_COUNTS)
  const after = new Float64Array(NR_COUNTS)
  counts(before.buffer, threads.buffer)
  await what()
  counts(after.buffer, threads.buffer)
  const [wall, thread, others, all, switches] = after.map((count, at) => count - before[at])
  return { total: wall - (all - thread - others), thread, others, switches }
}

async function measure(times, what) {
  const all = []
  for (let i = 0; i < times; i++) all.push(await counted(what))
  return Object.fromEntries(
    Object.keys(all[0]).map((field) => [field, all.map((one) => one[field])]),
  )
}

const { available, why } = probe().backends.find(({ name }) => name === backend)
if (!available) {
  console.log(JSON.stringify({ absent: why }))
} else {
  const start = () => CALLS[call].call({ run, spawn }, file, { backend })
  // V8 goes on compiling for a long time, and moves what it has allocated.
  for (let i = 0; i < warm; i++) await start()
  findThreads()
  // What counting takes itself, which is in every sample.
  await measure(warm, () => {})
  const empty = await measure(samples, () => {})
  console.log(JSON.stringify({ empty, found: await measure(samples, start) }))
}
process.exit(0)
