import { availableParallelism } from 'node:os'
import { argumentError } from '../model/argument-error.js'
import { readBatch } from '../options/check.js'
import type { Output, Strict } from '../options/inference.js'
import type { BatchCommand, BatchOptions, OutputEncoding } from '../options/options.js'
import type { BatchSettings } from '../options/settings.js'
import { BatchError, type BatchResult, failed } from './result.js'
import { type AnyResult, type Commands, Scheduler } from './scheduler.js'

const byIndex = (a: AnyResult, b: AnyResult) => a.index - b.index

interface Reader {
  resolve(result: IteratorResult<AnyResult, undefined>): void
  reject(error: Error): void
}

/** Delivers results as they come, to one reader at a time. */
class Results implements AsyncIterator<AnyResult, undefined> {
  readonly #scheduler: Scheduler
  readonly #bail: boolean
  readonly #queue: AnyResult[] = []
  /** Kept for the BatchError of `bail`. */
  readonly #all: AnyResult[] = []
  readonly #readers: Reader[] = []
  readonly #over: (() => void)[] = []
  #ended = false
  #error: Error | undefined

  constructor(commands: Commands, options: BatchSettings, room: number) {
    this.#bail = options.bail === true
    this.#scheduler = new Scheduler(commands, options, {
      result: (result) => this.#result(result),
      end: (error) => this.#end(error),
      full: () => this.#queue.length >= room,
    })
    this.#scheduler.fill()
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
        this.#scheduler.fill()
      } else if (this.#ended) {
        this.#finish({ resolve, reject })
      } else {
        this.#readers.push({ resolve, reject })
      }
    })
  }

  /** Ends the running commands and waits for them. */
  async return(): Promise<IteratorResult<AnyResult, undefined>> {
    this.#scheduler.stop()
    if (!this.#ended) await new Promise<void>((resolve) => this.#over.push(resolve))
    this.#queue.length = 0
    this.#error = undefined
    return { done: true, value: undefined }
  }
}

/** Commands that run while their results are read. */
export class Batch<C extends BatchCommand = BatchCommand, T = string>
  implements AsyncIterable<BatchResult<C, T>>
{
  readonly #commands: Commands
  readonly #options: BatchSettings
  #begun = false

  /** @internal */
  constructor(commands: Commands, options: BatchSettings) {
    this.#commands = commands
    this.#options = options
  }

  #begin(room: number): Results {
    if (this.#begun) {
      throw argumentError('ERR_INVALID_STATE', 'a batch runs once: make another to run it again')
    }
    this.#begun = true
    return new Results(this.#commands, this.#options, room)
  }

  /**
   * Results in completion order. A slow reader applies back-pressure: at most
   * `concurrency` results wait for it. Leaving the loop ends the running commands.
   */
  [Symbol.asyncIterator](): AsyncIterator<BatchResult<C, T>, undefined> {
    const { concurrency = availableParallelism() } = this.#options
    return this.#begin(concurrency) as unknown as AsyncIterator<BatchResult<C, T>, undefined>
  }

  /**
   * All results, in input order. Rejects with an AbortError if `signal` aborted,
   * and with a BatchError if a command failed and `bail` is set.
   */
  async all(): Promise<BatchResult<C, T>[]> {
    const reader = this.#begin(Number.POSITIVE_INFINITY)
    const results: AnyResult[] = []
    for (;;) {
      const { done, value } = await reader.next()
      if (done) break
      results.push(value)
    }
    return results.sort(byIndex) as unknown as BatchResult<C, T>[]
  }
}

/**
 * Runs many commands, a bounded number at once, each as run() does. If one
 * fails, its result has the `error` and the others go on, unless `bail` is set.
 * A command that fails with EAGAIN, EMFILE or ENFILE is retried when another of
 * the batch has ended, unless it ran alone. Throws an argument error before
 * anything is started.
 * @param commands an array, or a generator, which is asked for the next command
 *   when there is room for it
 */
export function batch<
  const C extends BatchCommand,
  const O extends BatchOptions<OutputEncoding> = Record<never, never>,
>(
  commands: Iterable<C> | AsyncIterable<C>,
  options: Strict<O, BatchOptions<OutputEncoding>> = {} as Strict<O, BatchOptions<OutputEncoding>>,
): Batch<C, Output<O>> {
  const settings = readBatch(options)
  const isIterable =
    typeof commands === 'object' &&
    commands !== null &&
    (Symbol.iterator in commands || Symbol.asyncIterator in commands)
  if (!isIterable) {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'commands must be iterable: an array, a generator')
  }
  return new Batch<C, Output<O>>(commands, settings)
}
