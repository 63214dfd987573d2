import { acrossCopies } from '../model/copies.js'
import type { BatchCommand } from '../options/options.js'
import type { RunResult } from '../run-result.js'

interface Common<C> {
  /** The command's place in the input, from 0. */
  index: number
  /** The command, as it was given. */
  command: C
  /** How often it was run: 1, and more if it was retried. */
  attempts: number
}

/** A command that ran to its end, whatever its exit code. */
export interface BatchSuccess<C, T> extends Common<C> {
  /** How it ended. */
  result: RunResult<T>
  /** Undefined: nothing went wrong. */
  error: undefined
}

/** A command for which run() would have rejected. */
export interface BatchFailure<C, T> extends Common<C> {
  /** How it ended, if it had started. */
  result: RunResult<T> | undefined
  /** A SpawnError, an AbortError, an argument error, or with `check` a RunError. */
  error: Error
}

/** The outcome of one command. */
export type BatchResult<C = BatchCommand, T = string> = BatchSuccess<C, T> | BatchFailure<C, T>

/** What a batch with `bail` rejects with when a command has failed. */
export class BatchError extends Error {
  /** 'BatchError' */
  override name = 'BatchError'
  /** The first command that failed. */
  readonly result: BatchResult<unknown, string | Buffer>
  /** All commands that ended, in input order. */
  readonly results: readonly BatchResult<unknown, string | Buffer>[]

  constructor(
    result: BatchResult<unknown, string | Buffer>,
    results: readonly BatchResult<unknown, string | Buffer>[],
  ) {
    super(`command ${result.index} of the batch failed: ${reason(result)}`)
    this.result = result
    this.results = results
  }
}

acrossCopies(BatchError, 'BatchError')

function reason({ error, result }: BatchResult<unknown, string | Buffer>): string {
  if (error) return error.message
  if (result?.timedOut) return 'it timed out'
  return result?.signal ? `it was ended by ${result.signal}` : `it exited with ${result?.exitCode}`
}

/** Whether a command did not start, was killed, timed out or exited with other than 0. */
export function failed({ error, result }: BatchResult<unknown, string | Buffer>): boolean {
  return error !== undefined || result === undefined || result.timedOut || result.exitCode !== 0
}
