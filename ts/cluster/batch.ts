/** A batch whose commands run on other machines. */
import { Reading, readCommands } from '../batch/results.js'
import type { Commands, SchedulerEvents } from '../batch/scheduler.js'
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
  readonly #reading: Reading
  readonly #waiting: number

  /** @internal */
  constructor(commands: Commands, settings: ClusterSettings) {
    this.#waiting = settings.waiting
    const make = (events: SchedulerEvents) => new Submission(commands, settings, events)
    this.#reading = new Reading(make, settings.bail)
  }

  /**
   * Results in completion order. A slow reader applies back-pressure: at most `waiting`
   * results wait for it. Leaving the loop takes back the commands that wait, and ends those
   * that run.
   */
  [Symbol.asyncIterator](): AsyncIterator<ClusterResult<C, T>, undefined> {
    const results: unknown = this.#reading.begin(this.#waiting)
    return results as AsyncIterator<ClusterResult<C, T>, undefined>
  }

  /**
   * All results, in input order. Rejects with an AbortError if `signal` aborted, with a
   * BatchError if a command failed and `bail` is set, and with a ClusterError if Redis
   * cannot be reached at the start.
   */
  async all(): Promise<ClusterResult<C, T>[]> {
    const results: unknown = await this.#reading.all()
    return results as ClusterResult<C, T>[]
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
  return new ClusterBatch<C, Output<O>>(readCommands(commands), settings)
}
