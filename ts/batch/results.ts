/** From whatever runs the commands of a batch to whoever reads its results. */
import { BatchError, failed } from './result.js'
import type { AnyResult, SchedulerEvents } from './scheduler.js'

/** Runs the commands. */
export interface Engine {
  /** There may be room for more commands. */
  fill(): void
  /** Starts no more commands and ends the running ones; the batch fails with `error`. */
  stop(error?: Error): void
}

/** For sorting. */
export const byIndex = (a: AnyResult, b: AnyResult) => a.index - b.index

interface Reader {
  resolve(result: IteratorResult<AnyResult, undefined>): void
  reject(error: Error): void
}

/** Delivers results as they come, to one reader at a time. */
export class Results implements AsyncIterator<AnyResult, undefined> {
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
