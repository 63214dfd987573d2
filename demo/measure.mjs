// Makes the same calls through every side on the running kernel, in turns, and
// measures and compares them.
import { availableParallelism, release } from 'node:os'
import { makeWorkspace, workspaceEnv } from '../bench/agent-tools/workspace.mjs'
import { median, middleInterval, quantile } from '../bench/lib/stats.mjs'
import { calls, fault, nameOf, roundOf } from './calls.mjs'
import { BASELINE, sides, sidesHere } from './sides.mjs'

/** How many descriptions of faults are kept; all faults are counted. */
const MOST_FAULTS = 20

/**
 * @typedef {object} Plan
 * @property {number} inFlight  calls at a time
 * @property {number} times  how often a round has the short calls
 * @property {number} [rounds]  how many
 * @property {number} [seconds]  where `rounds` is absent: measure for so long
 */

/** Fewest rounds, however long they take. */
const LEAST_ROUNDS = 2

/**
 * Makes `work`, `inFlight` calls at a time.
 * @returns the results in the order of `work`, each call's milliseconds, the
 *   seconds of all, and the longest time in ms that the event loop was held
 */
async function timed(side, work, { inFlight, cwd, env, signal }) {
  const results = []
  const latencies = []
  let next = 0
  const worker = async () => {
    while (next < work.length && !signal?.aborted) {
      const at = next++
      const begin = performance.now()
      results[at] = await side.call(work[at], { cwd, env, signal }).catch((error) => ({ error }))
      latencies.push(performance.now() - begin)
    }
  }
  // A timer of 1 ms that comes late was held up by that much.
  let held = 0
  let last = performance.now()
  const look = () => {
    const now = performance.now()
    held = Math.max(held, now - last - 1)
    last = now
  }
  const timer = setInterval(look, 1)
  const begin = performance.now()
  try {
    await Promise.all(Array.from({ length: inFlight }, worker))
  } finally {
    clearInterval(timer)
  }
  signal?.throwIfAborted()
  const seconds = (performance.now() - begin) / 1000
  look()
  return { results, latencies, seconds, held }
}

/** What one side did, over all rounds. */
class Tally {
  seconds = []
  latencies = []
  held = 0
  failed = 0

  add({ latencies, seconds, held }) {
    this.seconds.push(seconds)
    this.latencies.push(...latencies)
    this.held = Math.max(this.held, held)
  }
}

/** What went wrong: once for each call, with the sides that it happened to. */
class Faults {
  #seen = new Map()
  #sides

  constructor(names) {
    this.#sides = names.length
  }

  add(name, call, what) {
    // A missing tool is named once, whatever its arguments.
    const text = what.startsWith(`${call.tool} is`) ? what : `${nameOf(call)}: ${what}`
    const one = this.#seen.get(text) ?? { labels: new Set(), times: 0 }
    one.labels.add(sides[name].label)
    one.times++
    this.#seen.set(text, one)
  }

  list() {
    return [...this.#seen].slice(0, MOST_FAULTS).map(([text, { labels, times }]) => {
      const by = labels.size < this.#sides ? ` [${[...labels].join(', ')}]` : ''
      return `${text}${by}${times > labels.size ? `, ${times} times` : ''}`
    })
  }
}

const said = ({ exitCode, stdout, stderr }) => JSON.stringify([exitCode, stdout, stderr])

/** Counts wrong results of a round, and answers that differ from the baseline's. */
function judge(work, name, results, baseline, faults) {
  let failed = 0
  let different = 0
  for (const [at, call] of work.entries()) {
    const what = fault(call, results[at])
    if (what) {
      failed++
      faults.add(name, call, what)
    } else if (!baseline[at].error && said(results[at]) !== said(baseline[at]) && !call.anyOrder) {
      different++
      faults.add(name, call, `answers other than ${sides[BASELINE].label}`)
    }
  }
  return { failed, different }
}

/** A side's figures, compared with the baseline round by round. */
function figures(name, tally, base, callsPerRound) {
  const seconds = tally.seconds.reduce((sum, one) => sum + one, 0)
  const ratios = tally.seconds.map((one, round) => base.seconds[round] / one)
  const { low, high } = middleInterval(ratios)
  return {
    side: name,
    label: sides[name].label,
    calls: callsPerRound * tally.seconds.length,
    callsPerSecond: (callsPerRound * tally.seconds.length) / seconds,
    p50: median(tally.latencies),
    p99: quantile(tally.latencies, 0.99),
    loopHeld: tally.held,
    failed: tally.failed,
    ...{ ratio: median(ratios), low, high, equal: low <= 1 && high >= 1 },
    secondsOfRounds: tally.seconds,
  }
}

/**
 * Makes every call once through each side: so all are warm, and a tool that answers
 * wrongly is found before anything is measured.
 */
async function rehearse(names, options, progress) {
  const faults = new Faults(names)
  let failed = 0
  for (const [at, name] of names.entries()) {
    const { results } = await timed(sides[name], calls, options)
    failed += judge(calls, name, results, results, faults).failed
    progress((at + 1) / names.length)
  }
  return { failed, faults: faults.list() }
}

/**
 * Measures on the running kernel.
 * @param {Plan} plan
 * @param {{ signal?: AbortSignal, progress?: (share: number) => void }} options
 *   `progress` gets how much is done, from 0 to 1; after an abort nothing is
 *   left behind and the promise rejects with the signal's reason
 */
export async function measure(plan, { signal, progress = () => {} } = {}) {
  const names = sidesHere()
  const workspace = makeWorkspace()
  try {
    const options = { cwd: workspace.dir, env: workspaceEnv(), inFlight: plan.inFlight, signal }
    const rehearsal = await rehearse(names, options, (share) => progress(share * 0.1))
    const work = roundOf(plan.times)
    const common = {
      kernel: release(),
      cpus: availableParallelism(),
      inFlight: plan.inFlight,
      callsPerRound: work.length,
    }
    if (rehearsal.failed > 0) {
      return { ...common, rounds: 0, sides: [], different: 0, ...rehearsal }
    }
    const faults = new Faults(names)
    const tallies = new Map(names.map((name) => [name, new Tally()]))
    let different = 0
    const begin = performance.now()
    // How much is done after so many rounds, a part of one included; 1 is all.
    const done = (rounds) => {
      if (plan.rounds) return rounds / plan.rounds
      const share = (performance.now() - begin) / 1000 / plan.seconds
      return Math.min(1, share, rounds / LEAST_ROUNDS)
    }
    for (let round = 0; done(round) < 1; round++) {
      // Each side is first in its turn.
      const order = names.map((_, at) => names[(at + round) % names.length])
      const found = new Map()
      for (const name of order) {
        found.set(name, await timed(sides[name], work, options))
        progress(0.1 + 0.9 * done(round + found.size / names.length))
      }
      for (const name of names) {
        const one = found.get(name)
        const judged = judge(work, name, one.results, found.get(BASELINE).results, faults)
        tallies.get(name).add(one)
        tallies.get(name).failed += judged.failed
        different += judged.different
      }
    }
    const base = tallies.get(BASELINE)
    return {
      ...common,
      rounds: base.seconds.length,
      sides: names.map((name) => figures(name, tallies.get(name), base, work.length)),
      ...{ different, failed: [...tallies.values()].reduce((sum, { failed }) => sum + failed, 0) },
      faults: faults.list(),
    }
  } finally {
    workspace.remove()
  }
}
