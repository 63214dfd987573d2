/** From whatever runs the commands of a batch to whoever reads its results. */
import { AbortError } from '../model/abort-error.js'
import { argumentError } from '../model/argument-error.js'
import { BatchError, failed } from './result.js'
import type { AnyResult, Commands, SchedulerEvents } from './scheduler.js'

/** Runs the commands. */
export interface Engine {
  /** There may be room for more commands. */
  fill(): void
  /** Starts no more commands and ends the running ones; the batch fails with `error`. */
  stop(error?: Error): void
}

/** For sorting. */
const byIndex = (a: AnyResult, b: AnyResult) => a.index - b.index

interface Reader {
  resolve(result: IteratorResult<AnyResult, undefined>): void
  reject(error: Error): void
}

/** Delivers results as they come, to one reader at a time. */
class Results implements AsyncIterator<AnyResult, undefined> {
  readonly #engine: Engine
  readonly #bail: boolean
  readonly #queue: AnyResult[] = []
  /** Kept for the BatchError of `bail`. */
  readonly #all: AnyResult[] = []
  readonly #readers: Reader[] = []
  readonly #over: (() => void)[] = []
  #ended = false
  #error: Error | undefined

  /** `room`: how many results may wait for the reader. */
  constructor(make: (events: SchedulerEvents) => Engine, bail: boolean, room: number) {
    this.#bail = bail
    this.#engine = make({
      result: (result) => this.#result(result),
      end: (error) => this.#end(error),
      full: () => this.#queue.length >= room,
    })
    this.#engine.fill()
  }

  #result(result: AnyResult): void {
    if (this.#bail) this.#all.push(result)
    const reader = this.#readers.shift()
    if (reader) reader.resolve({ done: false, value: result })
    else this.#queue.push(result)
  }

  #end(error: Error | undefined): void {
    this.#ended = true
    const bad = this.#bail ? this.#all.find(failed) : undefined
    this.#error = error ?? (bad && new BatchError(bad, this.#all.sort(byIndex)))
    for (const reader of this.#readers.splice(0)) this.#finish(reader)
    for (const over of this.#over.splice(0)) over()
  }

  /** One reader gets the error; later ones see only the end. */
  #finish(reader: Reader): void {
    const error = this.#error
    this.#error = undefined
    if (error) reader.reject(error)
    else reader.resolve({ done: true, value: undefined })
  }

  next(): Promise<IteratorResult<AnyResult, undefined>> {
    return new Promise((resolve, reject) => {
      const value = this.#queue.shift()
      if (value) {
        resolve({ done: false, value })
        this.#engine.fill()
      } else if (this.#ended) {
        this.#finish({ resolve, reject })
      } else {
        this.#readers.push({ resolve, reject })
      }
    })
  }

  /** Ends the running commands and waits for them. */
  async return(): Promise<IteratorResult<AnyResult, undefined>> {
    this.#engine.stop()
    if (!this.#ended) await new Promise<void>((resolve) => this.#over.push(resolve))
    this.#queue.length = 0
    this.#error = undefined
    return { done: true, value: undefined }
  }
}

/** The one reading of a batch, which begins its commands. */
export class Reading {
  readonly #make: (events: SchedulerEvents) => Engine
  readonly #bail: boolean
  #begun = false

  constructor(make: (events: SchedulerEvents) => Engine, bail: boolean) {
    this.#make = make
    this.#bail = bail
  }

  /** Results in completion order, of which so many may wait to be read. */
  begin(room: number): AsyncIterator<AnyResult, undefined> {
    if (this.#begun) {
      throw argumentError('ERR_INVALID_STATE', 'a batch runs once: make another to run it again')
    }
    this.#begun = true
    return new Results(this.#make, this.#bail, room)
  }

  /** All results, in input order; an AbortError has those that there are. */
  async all(): Promise<AnyResult[]> {
    const reader = this.begin(Number.POSITIVE_INFINITY)
    const results: AnyResult[] = []
    try {
      for (;;) {
        const { done, value } = await reader.next()
        if (done) return results.sort(byIndex)
        results.push(value)
      }
    } catch (error) {
      if (error instanceof AbortError) Object.assign(error, { results: results.sort(byIndex) })
      throw error
    }
  }
}

/** The commands that a batch was given. Throws an argument error. */
export function readCommands(commands: unknown): Commands {
  const isIterable =
    typeof commands === 'object' &&
    commands !== null &&
    (Symbol.iterator in commands || Symbol.asyncIterator in commands)
  if (!isIterable) {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'commands must be iterable: an array, a generator')
  }
  return commands as Commands
}
