/** The core of this JavaScript environment, and who waits for its events. */
import { setImmediate } from 'node:timers'
import { loadBinding } from './binding/load.js'
import {
  type Binding,
  type CoreInfo,
  EVENT_STRIDE,
  type EventBatch,
  EventType,
  LaunchFlags,
  PipeBits,
} from './binding/types.js'

/** Called in this order; nothing after `failed`, output may end after `exited`. */
export interface LaunchEvents {
  /**
   * `fds` has this side's ends of the pipes, -1 for those that are collected;
   * `by` is the launcher that made it.
   */
  started(
    pid: number,
    pidfd: number,
    results: Int32Array | null,
    fds: readonly number[] | null,
    by: number,
  ): void
  failed(errno: number, index: number, results: Int32Array | null): void
  exited(siCode: number, siStatus: number, usage: Float64Array): void
  output?(which: number, errno: number, bytes: Buffer, truncated: boolean): void
  overflow?(which: number): void
}

/** A pipe that the launch makes; the chain names it by `pipeFd()` of its index. */
export interface LaunchPipe {
  /** The child reads from it. */
  input: boolean
  /** Read to its end, or written, natively, keeping `max` bytes. */
  collect: boolean
  max: number
}

export interface LaunchRequest {
  kind: number
  chain: Uint8Array
  closeFds: readonly number[]
  pipes?: readonly LaunchPipe[] | undefined
  /** Written to the first pipe that is collected and the child's to read. */
  input?: Uint8Array | undefined
  wantResults?: boolean
  /** Nobody waits for `started`, or for output before `exited`: fewer wake-ups. */
  lazy?: boolean
}

const empty = Buffer.alloc(0)
const none: readonly LaunchPipe[] = []

/**
 * Events of one turn of the event loop, at most: with what follows from each of
 * them, the time that others wait.
 */
const EVENTS_PER_TURN = 64

/** Launches that wait for the end of a turn, at most. */
const FLUSH_EVERY = 16

class Environment {
  readonly binding: Binding
  readonly info: CoreInfo
  readonly #waiting = new Map<number, { events: LaunchEvents; pending: number }>()
  #refs = 0
  #unflushed = 0

  constructor() {
    this.binding = loadBinding()
    const noRing = process.env.URING_SPAWN_NO_RING === '1'
    this.info = this.binding.open(this.#take, noRing)
  }

  /** Queues a launch; its descriptors are the core's then. Returns its id. */
  launch(request: LaunchRequest, events: LaunchEvents): number {
    const { kind, chain, closeFds, pipes = none, input } = request
    const flat: number[] = []
    let pending = 1
    for (const { input, collect, max } of pipes) {
      flat.push((input ? PipeBits.input : 0) | (collect ? PipeBits.collect : 0), max)
      if (collect && !input) pending++
    }
    const flags =
      (request.wantResults ? LaunchFlags.wantResults : 0) | (request.lazy ? LaunchFlags.lazy : 0)
    const id = this.binding.launch(kind, chain, closeFds, flat, input, flags)
    this.#waiting.set(id, { events, pending })
    this.#flushSoon()
    return id
  }

  /** What one turn of the event loop launches is begun together, and not much later. */
  #flushSoon(): void {
    if (this.#unflushed++ === 0) queueMicrotask(this.#flush)
    else if (this.#unflushed % FLUSH_EVERY === 0) this.binding.flush()
  }

  readonly #flush = (): void => {
    this.#unflushed = 0
    this.binding.flush()
  }

  /** While there are references, the environment stays alive for events. */
  ref(): void {
    if (this.#refs++ === 0) this.binding.ref()
  }

  unref(): void {
    if (--this.#refs === 0) this.binding.unref()
  }

  readonly #take = (): void => {
    const batch = this.binding.take(EVENTS_PER_TURN)
    if (batch.length === EVENTS_PER_TURN * EVENT_STRIDE) setImmediate(this.#take)
    for (let at = 0; at < batch.length; at += EVENT_STRIDE) {
      try {
        this.#event(batch, at)
      } catch (error) {
        // One callback's error is the program's to see, and stops no other's.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  #event(batch: EventBatch, at: number): void {
    const type = batch[at] as number
    const id = batch[at + 1] as number
    const a = batch[at + 2] as number
    const b = batch[at + 3] as number
    const data = batch[at + 4]
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    const { events } = waiting
    switch (type) {
      case EventType.started:
        events.started(
          a,
          b,
          data as Int32Array | null,
          batch[at + 5] as number[] | null,
          batch[at + 6] as number,
        )
        return
      case EventType.failed:
        this.#waiting.delete(id)
        events.failed(-a, b, data as Int32Array | null)
        return
      case EventType.exited:
        if (--waiting.pending === 0) this.#waiting.delete(id)
        events.exited(a, b, data as Float64Array)
        return
      case EventType.output:
        if (--waiting.pending === 0) this.#waiting.delete(id)
        events.output?.(a, -b, (data as Buffer | null) ?? empty, batch[at + 5] as boolean)
        return
      case EventType.overflow:
        events.overflow?.(a)
    }
  }
}

let environment: Environment | undefined

/** Made at the first use. Throws where uring-spawn cannot work. */
export function getEnvironment(): Environment {
  environment ??= new Environment()
  return environment
}

export type { Environment }
