// Runs operations by a seed until there were enough, with a check now and then.
import { stat } from 'node:fs/promises'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Violation } from './check.mjs'
import { code, text } from './operations/output.mjs'
import { operations } from './operations/table.mjs'
import { shared } from './operations/templates.mjs'
import { Random } from './random.mjs'
import { checkMemory, descriptors, memory, quiescence, threads } from './state.mjs'
import { Task } from './task.mjs'
import { World } from './world.mjs'

/** Processes between two checks. */
const CHECK_EVERY = 5_000
/** MiB by which memory may grow after the warm-up, however many processes there were. */
const BOUNDS = { resident: 64, heap: 16 }
/** The share of the processes that warm up. */
const WARM_UP = 0.1
/** Milliseconds for which the event loop may be kept from other work, by a busy machine, too. */
const STARVED = 60_000
/** Each pool keeps a thread for each processor, within limits; see uring-native/core/pool.c. */
const POOLS = 3
const KEPT_THREADS = { least: 2, most: 8 }
/**
 * How often each backend is used, relative to the others: a fork costs several
 * times as much as the others.
 */
const SHARES = { fork: 1 }
const SHARE = 6
/**
 * Milliseconds that only an operation that hangs takes: a batch of many commands, one
 * at a time, takes minutes on an emulated machine where others run meanwhile.
 */
const LONGEST = 300_000
/** Milliseconds between two lines about progress. */
const PERIOD = 1_000

export class Soak {
  #options
  #world
  #table
  #without
  #sum
  #running = new Map()
  #performed = new Map()
  #failure
  #wake = () => {}
  #delay = monitorEventLoopDelay({ resolution: 10 })
  #longest = 0
  #checks = []
  #mostThreads = 0
  #mostSeen = 0
  #before
  #start = performance.now()

  /**
   * @param {{ backends: string[], seed: number, milliseconds: number, count: number,
   *   first: number, last?: number, atOnce: number, cpus: number,
   *   say: (line: object) => void, witness?: string }} options
   *   first, last: the numbers of operations to perform, to repeat some of another run
   */
  constructor(options) {
    this.#options = options
    this.#world = new World(options.witness)
    const { found, without } = operations(options.backends, this.#world)
    this.#table = found
    this.#without = without
    this.#sum = this.#table.reduce((sum, { weight }) => sum + weight, 0)
  }

  /** Resolves to what has gone wrong, in words, or undefined. */
  async run() {
    const timer = setInterval(() => this.#watch(), PERIOD)
    try {
      await this.#prepare()
      await this.#perform()
      await this.#check()
      this.#compareMemory()
    } catch (error) {
      this.#fail(error, 'a check')
    }
    clearInterval(timer)
    this.#world.close()
    return this.#failure
  }

  /** What the process has without the library's threads, and with its descriptors. */
  async #prepare() {
    await Promise.all(Array.from({ length: 8 }, () => stat('/')))
    const { cpus } = this.#options
    const { least, most } = KEPT_THREADS
    const kept = Math.min(most, Math.max(least, cpus))
    // Its loop, and its pools. Other threads end once they were idle for a while.
    this.#mostThreads = threads() + 1 + POOLS * kept
    await this.#warmUp()
    this.#before = await settled()
    this.#delay.enable()
  }

  /** Has the library open what it keeps open. */
  async #warmUp() {
    const { backends } = this.#options
    for (const [at, backend] of backends.entries()) {
      const task = new Task(this.#world, new Random(0, at), 'output.text', backend)
      await code(task)
      await text(task)
      await shared(task)
    }
  }

  /** The operation of this number. The first ones of a run are one of each. */
  #pick(index, random) {
    const of = this.#table
    if (index < of.length) return of[index]
    let at = random.between(0, this.#sum - 1)
    for (const operation of of) {
      at -= operation.weight
      if (at < 0) return operation
    }
  }

  async #perform() {
    const { first, last, atOnce, seed } = this.#options
    const backends = this.#options.backends.flatMap((name) =>
      Array(SHARES[name] ?? SHARE).fill(name),
    )
    let checked = 0
    this.#start = performance.now()
    for (let index = first; !this.#isOver(index, last); index++) {
      const random = new Random(seed, index)
      const operation = this.#pick(index, random)
      if (operation.alone) await this.#room(0)
      const task = new Task(this.#world, random, operation.name, random.pick(backends))
      this.#begin(index, operation, task)
      await this.#room(operation.alone ? 0 : atOnce - 1)
      const warm = index === this.#table.length - 1
      if (warm || this.#world.started - checked >= CHECK_EVERY) {
        checked = this.#world.started
        await this.#room(0)
        await this.#check()
      }
    }
    await this.#room(0)
  }

  #isOver(index, last) {
    const { milliseconds, count } = this.#options
    if (this.#failure) return true
    if (last !== undefined) return index > last
    return (
      index >= this.#table.length &&
      performance.now() - this.#start >= milliseconds &&
      this.#world.started >= count
    )
  }

  #begin(index, operation, task) {
    const name = `operation ${index}, ${operation.name} by ${task.backend}`
    this.#running.set(index, { name, since: performance.now() })
    operation
      .perform(task)
      .catch((error) => this.#fail(error, name))
      .then(() => {
        this.#performed.set(operation.name, (this.#performed.get(operation.name) ?? 0) + 1)
        this.#running.delete(index)
        this.#wake()
      })
  }

  /** Waits until at most `most` operations run, or one has failed. */
  async #room(most) {
    while (this.#running.size > most && !this.#failure) {
      await new Promise((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #fail(error, name) {
    if (this.#failure) return
    const message = error instanceof Violation ? error.message : (error?.stack ?? String(error))
    this.#failure = `${name}: ${message}`
    this.#wake()
  }

  /** Once a second. */
  #watch() {
    const now = performance.now()
    for (const { name, since } of this.#running.values()) {
      if (now - since < LONGEST) continue
      this.#fail(new Violation(`takes longer than ${LONGEST / 1000} s`), name)
    }
    if (this.#world.hasDescriptors) this.#mostSeen = Math.max(this.#mostSeen, threads())
    const { started } = this.#world
    this.#options.say({ seconds: (now - this.#start) / 1000, started, last: this.#checks.at(-1) })
  }

  /** The check itself keeps the event loop busy: that does not count. */
  #endDelay() {
    const longest = this.#delay.max / 1e6
    this.#delay.disable()
    this.#longest = Math.max(this.#longest, longest)
    if (longest > STARVED) {
      throw new Violation(`the event loop did nothing else for ${Math.round(longest)} ms`)
    }
  }

  /** Nothing runs: nothing may be left. */
  async #check() {
    if (this.#failure) return
    this.#endDelay()
    await quiescence(this.#before, this.#mostThreads)
    const { started } = this.#world
    this.#checks.push({ started, threads: threads(), ...memory() })
    this.#delay.reset()
    this.#delay.enable()
  }

  /** The first check after the warm-up, and the last. */
  #warm() {
    const { started } = this.#world
    const first = this.#checks.find((check) => check.started >= started * WARM_UP)
    return [first, this.#checks.at(-1)]
  }

  #compareMemory() {
    if (this.#failure) return
    const [first, last] = this.#warm()
    checkMemory(first, last, BOUNDS)
  }

  /** All figures, for `seconds` of work. */
  report(seconds) {
    const [first, last] = this.#warm()
    const { seed, backends } = this.#options
    return {
      ...{ seed, backends, seconds, processes: this.#world.started },
      kinds: Object.fromEntries(this.#table.map(({ name }) => [name, this.#of(name)])),
      ...{ without: this.#without },
      counts: Object.fromEntries(this.#world.counts),
      ...{ checks: this.#checks.length, first, last, bounds: BOUNDS },
      descriptors: this.#before,
      threads: { most: this.#mostSeen, allowed: this.#mostThreads },
      longestDelay: Math.max(this.#longest, this.#delay.max / 1e6),
    }
  }

  #of(name) {
    const processes = this.#world.processes.get(name) ?? 0
    return { operations: this.#performed.get(name) ?? 0, processes }
  }
}

/** The descriptors, once they no longer change. */
async function settled() {
  for (let before = ''; ; ) {
    const now = descriptors()
    if (JSON.stringify(now) === before) return now
    before = JSON.stringify(now)
    await sleep(500)
  }
}
