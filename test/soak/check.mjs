// What operations check by. Unlike an assertion of a test, a Violation ends the
// run, and the run's seed and the operation's number are told with it.
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect, isDeepStrictEqual } from 'node:util'

/** Milliseconds that only what hangs takes. */
export const HANG = 120_000

export class Violation extends Error {}

const show = (value) =>
  value instanceof Error
    ? `${value.stack} ${inspect({ ...value }, { breakLength: Number.POSITIVE_INFINITY })}`
    : inspect(value, { depth: 4, breakLength: Number.POSITIVE_INFINITY })

/** @returns {asserts condition} */
export function holds(condition, what) {
  if (!condition) throw new Violation(what)
}

export function same(found, wanted, what) {
  if (!isDeepStrictEqual(found, wanted)) {
    throw new Violation(`${what} is ${show(found)}, not ${show(wanted)}`)
  }
}

/** Each property of `wanted` is the same in `found`, or in the list that `wanted` has for it. */
export function like(found, wanted, what) {
  for (const [key, value] of Object.entries(wanted)) {
    const isOne = Array.isArray(value)
      ? value.some((one) => isDeepStrictEqual(found?.[key], one))
      : isDeepStrictEqual(found?.[key], value)
    if (!isOne) {
      throw new Violation(`${what}: ${key} is not ${show(value)} in ${show(found)}`)
    }
  }
}

/** Bytes by their first difference: they are too many to show. */
export function sameBytes(found, wanted, what) {
  if (found.length === wanted.length && Buffer.compare(found, wanted) === 0) return
  let at = 0
  while (at < wanted.length && found[at] === wanted[at]) at++
  throw new Violation(
    `${what} has ${found.length} bytes, not ${wanted.length}, and differs from byte ${at} on`,
  )
}

/** What `promise` rejects with. */
export async function failure(promise, what) {
  let value
  try {
    value = await promise
  } catch (error) {
    if (error instanceof Violation) throw error
    return error
  }
  throw new Violation(`${what} succeeded: ${show(value)}`)
}

/** Either what `promise` resolves to, or what it rejects with. */
export const outcome = (promise) =>
  promise.then(
    (value) => ({ value, error: undefined }),
    (error) => ({ value: undefined, error }),
  )

/** Waits for something that must come; `why` says what is missing if it does not. */
export async function until(condition, why, limit = HANG) {
  const end = Date.now() + limit
  while (!condition()) {
    if (Date.now() > end) throw new Violation(`after ${limit / 1000} s ${why()}`)
    await sleep(20)
  }
}
