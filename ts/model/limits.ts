/** The largest values that the kernel, the core and Node's timers accept. */
import { argumentError } from './argument-error.js'

const INT_MAX = 2 ** 31 - 1
export const UINT_MAX = 2 ** 32 - 1

export const MAX_FD = INT_MAX
export const MAX_PID = INT_MAX
/** Flags of open(2), execveat(2) and the like: an int. */
export const MAX_FLAGS = INT_MAX
/** Of users and groups: the last one stands for "unchanged". */
export const MAX_ID = UINT_MAX - 1
/** A longer timer would fire at once. */
export const MAX_MILLISECONDS = INT_MAX

// How large a chain may be. The core has the same numbers
// (uring-native/core/chain.h): a chain is submitted as a whole to the ring, which
// accepts 1024 requests at once.

/** Operations of a chain, including `clone` and every `exec` of a search. */
export const MAX_OPS = 1000
/** Descriptors that `clone` lists, and entries of `stdio`. */
export const MAX_FDS = 1024

/**
 * Throws a RangeError if a chain of `count` operations is too long; `hint` tells
 * the user what to do.
 */
export function checkOps(count: number, hint: () => string): void {
  if (count <= MAX_OPS) return
  throw argumentError(
    'ERR_OUT_OF_RANGE',
    `a chain has at most ${MAX_OPS} operations, not ${count}: ${hint()}`,
  )
}

/** Throws a RangeError if `clone` would list more than MAX_FDS descriptors. */
export function checkFds(count: number): void {
  if (count <= MAX_FDS) return
  throw argumentError(
    'ERR_OUT_OF_RANGE',
    `a child can be given at most ${MAX_FDS} descriptors, not ${count}: leave some out of stdio`,
  )
}
