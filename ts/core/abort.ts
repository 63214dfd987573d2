/** Signals that end a child: the caller's, of whatever kind, and the library's own. */
import { addAbortListener } from 'node:events'

/** What the library uses of an AbortSignal; one of another realm, or a look-alike, has it too. */
export interface Abortable {
  readonly aborted: boolean
  readonly reason?: unknown
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/**
 * Calls `then` when the signal aborts, even if an earlier listener of the program stops
 * the event. Returns how to undo it. Throws what the signal throws.
 */
export function whenAborted(signal: Abortable, then: () => void): () => void {
  if (signal instanceof Ending) signal.addEventListener('abort', then)
  else addAbortListener(signal as AbortSignal, then)
  return () => signal.removeEventListener('abort', then)
}

/**
 * A signal of the library's own. The global AbortController may be another one, as in
 * a test environment that imitates a browser, or may be gone.
 */
export class Ending implements Abortable {
  aborted = false
  reason: unknown
  readonly #listeners = new Set<() => void>()

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.add(listener)
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener)
  }

  /** Only the first call has an effect. */
  abort(reason: unknown): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    for (const listener of [...this.#listeners]) listener()
  }
}
