import type { RunOptions } from '../options/types.js'
import type { RunResult } from '../run.js'

/** One command: its words, or its parts with options that go before the batch's. */
export type BatchCommand =
  | readonly [file: string, ...args: string[]]
  | (Omit<RunOptions, 'encoding'> & { file: string; args?: readonly string[] })

export interface BatchProgress {
  /** How many there are, where that is known before the end. */
  total: number | undefined
  running: number
  /** Have ended, whatever came of it. */
  done: number
  /** Of those: did not start, were ended, or exited with other than 0. */
  failed: number
}

/** What run() takes is for each command; `signal` ends the whole batch. */
export interface BatchOptions extends Omit<RunOptions, 'input'> {
  /** How many run at once; default: one per processor. */
  concurrency?: number
  /** Start nothing more after the first failure, end what runs, and throw a BatchError. */
  bail?: boolean
  /** Called when a command has ended. */
  onProgress?: (progress: BatchProgress) => void
}

interface Common<C> {
  /** The command's place in the input, from 0. */
  index: number
  command: C
}

/** Came to its end: with a result, whatever the exit status. */
export interface BatchSuccess<C, T> extends Common<C> {
  result: RunResult<T>
  error: undefined
}

/**
 * A SpawnError, AbortError, argument error, or with `check` a RunError, which
 * have the result there is.
 */
export interface BatchFailure<C, T> extends Common<C> {
  result: RunResult<T> | undefined
  error: Error
}

export type BatchResult<C = BatchCommand, T = string> = BatchSuccess<C, T> | BatchFailure<C, T>

/** With `bail`, that a command failed. */
export class BatchError extends Error {
  override name = 'BatchError'
  /** The first that failed. */
  readonly result: BatchResult<unknown, string | Buffer>
  /** All that ended, in input order. */
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

function reason({ error, result }: BatchResult<unknown, string | Buffer>): string {
  if (error) return error.message
  if (result?.timedOut) return 'it timed out'
  return result?.signal ? `it was ended by ${result.signal}` : `it exited with ${result?.exitCode}`
}

/** Whether a command did not do what it should. */
export function failed({ error, result }: BatchResult<unknown, string | Buffer>): boolean {
  return error !== undefined || result === undefined || result.timedOut || result.exitCode !== 0
}
