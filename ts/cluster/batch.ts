/** A batch whose commands run on other machines. */
import { byIndex, Results } from '../batch/results.js'
import type { AnyResult, Commands } from '../batch/scheduler.js'
import { argumentError } from '../model/argument-error.js'
import type { Output } from '../options/inference.js'
import {
  type ClusterBatchOptions,
  type ClusterCommand,
  type ClusterResult,
  type ClusterSettings,
  readClusterBatch,
} from './options.js'
import { Submission } from './submission.js'

/** Commands that run on a cluster while their results are read. */
export class ClusterBatch<C extends ClusterCommand = ClusterCommand, T = string>
  implements AsyncIterable<ClusterResult<C, T>>
{
  readonly #commands: Commands
  readonly #settings: ClusterSettings
  #begun = false

  /** @internal */
  constructor(commands: Commands, settings: ClusterSettings) {
    this.#commands = commands
    this.#settings = settings
  }

  #begin(room: number): Results {
    if (this.#begun) {
      throw argumentError('ERR_INVALID_STATE', 'a batch runs once: make another to run it again')
    }
    this.#begun = true
    const settings = this.#settings
    return new Results(
      (events) => new Submission(this.#commands, settings, events),
      settings.bail,
      room,
    )
  }

  /**
   * Results in completion order. A slow reader applies back-pressure: at most `waiting`
   * results wait for it. Leaving the loop takes back the commands that wait, and ends those
   * that run.
   */
  [Symbol.asyncIterator](): AsyncIterator<ClusterResult<C, T>, undefined> {
    const results: unknown = this.#begin(this.#settings.waiting)
    return results as AsyncIterator<ClusterResult<C, T>, undefined>
  }

  /**
   * All results, in input order. Rejects with an AbortError if `signal` aborted, with a
   * BatchError if a command failed and `bail` is set, and with a ClusterError if Redis
   * cannot be reached at the start.
   */
  async all(): Promise<ClusterResult<C, T>[]> {
    const reader = this.#begin(Number.POSITIVE_INFINITY)
    const results: AnyResult[] = []
    for (;;) {
      const { done, value } = await reader.next()
      if (done) break
      results.push(value)
    }
    return results.sort(byIndex) as unknown as ClusterResult<C, T>[]
  }
}

/**
 * Runs many commands on the workers of a queue. Each runs at most once, unless its option
 * `retries` says that it may run again: one whose worker dies has a LostError as its
 * `error`. Throws an argument error before anything is sent.
 * @param commands an array, or a generator, which is asked for the next command when fewer
 *   than `waiting` are in Redis
 */
export function batch<const C extends ClusterCommand, const O extends ClusterBatchOptions>(
  commands: Iterable<C> | AsyncIterable<C>,
  options: O,
): ClusterBatch<C, Output<O>> {
  const settings = readClusterBatch(options)
  const isIterable =
    typeof commands === 'object' &&
    commands !== null &&
    (Symbol.iterator in commands || Symbol.asyncIterator in commands)
  if (!isIterable) {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'commands must be iterable: an array, a generator')
  }
  return new ClusterBatch<C, Output<O>>(commands as Commands, settings)
}
