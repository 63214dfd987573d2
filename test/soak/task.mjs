// One operation while it runs: it starts witnesses, and counts them.
import { batch, run, spawn } from '../../dist/index.js'

export class Task {
  /**
   * @param {import('./world.mjs').World} world
   * @param {import('./random.mjs').Random} random
   * @param {string} kind     the operation's name
   * @param {string} backend
   */
  constructor(world, random, kind, backend) {
    this.world = world
    this.random = random
    this.kind = kind
    this.backend = backend
  }

  /** Counts something that the report's table has. */
  count(name, number = 1) {
    this.world.count(name, number)
  }

  /** Counts processes that have started. */
  started(number = 1) {
    const { processes } = this.world
    processes.set(this.kind, (processes.get(this.kind) ?? 0) + number)
  }

  /** run() of a witness; the output is bytes. */
  run(words, options = {}) {
    return this.runFile(this.world.witness, words, options)
  }

  async runFile(file, words, options = {}) {
    return this.counted(run(file, strings(words), this.options(options)))
  }

  /** spawn() of a witness. */
  spawn(words, options = {}) {
    return this.spawnFile(this.world.witness, words, options)
  }

  async spawnFile(file, words, options = {}) {
    const child = await spawn(file, strings(words), { backend: this.backend, ...options })
    this.started()
    return child
  }

  /** batch() of lists of a witness's words, or of commands. */
  batch(commands, options = {}) {
    const file = this.world.witness
    const whole = commands.map((one) =>
      Array.isArray(one) ? [file, ...strings(one)] : { file, ...one, args: strings(one.args) },
    )
    return batch(whole, this.options(options))
  }

  options(options) {
    return { backend: this.backend, encoding: 'buffer', ...options }
  }

  /** A result, or an error that has one, stands for a process. */
  async counted(promise) {
    try {
      const result = await promise
      // A timeout may have come first.
      if (result.step === null) this.started()
      return result
    } catch (error) {
      if (error.result) this.started()
      throw error
    }
  }

  /** What a witness prints, as lines. */
  async lines(words, options) {
    const { stdout } = await this.run(words, { check: true, ...options })
    return stdout.toString().split('\n').slice(0, -1)
  }
}

export const strings = (words) => words.map(String)
