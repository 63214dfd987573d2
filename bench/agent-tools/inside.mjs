// Measures one split of the workload on the running kernel, all columns in turn:
// `inside.mjs JSON`. Prints a line of JSON with the kernel and the columns that
// it lacks, then one for each round of a column. Needs only Node and the library.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { release } from 'node:os'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { absentOf } from './columns.mjs'
import { expectation } from './expectation.mjs'
import { deal, presets } from './presets.mjs'
import { makeWorkspace } from './workspace.mjs'

const script = fileURLToPath(new URL('worker.mjs', import.meta.url))

async function expectations(options) {
  const found = []
  for (const preset of presets) found.push(await expectation(preset, options))
  return found
}

class Worker {
  #child
  #ended

  constructor() {
    this.#child = fork(script, { serialization: 'advanced' })
    this.#ended = once(this.#child, 'exit').then(([code, signal]) => {
      throw new Error(`a worker ended: ${signal ?? code}`)
    })
    this.#ended.catch(() => {})
  }

  /** Resolves to the faults of the calls. */
  async ask(message) {
    this.#child.send(message)
    const [faults] = await Promise.race([once(this.#child, 'message'), this.#ended])
    return faults
  }

  end() {
    this.#child.kill()
  }
}

async function measure({ workers, inFlight, calls, rounds, names }) {
  const workspace = makeWorkspace()
  const options = { cwd: workspace.dir, env: process.env }
  const teams = new Map()
  try {
    const expected = await expectations(options)
    const each = deal(presets.length, 1)[0]
    for (const name of names) {
      const team = Array.from({ length: workers }, () => new Worker())
      teams.set(name, team)
      // Warm up, and make the templates.
      for (const worker of team) {
        const faults = await worker.ask({ column: name, options, inFlight, expected, order: each })
        if (faults.length > 0) throw new Error(`${name}: ${faults.join('\n')}`)
      }
    }
    const hands = deal(calls / rounds, workers)
    for (let round = 0; round < rounds; round++) {
      // The columns take turns at being first.
      const order = names.map((_, at) => names[(at + round) % names.length])
      for (const [at, name] of order.entries()) {
        const begin = performance.now()
        const faults = await Promise.all(
          teams.get(name).map((worker, who) => worker.ask({ order: hands[who] })),
        )
        const seconds = (performance.now() - begin) / 1000
        const wrong = faults.flat()
        console.log(JSON.stringify({ round, column: name, calls: calls / rounds, seconds, wrong }))
        console.error(`progress ${(round + (at + 1) / order.length) / rounds}`)
      }
    }
  } finally {
    for (const worker of [...teams.values()].flat()) worker.end()
    workspace.remove()
  }
}

const plan = JSON.parse(process.argv[2])
const absent = absentOf(plan.columns)
console.log(JSON.stringify({ kernel: release(), absent }))
await measure({ ...plan, names: plan.columns.filter((name) => !(name in absent)) })
