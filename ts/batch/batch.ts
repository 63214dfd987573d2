import { availableParallelism } from 'node:os'
import { argumentError } from '../model/argument-error.js'
import { readBatch } from '../options/check.js'
import type { Output, Strict } from '../options/inference.js'
import type { BatchCommand, BatchOptions, OutputEncoding } from '../options/options.js'
import type { BatchSettings } from '../options/settings.js'
import type { BatchResult } from './result.js'
import { byIndex, Results } from './results.js'
import { type AnyResult, type Commands, Scheduler } from './scheduler.js'

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
    const options = this.#options
    return new Results(
      (events) => new Scheduler(this.#commands, options, events),
      options.bail === true,
      room,
    )
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
