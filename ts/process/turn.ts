/** Of many starts asked for at once, some wait for another turn of the event loop. */
import { type HeldTemplate, templateHold } from '../options/template.js'
import type { RunSettings, Settings } from '../options/types.js'
import { queueMicrotask, setImmediate } from '../runtime.js'

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
  if (waiting.length > 0) setImmediate(next)
  for (const begin of some) begin()
}

/** For a start that is to come later: its bytes are the caller's, and its template may be closed. */
function kept<T extends Settings | RunSettings>(asked: T, template: HeldTemplate | undefined): T {
  const { input } = asked as Partial<RunSettings>
  if (!template && !input) return asked
  const kept = {
    ...(input && { input: Uint8Array.from(input) }),
    ...(template && { template }),
  }
  return Object.freeze({ ...asked, ...kept } as T)
}

/**
 * Undefined where a start may begin at once. Otherwise, as the event loop would
 * not get to anything else for long, resolves in a later turn, to what was
 * asked for, in the order of asking.
 */
export function startTurn<T extends Settings | RunSettings>(asked: T): Promise<T> | undefined {
  if (waiting.length === 0 && begun < STARTS_PER_TURN) {
    // Until the code that asks has come to an end.
    if (begun++ === 0) queueMicrotask(over)
    return undefined
  }
  const held = asked.template?.[templateHold]()
  const then = kept(asked, held)
  if (waiting.length === 0) setImmediate(next)
  return new Promise((resolve) =>
    waiting.push(() => {
      resolve(then)
      // The start begins before anything else does.
      if (held) setImmediate(() => held.release())
    }),
  )
}
