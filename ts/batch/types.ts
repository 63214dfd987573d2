import type { RunOptions } from '../options/types.js'
import type { RunResult } from '../run.js'

/** One command: its words, or an object with options, which go before the batch's. */
export type BatchCommand =
  | readonly [file: string, ...args: string[]]
  | (Omit<RunOptions, 'encoding'> & {
      /** A name to search for in PATH, or a path. */
      file: string
      /** The arguments after argv[0]. */
      args?: readonly string[]
    })

/** The progress of a batch. */
export interface BatchProgress {
  /** How many commands there are, if known. */
  total: number | undefined
  /** How many run now. */
  running: number
  /** How many have ended, successfully or not. */
  done: number
  /** How many of those did not start, were killed, timed out or exited with other than 0. */
  failed: number
}

/** The options of batch(): run()'s for each command, except that `signal` ends the whole batch. */
export interface BatchOptions extends Omit<RunOptions, 'input'> {
  /** How many commands run at once, 1 to 65536; default: one per processor. */
  concurrency?: number
  /** After the first failure, start nothing more, end what runs and throw a BatchError; default false. */
  bail?: boolean
  /** Called after each command. */
  onProgress?: (progress: BatchProgress) => void
}

interface Common<C> {
  /** The command's place in the input, from 0. */
  index: number
  /** The command, as it was given. */
  command: C
}

/** A command that ran to its end, whatever its exit code. */
export interface BatchSuccess<C, T> extends Common<C> {
  /** How it ended. */
  result: RunResult<T>
  /** None. */
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

/** The error of a batch with `bail`: a command failed. */
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

function reason({ error, result }: BatchResult<unknown, string | Buffer>): string {
  if (error) return error.message
  if (result?.timedOut) return 'it timed out'
  return result?.signal ? `it was ended by ${result.signal}` : `it exited with ${result?.exitCode}`
}

/** Whether a command did not start, was killed, timed out or exited with other than 0. */
export function failed({ error, result }: BatchResult<unknown, string | Buffer>): boolean {
  return error !== undefined || result === undefined || result.timedOut || result.exitCode !== 0
}
