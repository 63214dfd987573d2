/** What the diagnostics channel `uring-spawn:launch` tells of each start. */
import type { ChildProcess } from 'node:child_process'
import { channel } from 'node:diagnostics_channel'
import type { BackendName } from '../backend/backends.js'
import { now } from '../core/runtime.js'
import { errnoName } from '../model/errno.js'
import type { Exit, ResourceUsage } from '../model/exit.js'
import type { Step } from '../model/operations.js'

/** In every message. */
export interface LaunchAbout {
  /** The same in all messages about one start; unique in its thread. */
  id: number
  /** The program; with `shell`, the shell. */
  file: string
  /** Its arguments after argv[0]. */
  args: readonly string[]
  /** Of a start by node:child_process, unless it was synchronous. */
  child?: ChildProcess | undefined
}

/** A message on the diagnostics channel `uring-spawn:launch`. */
export type LaunchMessage = LaunchAbout &
  (
    | {
        /** The start has been queued; a synchronous one is over. */
        event: 'start'
        /** The requested backend. */
        backend: BackendName
        /** For how many milliseconds the call has held the thread. */
        held: number
      }
    | {
        /** The program runs. */
        event: 'started'
        /** The backend that made it. */
        backend: BackendName
        /** The process id. */
        pid: number
        /** Milliseconds since the call. */
        duration: number
        /** For how many milliseconds the thread has waited for it: in `child.pid`, for example. */
        waited: number
      }
    | {
        /** There is no process. */
        event: 'failed'
        /** The requested backend. */
        backend: BackendName
        /** 'ENOENT' */
        code: string
        /** Negative, as in Node's errors. */
        errno: number
        /** What failed; undefined if that was before a process could be made. */
        step: Step | undefined
        /** Milliseconds since the call. */
        duration: number
        /** For how many milliseconds the thread has waited for it: in `child.pid`, for example. */
        waited: number
      }
    | {
        /** The program has ended. */
        event: 'exit'
        /** The backend that made it. */
        backend: BackendName
        /** The process id. */
        pid: number
        /** Its exit code; null if a signal ended it. */
        code: number | null
        /** The signal that ended it; null if it exited. */
        signal: NodeJS.Signals | null
        /** What it used. */
        rusage: ResourceUsage
        /** Milliseconds since the call. */
        duration: number
      }
    | {
        /** Node's own implementation was called instead. */
        event: 'delegated'
        /** Why. */
        reason: string
        /** For how many milliseconds the call has held the thread. */
        held: number
      }
  )

type Omitting<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** Nothing is made for a start that nobody follows: ask `hasSubscribers` first. */
export const launches = channel('uring-spawn:launch')

/** The last id. Every copy of the library has the same channel, so it is counted there. */
const last = Symbol.for('uring-spawn.last-id')

function nextId(): number {
  const holder = launches as unknown as { [last]?: number }
  const id = (holder[last] ?? 0) + 1
  Object.defineProperty(holder, last, { value: id, writable: true, configurable: true })
  return id
}

/** A start that somebody follows. */
export class Told {
  /** The requested one; once it has started, the one that made it. */
  backend: BackendName | undefined
  /** Of the chain's operations, in order. */
  steps: readonly Step[] = []
  /** Whether the options were good, so that there is something to tell. */
  asked = false
  /** The errno, if nothing was queued. */
  refusal: number | undefined
  /** Why Node was called instead, if it was. */
  reason: string | undefined
  readonly #about: LaunchAbout
  readonly #begin: number
  #pid = 0
  #waited = 0

  /** `begin`: when the call began, by the clock of now(). */
  constructor(about: Omit<LaunchAbout, 'id'>, begin: number) {
    this.#about = { id: nextId(), ...about }
    this.#begin = begin
  }

  #publish(message: Omitting<LaunchMessage, keyof LaunchAbout | 'backend'>): void {
    const { backend } = this
    launches.publish({ ...this.#about, ...(backend && { backend }), ...message })
  }

  get #duration(): number {
    return now() - this.#begin
  }

  /** At the end of the call. */
  called(): void {
    const held = this.#duration
    if (this.reason !== undefined) {
      this.backend = undefined
      this.#publish({ event: 'delegated', reason: this.reason, held })
      return
    }
    this.#publish({ event: 'start', held })
    if (this.refusal !== undefined) this.failed(this.refusal, undefined)
  }

  /** Calls `wait`, which holds the thread. */
  wait<T>(wait: () => T): T {
    const begin = now()
    try {
      return wait()
    } finally {
      this.#waited += now() - begin
    }
  }

  started(pid: number): void {
    this.#pid = pid
    this.#publish({ event: 'started', pid, duration: this.#duration, waited: this.#waited })
  }

  /** `errno` is positive. */
  failed(errno: number, step: Step | undefined): void {
    this.#publish({
      ...{ event: 'failed', code: errnoName(errno), errno: -errno, step },
      ...{ duration: this.#duration, waited: this.#waited },
    })
  }

  ended({ code, signal, rusage }: Exit): void {
    const pid = this.#pid
    this.#publish({ event: 'exit', pid, code, signal, rusage, duration: this.#duration })
  }
}
