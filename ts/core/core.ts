/** This library copy's part of the core, and the launches that wait for its events. */

import { Buffer } from 'node:buffer'
import {
  type Binding,
  type CoreInfo,
  EVENT_STRIDE,
  EVENT_VALUES,
  EventField,
  EventHas,
  EventType,
  type EventValues,
  LaunchFlags,
  type PackedChain,
  PipeBits,
  TOKENS,
} from '../binding/addon.js'
import { loadBinding } from '../binding/load.js'
import { type Exit, exitOf } from '../model/exit.js'
import { currentEnv } from './process-env.js'
import { awaitsSignal, isNode, microtask, soon, throwLater } from './runtime.js'

/** Called in this order; nothing after `failed`, output may end after `ended`. */
export interface LaunchEvents {
  /** How many `ended` and `output` calls will follow, if it starts. */
  pending: number
  /** Whether to deliver its events after everything that is ready has been read. */
  readonly afterReading?: boolean
  /**
   * `fds` has our ends of the pipes, -1 for those that are collected; `by` is the
   * launcher that made it.
   */
  started(
    pid: number,
    pidfd: number,
    results: Int32Array | null,
    fds: readonly number[] | null,
    by: number,
  ): void
  failed(errno: number, index: number, results: Int32Array | null): void
  ended(exit: Exit): void
  output(which: number, errno: number, bytes: Buffer, truncated: boolean): void
  overflow(which: number): void
  /** Of an output for which Binding.more() was called; the last bytes come with `output`. */
  chunk(which: number, bytes: Buffer): void
}

/** A pipe that the launch makes; the chain names it by `pipeFd()` of its index. */
export interface LaunchPipe {
  /** The child reads from it. */
  input: boolean
  /** It also writes to it; not for one that is collected. */
  both?: boolean
  /** Our end, if it is there already. */
  given?: number | undefined
  /** Read to its end, keeping `max` bytes, or written, by native code. */
  collect: boolean
  max: number
}

export interface LaunchRequest {
  kind: number
  chain: PackedChain
  closeFds: readonly number[]
  pipes?: readonly LaunchPipe[] | undefined
  /** Written to the first pipe that is collected and read by the child. */
  input?: Uint8Array | undefined
  wantResults?: boolean
  /** Where the child starts, from Binding.place(); 0: where the process is now. */
  place: number
  /** Don't wake up for `started`, or for output before `ended`. */
  lazy?: boolean
  /** LaunchFlags.likeUvSpawn */
  likeUvSpawn?: boolean
  /** LaunchFlags.doomed */
  doomed?: boolean
  /** LaunchFlags.watcher */
  watcher?: boolean
}

const empty = Buffer.alloc(0)
const none: readonly number[] = []

/** In the binding's form. */
function flatten(pipes: readonly LaunchPipe[] | undefined): readonly number[] {
  if (pipes === undefined || pipes.length === 0) return none
  const flat: number[] = []
  for (const { input, both, collect, max, given } of pipes) {
    const bits = (input ? PipeBits.input : 0) | (collect ? PipeBits.collect : 0)
    const more = (both ? PipeBits.output : 0) | (given === undefined ? 0 : PipeBits.given)
    flat.push(bits | more, max, given ?? -1)
  }
  return flat
}

/** The most launches that may wait for the end of a turn. */
const FLUSH_EVERY = 16

class Core {
  readonly binding: Binding
  readonly info: CoreInfo
  /**
   * By token. Not a Map: V8 keeps copying one with frequent additions and removals,
   * and each copy keeps its contents until a full garbage collection.
   */
  readonly #waiting: (LaunchEvents | null)[] = []
  readonly #free: number[] = []
  readonly #events: Float64Array
  readonly #values: EventValues
  readonly #client: number
  #launches = 0
  #refs = 0
  #unflushed = 0
  /** The launches with `afterReading`. */
  #patient = 0

  constructor() {
    this.binding = loadBinding()
    const env = currentEnv()
    const noRing = env.URING_SPAWN_NO_RING === '1'
    const eventLoop = isNode && env.URING_SPAWN_NO_EVENT_LOOP !== '1'
    this.info = this.binding.open(this.#wake, noRing, eventLoop)
    this.#events = this.info.events
    this.#client = this.info.client
    const room = (this.#events.length / EVENT_STRIDE) * EVENT_VALUES
    this.#values = Array.from({ length: room }, () => null)
  }

  /** Queues a launch; the core then owns its descriptors. Returns its id. */
  launch(request: LaunchRequest, events: LaunchEvents): number {
    const { kind, chain, closeFds, pipes, input, place } = request
    const flags =
      (request.wantResults ? LaunchFlags.wantResults : 0) |
      (request.lazy ? LaunchFlags.lazy : 0) |
      (request.likeUvSpawn ? LaunchFlags.likeUvSpawn : 0) |
      (request.doomed ? LaunchFlags.doomed : 0) |
      (request.watcher ? LaunchFlags.watcher : 0)
    const token = this.#free.pop() ?? this.#waiting.length
    if (token === TOKENS) throw new Error(`more than ${TOKENS} processes at once`)
    let id: number
    try {
      const { buffer, size } = chain
      id = this.binding.launch(
        this.#client * TOKENS + token,
        kind,
        buffer,
        size,
        closeFds,
        flatten(pipes),
        input,
        flags,
        place,
      )
    } catch (error) {
      if (token < this.#waiting.length) this.#free.push(token)
      throw error
    }
    this.#waiting[token] = events
    if (events.afterReading) this.#patient++
    // The addon's reference to this copy is weak: keep the copy alive.
    if (this.#launches++ === 0) this.binding.busy[this.#client] = this
    // Otherwise the addon has done it.
    if (!request.likeUvSpawn) this.#flushSoon()
    return id
  }

  /**
   * The launches of one turn of the event loop begin together: at its end, or
   * FLUSH_EVERY at a time. The core may have begun the first one before.
   */
  #flushSoon(): void {
    if (this.#unflushed++ === 0) microtask(this.#flush)
    else if (this.#unflushed % FLUSH_EVERY === 0) this.binding.flush()
  }

  readonly #flush = (): void => {
    this.#unflushed = 0
    this.binding.flush()
  }

  /** References keep the environment alive for events. */
  ref(): void {
    if (this.#refs++ === 0) this.binding.ref()
  }

  unref(): void {
    if (--this.#refs === 0) this.binding.unref()
  }

  /**
   * What a child has written is read before its exit is told, as with libuv, which
   * handles signals after everything else that is ready: at the end of a turn of the
   * event loop it has been read. A pipe that is read since this turn will be in the
   * next, and the next event comes in a turn of its own (likeUvSpawn).
   *
   * So is a signal that ended both this program and its children, as Ctrl-C does: one that
   * starts children again must know by then that it is to end.
   */
  readonly #wake = (): void => {
    if (this.#patient > 0 || awaitsSignal()) soon(this.#take)
    else this.#take()
  }

  /**
   * Delivers one batch of events in a turn of the event loop: handling them delays
   * everything else.
   */
  readonly #take = (): void => {
    const values = this.#values
    const count = this.binding.take(this.#client, values)
    if (count * EVENT_VALUES === values.length) soon(this.#take)
    for (let at = 0; at < count; at++) {
      try {
        this.#event(at * EVENT_STRIDE, at * EVENT_VALUES)
      } catch (error) {
        // An error of one callback goes to the program, and does not stop the
        // others.
        throwLater(error)
      }
    }
  }

  /** An event's value besides its numbers; drops our reference to it. */
  #value<T>(has: number, bit: number, at: number): T | null {
    if ((has & bit) === 0) return null
    const value = this.#values[at] as T
    this.#values[at] = null
    return value
  }

  #event(at: number, place: number): void {
    const numbers = this.#events
    const token = (numbers[at + EventField.token] as number) % TOKENS
    const a = numbers[at + EventField.a] as number
    const b = numbers[at + EventField.b] as number
    const has = numbers[at + EventField.has] as number
    const events = this.#waiting[token]
    if (!events) return
    switch (numbers[at + EventField.type]) {
      case EventType.started: {
        const results = this.#value<Int32Array>(has, EventHas.value, place)
        const fds = this.#value<number[]>(has, EventHas.fds, place + 1)
        events.started(a, b, results, fds, numbers[at + EventField.by] as number)
        return
      }
      case EventType.failed:
        this.#forget(token)
        events.failed(-a, b, this.#value(has, EventHas.value, place))
        return
      case EventType.exited:
        this.#came(token, events)
        events.ended(exitOf(a, b, numbers, at + EventField.usage))
        return
      case EventType.output: {
        this.#came(token, events)
        const bytes = this.#value<Buffer>(has, EventHas.value, place) ?? empty
        events.output(a, -b, bytes, (has & EventHas.truncated) !== 0)
        return
      }
      case EventType.overflow:
        events.overflow(a)
        return
      case EventType.chunk:
        events.chunk(a, this.#value<Buffer>(has, EventHas.value, place) ?? empty)
    }
  }

  #came(token: number, events: LaunchEvents): void {
    if (--events.pending === 0) this.#forget(token)
  }

  /** Frees the token: no more events will carry it. */
  #forget(token: number): void {
    if (this.#waiting[token]?.afterReading) this.#patient--
    this.#waiting[token] = null
    this.#free.push(token)
    if (--this.#launches === 0) this.binding.busy[this.#client] = undefined
  }
}

let core: Core | undefined

/** Made at the first use. Throws if uring-spawn cannot work here. */
export function getCore(): Core {
  core ??= new Core()
  return core
}

export type { Core }
