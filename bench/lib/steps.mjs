// Runs the steps of one or more benchmarks, shows their progress, and keeps what
// each step measured until all are done, so that an interrupted run resumes.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Progress } from '../../tools/progress.mjs'
import { sh } from '../../tools/sh.mjs'

/**
 * @typedef {object} Step
 * @property {string} name  shown as progress
 * @property {number} seconds  about how long it takes
 * @property {(progress: (share: number) => void) => Promise<any>} run  resolves
 *   to a value that survives JSON
 */

/** Identifies the code measured: figures of two versions must not be mixed. */
async function treeHash(root) {
  const git = sh({ cwd: root })
  const hash = createHash('sha256')
  hash.update((await git`git rev-parse HEAD`).stdout)
  hash.update((await git`git diff HEAD -- ${[':!bench/results', ':!*.md']}`).stdout)
  return hash.digest('hex')
}

const minutes = (seconds) =>
  seconds < 90 ? `${Math.ceil(seconds / 10) * 10} seconds` : `${Math.round(seconds / 60)} minutes`

/** A bar on a terminal; otherwise a line for each step. */
function progressOf(total, stream) {
  if (!stream.isTTY) {
    return {
      begin: (name, left) => stream.write(`bench: ${name} (about ${minutes(left)} to go)\n`),
      update() {},
      end() {},
    }
  }
  const bar = new Progress('bench', { seconds: total, stream, hidden: false })
  let step = ''
  const show = (spent) =>
    bar.update(spent / total, `about ${minutes(total - spent)} to go: ${step}`)
  return {
    begin(name, left) {
      step = name
      show(total - left)
    },
    update: show,
    end: () => bar.end(),
  }
}

/** The steps' results, kept in `folder` until they are forgotten. */
class Kept {
  #folder
  #tree

  /** `tree`: the hash of the code measured */
  constructor(folder, tree) {
    this.#folder = folder
    this.#tree = tree
  }

  #file({ name }, key) {
    const hash = createHash('sha256').update(`${this.#tree} ${key} ${name}`).digest('hex')
    return join(this.#folder, `${hash.slice(0, 20)}.json`)
  }

  has(step, key) {
    return existsSync(this.#file(step, key))
  }

  get(step, key) {
    return JSON.parse(readFileSync(this.#file(step, key), 'utf8'))
  }

  /** Writes the whole result or none, however the run ends. */
  put(step, key, data) {
    const file = this.#file(step, key)
    mkdirSync(this.#folder, { recursive: true })
    writeFileSync(`${file}.new`, JSON.stringify(data))
    renameSync(`${file}.new`, file)
  }

  forget(step, key) {
    rmSync(this.#file(step, key), { force: true })
  }

  forgetAll() {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/**
 * Runs the steps that were not run before, and passes the data of each benchmark
 * to `finished` as soon as it is complete.
 * @param {{ name: string, key: string, steps: Step[] }[]} benchmarks  `key`
 *   distinguishes runs with different options
 */
export async function runSteps(
  benchmarks,
  { folder, root, fresh, finished, stream = process.stderr },
) {
  const kept = new Kept(folder, await treeHash(root))
  if (fresh) kept.forgetAll()
  const left = benchmarks.map(({ key, steps }) => steps.filter((step) => !kept.has(step, key)))
  const seconds = (steps) => steps.reduce((sum, step) => sum + step.seconds, 0)
  const todo = left.flat()
  stream.write(`bench: ${todo.length} steps, about ${minutes(seconds(todo))} on two quiet cores\n`)
  const had = benchmarks.flatMap(({ steps }) => steps).length - todo.length
  if (had > 0) {
    stream.write(`bench: ${had} steps were done before; --fresh starts over\n`)
  }
  for (const [at, { name, key, steps }] of benchmarks.entries()) {
    const total = seconds(left.slice(at).flat())
    const bar = progressOf(total, stream)
    let spent = 0
    try {
      for (const step of left[at]) {
        bar.begin(`${name}: ${step.name}`, total - spent)
        const data = await step.run((share) => bar.update(spent + share * step.seconds))
        kept.put(step, key, data)
        spent += step.seconds
      }
    } finally {
      bar.end()
    }
    const data = steps.map((step) => kept.get(step, key))
    await finished(name, data)
  }
  // Keep the steps of other, interrupted benchmarks.
  for (const { key, steps } of benchmarks) for (const step of steps) kept.forget(step, key)
}
