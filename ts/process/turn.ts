/** Spreads many starts over several turns of the event loop. */

import { microtask, soon } from '../core/runtime.js'
import { AbortError } from '../model/abort-error.js'
import type { RunSettings, Settings } from '../options/settings.js'
import { Snapshot } from './snapshot.js'

/** As many as take about a millisecond. */
const STARTS_PER_TURN = 32

let begun = 0
let waiting: (() => void)[] = []

const endTurn = () => {
  begun = 0
}

/** Lets the next waiting starts begin, after the event loop has done other work. */
function beginWaiting(): void {
  const some = waiting.slice(0, STARTS_PER_TURN)
  waiting = waiting.slice(STARTS_PER_TURN)
  if (waiting.length > 0) soon(beginWaiting)
  for (const begin of some) begin()
}

/**
 * Returns undefined if a start may begin at once. Otherwise too many starts would
 * block the event loop: then returns a promise that resolves in a later turn to
 * a snapshot of the call, in the order of the calls. The start must begin before that turn's
 * microtasks have run. Rejects with an AbortError if it has been aborted by then.
 */
export function startTurn<T extends Settings | RunSettings>(
  asked: T,
): Promise<Snapshot<T>> | undefined {
  if (waiting.length === 0 && begun < STARTS_PER_TURN) {
    // Counts until the calling code has finished.
    if (begun++ === 0) microtask(endTurn)
    return undefined
  }
  const snapshot = new Snapshot(asked, asked.place)
  const { signal } = asked
  if (waiting.length === 0) soon(beginWaiting)
  return new Promise((resolve, reject) =>
    waiting.push(() => {
      if (signal?.aborted) reject(new AbortError(signal))
      else resolve(snapshot)
      soon(() => snapshot.release())
    }),
  )
}
