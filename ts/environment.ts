/** The core of this JavaScript environment, and who waits for its events. */
import { loadBinding } from './binding/load.js'
import {
  type Binding,
  type CoreInfo,
  EVENT_STRIDE,
  type EventBatch,
  EventType,
} from './binding/types.js'

/** Called in this order; nothing after `failed`, output may end after `exited`. */
export interface LaunchEvents {
  started(pid: number, pidfd: number, results: Int32Array | null): void
  failed(errno: number, index: number, results: Int32Array | null): void
  exited(siCode: number, siStatus: number, usage: Float64Array): void
  output?(which: number, errno: number, bytes: Buffer, truncated: boolean): void
  overflow?(which: number): void
}

export interface LaunchRequest {
  kind: number
  chain: Uint8Array
  closeFds: readonly number[]
  collect?: readonly { fd: number; max: number }[] | undefined
  input?: { fd: number; bytes: Uint8Array } | undefined
  wantResults?: boolean
}

class Environment {
  readonly binding: Binding
  readonly info: CoreInfo
  readonly #waiting = new Map<number, { events: LaunchEvents; pending: number }>()
  #refs = 0

  constructor() {
    this.binding = loadBinding()
    const noRing = process.env.URING_SPAWN_NO_RING === '1'
    this.info = this.binding.open((batch) => this.#deliver(batch), noRing)
  }

  /** Queues a launch; its descriptors are the core's then. Returns its id. */
  launch(request: LaunchRequest, events: LaunchEvents): number {
    const { kind, chain, closeFds, collect = [], input, wantResults = false } = request
    const id = this.binding.launch(
      kind,
      chain,
      closeFds,
      collect.flatMap(({ fd, max }) => [fd, max]),
      input?.fd ?? -1,
      input?.bytes,
      wantResults,
    )
    this.#waiting.set(id, { events, pending: 1 + collect.length })
    return id
  }

  /** While there are references, the environment stays alive for events. */
  ref(): void {
    if (this.#refs++ === 0) this.binding.ref()
  }

  unref(): void {
    if (--this.#refs === 0) this.binding.unref()
  }

  #deliver(batch: EventBatch): void {
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
    const [type, id, a, b] = batch.slice(at, at + 4) as [number, number, number, number]
    const data = batch[at + 4]
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    const { events } = waiting
    switch (type) {
      case EventType.started:
        events.started(a, b, data as Int32Array | null)
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
        events.output?.(a, -b, data as Buffer, batch[at + 5] as boolean)
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
