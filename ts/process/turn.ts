/** Of many starts asked for at once, some wait for another turn of the event loop. */
import type { RunSettings, Settings } from '../options/types.js'
import { microtask, soon } from '../runtime.js'
import { AbortError } from './ending.js'
import { Held } from './held.js'

/** What takes about a millisecond. */
const STARTS_PER_TURN = 32

let begun = 0
let waiting: (() => void)[] = []

const over = () => {
  begun = 0
}

/** Lets the next of the starts that wait begin, after others have had their turn. */
function next(): void {
  const some = waiting.slice(0, STARTS_PER_TURN)
  waiting = waiting.slice(STARTS_PER_TURN)
  if (waiting.length > 0) soon(next)
  for (const begin of some) begin()
}

/**
 * Undefined where a start may begin at once. Otherwise, as the event loop would
 * not get to anything else for long, resolves in a later turn, to what was
 * asked for, in the order of asking. The start must have begun when the turn's
 * microtasks have run. Rejects with an AbortError where it is not wanted by then.
 */
export function startTurn<T extends Settings | RunSettings>(asked: T): Promise<T> | undefined {
  if (waiting.length === 0 && begun < STARTS_PER_TURN) {
    // Until the code that asks has come to an end.
    if (begun++ === 0) microtask(over)
    return undefined
  }
  const held = new Held(asked)
  const { signal } = asked
  if (waiting.length === 0) soon(next)
  return new Promise((resolve, reject) =>
    waiting.push(() => {
      if (signal?.aborted) reject(new AbortError(signal))
      else resolve(held.settings)
      soon(() => held.release())
    }),
  )
}
