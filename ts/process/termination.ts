import { type Abortable, whenAborted } from '../core/abort.js'
import { getCore } from '../core/core.js'
import { later, now, type Timer } from '../core/runtime.js'
import { AbortError } from '../model/abort-error.js'
import { ECANCELED, ESRCH } from '../model/errno.js'
import type { Exit } from '../model/exit.js'
import { killError, SIGKILL, SIGTERM } from '../model/signals.js'
import { lateError, SpawnError } from '../model/spawn-error.js'
import type { Settings } from '../options/settings.js'
import { type HeldGroup, hasLiving } from './group.js'
import type { Launch } from './launch.js'

/** Milliseconds from `killSignal` to SIGKILL, unless `killGrace` says otherwise. */
export const KILL_GRACE = 5000

/** Milliseconds until a group is looked at again: at first, and at most. */
export const FIRST_LOOK = 2
export const LAST_LOOK = 500
/** Longer looks also find out whether only zombies are left. */
export const CLOSE_LOOK = 30

/** Why a child is ended; `callback`: a function or an input of the caller's has thrown. */
export type TerminationReason = 'timeout' | 'abort' | 'maxBuffer' | 'callback'

/**
 * Ends a child before its time: at its `timeout`, when its `signal` aborts, or when
 * its output overflows; with SIGKILL after `killGrace`.
 */
export class Termination {
  timedOut = false
  aborted = false
  /** Why the child could not be signalled; it keeps running, and its output is still read. */
  failed: NodeJS.ErrnoException | undefined
  #launch: Launch | undefined
  readonly #killSignal: number
  readonly #killGrace: number | false
  readonly #ofGroup: boolean
  readonly #timeout: number | undefined
  readonly #signal: Abortable | undefined
  readonly #timers: Timer[] = []
  #unlisten: (() => void) | undefined
  /** Why the child was to end; undefined as long as it was not. */
  reason: TerminationReason | undefined
  /** The group that is to end. */
  #group: HeldGroup | undefined
  /** When SIGKILL is due, by the clock of now(). */
  #due = Number.POSITIVE_INFINITY
  #killed = false

  /** Before the launch: a signal that cannot be listened to throws here, and nothing has been created. */
  constructor(settings: Settings) {
    const { timeout, signal, killSignal = SIGTERM, killGrace = KILL_GRACE, killTarget } = settings
    this.#killSignal = killSignal
    this.#killGrace = killGrace
    this.#ofGroup = killTarget === 'group'
    this.#timeout = timeout
    this.#signal = signal
    if (signal) {
      this.#unlisten = whenAborted(signal, () => {
        this.aborted = true
        this.terminate('abort')
      })
    }
  }

  /** From now on there is a child to end. Returns the launch; disarms if that throws. */
  arm(launch: () => Launch): Launch {
    try {
      this.#launch = launch()
    } catch (error) {
      this.disarm()
      throw error
    }
    if (this.aborted) this.terminate('abort')
    if (this.#timeout) {
      this.#timer(this.#timeout, () => {
        this.timedOut = true
        this.terminate('timeout')
      })
    }
    return this.#launch
  }

  #timer(ms: number, then: () => void): void {
    this.#timers.push(later(ms, then))
  }

  /** Whether disarm() has anything to undo. */
  get armed(): boolean {
    return this.#timers.length > 0 || this.#signal !== undefined
  }

  /** Sends killSignal now, and SIGKILL after killGrace. */
  terminate(reason: TerminationReason): void {
    const launch = this.#launch
    if (!launch) return
    this.reason ??= reason
    if (this.#ofGroup) this.#group ??= launch.holdGroup()
    const errno = -launch.signal(this.#killSignal)
    // The child has ended, but a grandchild holds its output open.
    if (errno === ESRCH) launch.stopOutput()
    else if (errno !== 0) this.failed = killError('cannot end the child', errno)
    if (this.#killGrace === false) return
    this.#due = Math.min(this.#due, now() + this.#killGrace)
    this.#timer(this.#killGrace, () => this.#kill(launch))
  }

  #kill(launch: Launch): void {
    this.#killed = true
    // A member of the group may have outlived the child, and hold its output open.
    if (launch.signal(SIGKILL) === 0 && launch.ended) launch.stopOutput()
  }

  /** Whether to stop reading output as soon as the child has ended. */
  get cutsOutput(): boolean {
    return this.reason !== undefined && this.failed === undefined
  }

  /**
   * Returns the SpawnError of a start that `timeout` ended; throws what the caller gets
   * for any other `error` of the launch.
   */
  lateOr(error: unknown): SpawnError {
    const found = this.errorFor(error)
    if (found instanceof SpawnError && found.timedOut) return found
    throw found
  }

  /** The error that the caller gets if the launch failed with `error`. */
  errorFor(error: unknown): unknown {
    const { aborted } = this
    if (aborted && this.#signal) return new AbortError(this.#signal)
    if (!this.timedOut || !(error instanceof SpawnError) || error.errno !== -ECANCELED) return error
    return lateError(error)
  }

  /**
   * The child has ended: waits for its output, and for the functions that are called with it. If it
   * was to end, one that does not return is waited for no longer than killGrace.
   */
  async patiently(whole: Promise<void>): Promise<void> {
    const grace = this.#killGrace
    if (!this.cutsOutput || grace === false) return whole
    const core = getCore()
    core.ref()
    try {
      await new Promise<void>((resolve) => {
        this.#timer(grace, resolve)
        whole.then(resolve)
      })
    } finally {
      core.unref()
    }
  }

  /** The child has ended: reads its output for this long, in milliseconds, and then stops. */
  drain(ms: number): void {
    if (ms === 0) this.#launch?.stopOutput()
    else this.#timer(ms, () => this.#launch?.stopOutput())
  }

  /** The child has ended: says in `exit` why. */
  ended(exit: Exit): void {
    exit.timedOut = this.timedOut
    exit.aborted = this.aborted
    this.#unlisten?.()
    if (this.#group) this.groupEnded().then(() => this.disarm())
    else this.disarm()
  }

  /**
   * The child has ended. If its group was to end with it, resolves once that has ended as
   * well, or has got SIGKILL; otherwise at once.
   */
  async groupEnded(): Promise<void> {
    const group = this.#group
    const pid = this.#launch?.pid ?? 0
    if (!group) return
    const core = getCore()
    core.ref()
    try {
      for (let ms = FIRST_LOOK; this.#waitsFor(group, pid, ms); ms = Math.min(ms * 2, LAST_LOOK)) {
        await new Promise<void>((resolve) => later(Math.min(ms, this.#due - now()), resolve))
      }
    } finally {
      core.unref()
      group.close()
    }
  }

  #waitsFor(group: HeldGroup, pid: number, ms: number): boolean {
    if (this.#killed || this.#killGrace === false || !group.hasMembers(pid)) return false
    if (ms > CLOSE_LOOK && !hasLiving(pid)) return false
    if (now() < this.#due) return true
    group.signal(pid, SIGKILL)
    return false
  }

  /** Cancels the timers and the abort listener: the child has ended. */
  disarm(): void {
    this.#unlisten?.()
    for (const timer of this.#timers) timer.cancel()
    this.#group?.close()
  }
}
