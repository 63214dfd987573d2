import { availableParallelism } from 'node:os'
import { readBatch } from '../options/check.js'
import type { Output, Strict } from '../options/inference.js'
import type { BatchCommand, BatchOptions, OutputEncoding } from '../options/options.js'
import type { BatchSettings } from '../options/settings.js'
import type { BatchResult } from './result.js'
import { Reading, readCommands } from './results.js'
import { type Commands, Scheduler, type SchedulerEvents } from './scheduler.js'

/** Commands that run while their results are read. */
export class Batch<C extends BatchCommand = BatchCommand, T = string>
  implements AsyncIterable<BatchResult<C, T>>
{
  readonly #reading: Reading
  readonly #options: BatchSettings

  /** @internal */
  constructor(commands: Commands, options: BatchSettings) {
    this.#options = options
    const make = (events: SchedulerEvents) => new Scheduler(commands, options, events)
    this.#reading = new Reading(make, options.bail === true)
  }

  /**
   * Results in completion order. A slow reader applies back-pressure: at most
   * `concurrency` results wait for it. Leaving the loop ends the running commands.
   */
  [Symbol.asyncIterator](): AsyncIterator<BatchResult<C, T>, undefined> {
    const { concurrency = availableParallelism() } = this.#options
    const results: unknown = this.#reading.begin(concurrency)
    return results as AsyncIterator<BatchResult<C, T>, undefined>
  }

  /**
   * All results, in input order. Rejects with an AbortError if `signal` aborted; its
   * `results` are those that had come by then. Rejects with a BatchError if a command
   * failed and `bail` is set.
   */
  async all(): Promise<BatchResult<C, T>[]> {
    const results: unknown = await this.#reading.all()
    return results as BatchResult<C, T>[]
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
  return new Batch<C, Output<O>>(readCommands(commands), settings)
}
