import { acrossCopies } from './copies.js'

/** The error of a call whose `signal` aborted; `cause` is the signal's reason. */
export class AbortError extends Error {
  /** 'AbortError' */
  override name = 'AbortError'
  /** As Node's own AbortError. */
  readonly code = 'ABORT_ERR'

  constructor(signal: { readonly reason?: unknown }) {
    super('The operation was aborted', { cause: signal.reason })
  }
}

acrossCopies(AbortError, 'AbortError')
