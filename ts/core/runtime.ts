/**
 * What the library uses of the runtime, saved when the library is loaded. Test
 * frameworks replace timers, microtasks and clocks with fakes that stand still;
 * programs must still start under them, as with node:child_process.
 */
import { performance } from 'node:perf_hooks'
import * as timers from 'node:timers'
import { MessageChannel } from 'node:worker_threads'
import { ENDING_SIGNALS } from '../model/signals.js'

/** Whether this is Node itself, with its event loop. */
export const isNode = process.versions.bun === undefined && !('Deno' in globalThis)

/** A timer that does not keep the program running. */
export interface Timer {
  cancel(): void
}

const { clearTimeout, setImmediate, setTimeout } = timers

/** Whether timers were fakes already: they don't return objects of the runtime's own class. */
function areFakes(): boolean {
  const timer: unknown = setTimeout(() => {}, 1)
  clearTimeout(timer as NodeJS.Timeout)
  return (timer as object | null)?.constructor?.name !== 'Timeout'
}

/** Calls `then` after that many milliseconds. */
function realLater(milliseconds: number, then: () => void): Timer {
  const timer = setTimeout(then, milliseconds)
  timer.unref()
  return { cancel: () => clearTimeout(timer) }
}

interface WaitAsync {
  waitAsync(
    array: Int32Array,
    index: number,
    value: number,
    milliseconds: number,
  ): { async: false } | { async: true; value: Promise<unknown> }
}

/** The same with timers that no fake replaces: AbortSignal.timeout() uses those of node:timers. */
function laterByWaiting(milliseconds: number, then: () => void): Timer {
  const word = new Int32Array(new SharedArrayBuffer(4))
  const { waitAsync } = Atomics as unknown as WaitAsync
  let wanted = true
  const waiting = waitAsync.call(Atomics, word, 0, 0, Math.max(1, milliseconds))
  if (waiting.async) {
    waiting.value.then(() => {
      if (wanted) then()
    })
  }
  return {
    cancel: () => {
      wanted = false
      Atomics.notify(word, 0)
    },
  }
}

/** After a timer the event loop has turned; a port keeps the program running until then. */
function soonByWaiting(then: () => void): void {
  const { port1 } = new MessageChannel()
  port1.ref()
  laterByWaiting(1, () => {
    port1.close()
    then()
  })
}

const fakes = areFakes()

export const later = fakes ? laterByWaiting : realLater

/** Resolves after so many milliseconds. */
export const delay = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => later(milliseconds, resolve))

/** Calls `then` once the event loop has handled everything else. */
export const soon = fakes ? soonByWaiting : (then: () => void): void => void setImmediate(then)

/** Calls `then` when the running code has finished; it must not throw. */
export function microtask(then: () => void): void {
  resolved.then(then)
}

const resolved = Promise.resolve()

const word = new Int32Array(new SharedArrayBuffer(4))

/** Blocks for that many milliseconds. */
export function pause(milliseconds: number): void {
  Atomics.wait(word, 0, 0, milliseconds)
}

/** Whether the program handles a signal that would end it. */
export function awaitsSignal(): boolean {
  for (const name of ENDING_SIGNALS) if (process.listenerCount(name) > 0) return true
  return false
}

/** Throws as an uncaught exception of the program. */
export function throwLater(error: unknown): void {
  soon(() => {
    throw error
  })
}

/** Milliseconds of a monotonic clock. */
export const now: () => number = performance.now.bind(performance)
