/** Of many starts asked for at once, some wait for another turn of the event loop. */
import { setImmediate } from 'node:timers'
import { type Environ, inheritedEnviron } from '../chain/environ.js'
import { type HeldTemplate, templateHold } from '../options/template.js'
import type { RunOptions } from '../options/types.js'

/** What takes about a millisecond. */
const STARTS_PER_TURN = 32

let begun = 0
let waiting: (() => void)[] = []

const over = () => {
  begun = 0
}

/** Others have had their turn: lets the next of those that wait begin. */
function next(): void {
  const some = waiting.slice(0, STARTS_PER_TURN)
  waiting = waiting.slice(STARTS_PER_TURN)
  if (waiting.length > 0) setImmediate(next)
  for (const begin of some) begin()
}

/** What a start is asked for. */
export interface Asked {
  args: readonly string[]
  options: RunOptions
  /** The program's own environment then, where it is the child's. */
  environ?: Environ | undefined
}

/** Of one level. */
const copyOf = <T extends object>(value: T): T =>
  (Array.isArray(value) ? [...value] : { ...value }) as T

/** As it is now: arrays and objects are the caller's, who may go on with them. */
function kept({ args, options }: Asked, template: HeldTemplate | undefined): Asked {
  const { env, stdio, groups, rlimits, input } = options
  const copies = {
    ...(env && { env: copyOf(env) }),
    ...(typeof stdio === 'object' && { stdio: copyOf(stdio) }),
    ...(groups && { groups: copyOf(groups) }),
    ...(rlimits && { rlimits: copyOf(rlimits) }),
    ...(typeof input === 'object' && { input: Uint8Array.from(input) }),
    ...(template && { template }),
  }
  const environ = env === undefined ? inheritedEnviron() : undefined
  return { args: copyOf(args), options: { ...options, ...copies }, environ }
}

/**
 * Undefined where a start may begin at once. Else the event loop would not get
 * to anything else for long: resolves in a later turn, to what was asked for,
 * in the order of asking. A template may be closed by then, and is held.
 */
export function startTurn(asked: Asked): Promise<Asked> | undefined {
  if (waiting.length === 0 && begun < STARTS_PER_TURN) {
    // Until who asks has come to an end.
    if (begun++ === 0) queueMicrotask(over)
    return undefined
  }
  const held = asked.options.template?.[templateHold]()
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
