/** The errors of a cluster. */
import { acrossCopies } from '../model/copies.js'

/** Their codes. */
export type ClusterErrorCode =
  /** A package is not installed. */
  | 'ERR_PEER_MISSING'
  /** Redis cannot be reached, or refuses. */
  | 'ERR_REDIS'
  /** Another version has the queue, has made the job, or has run it. */
  | 'ERR_CLUSTER_VERSION'
  /** A job is not a command. */
  | 'ERR_INVALID_JOB'
  /** The worker's configuration does not allow the command. */
  | 'ERR_NOT_ALLOWED'
  /** The worker was stopped, and has ended the command. */
  | 'ERR_WORKER_STOPPED'
  /** What became of the command is unknown. */
  | 'ERR_LOST'

/** What goes wrong between machines. Its message has no password and no value of a variable. */
export class ClusterError extends Error {
  /** 'ClusterError' */
  override name = 'ClusterError'
  /** One of the codes that the documentation lists. */
  readonly code: ClusterErrorCode

  /** @internal */
  constructor(code: ClusterErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/**
 * A command of which it is unknown how far it came: its worker died, or Redis lost it.
 * It may have run, once, or not at all.
 */
export class LostError extends ClusterError {
  /** 'LostError' */
  override name = 'LostError'

  /** @internal */
  constructor(why: string) {
    super('ERR_LOST', `the command is lost: ${why}; it may have run, or not`)
  }
}

acrossCopies(ClusterError, 'ClusterError')
acrossCopies(LostError, 'LostError')

/** Those for which a worker throws. */
const thrown: readonly ClusterErrorCode[] = [
  'ERR_CLUSTER_VERSION',
  'ERR_INVALID_JOB',
  'ERR_NOT_ALLOWED',
  'ERR_LOST',
]
const known = new Set<string>(thrown)

/** The reason that BullMQ stores of an error that a worker throws. */
export const reasonOf = ({ code, message }: ClusterError): string => `${code}: ${message}`

/** The error of a job that BullMQ has marked as failed, for this reason. */
export function errorOfReason(reason: string): ClusterError {
  const [, code, message] = /^(ERR_\w+): (.*)$/s.exec(reason) ?? []
  if (code === 'ERR_LOST' || /stalled more than allowable limit/.test(reason)) {
    return new LostError(
      'its worker ended, or was out of touch with Redis, while it had the command',
    )
  }
  if (code !== undefined && known.has(code)) {
    return new ClusterError(code as ClusterErrorCode, message as string)
  }
  return new ClusterError('ERR_INVALID_JOB', reason)
}
