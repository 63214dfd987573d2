import { type Abortable, whenAborted } from '../core/abort.js'
import { getCore } from '../core/core.js'
import { delay, later, now, type Timer } from '../core/runtime.js'
import { AbortError } from '../model/abort-error.js'
import { ECANCELED, ESRCH } from '../model/errno.js'
import type { Exit } from '../model/exit.js'
import { lateError, SpawnError } from '../model/spawn-error.js'
import type { Settings } from '../options/settings.js'
import type { HeldGroup } from './group.js'
import type { Launch } from './launch.js'
import {
  FIRST_LOOK,
  LAST_LOOK,
  type TerminationReason,
  TerminationRules,
} from './termination-rules.js'

/** Functions of the caller's that are called with output. */
export type CallbackName = 'onStdout' | 'onStderr' | 'onLine'

/** A call that has returned a promise, when, by the clock of now(), and which has not settled. */
export interface PendingCall {
  name: CallbackName
  since: number
}

/** Output on its way to functions of the caller's. */
interface Delivery {
  /** Whether all has come, and they have returned. */
  readonly complete: boolean
  /** Resolves once all has come. */
  readonly allRead: Promise<void>
  /** Resolves once it is complete. */
  readonly whole: Promise<void>
  /** Of the calls that have not returned, the oldest. */
  readonly pending: PendingCall | undefined
  /** Waits for this one no longer, and calls no more. */
  giveUp(call: PendingCall): void
}

/**
 * Ends a child before its time: at its `timeout`, when its `signal` aborts, or when
 * its output overflows; with SIGKILL after `killGrace`.
 */
export class Termination extends TerminationRules {
  #launch: Launch | undefined
  readonly #timeout: number | undefined
  readonly #signal: Abortable | undefined
  readonly #timers: Timer[] = []
  #unlisten: (() => void) | undefined
  /** When the child was to end, by the clock of now(). */
  #cutAt = Number.POSITIVE_INFINITY
  /** Called when the child is to end, though it has already. */
  #cut: (() => void) | undefined

  /** Before the launch: a signal that cannot be listened to throws here, and nothing has been created. */
  constructor(settings: Settings) {
    super(settings)
    const { timeout, signal } = settings
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

  protected get pid(): number {
    return this.#launch?.pid ?? 0
  }

  protected get over(): boolean {
    return this.#launch?.ended ?? false
  }

  protected signal(signal: number): number {
    return this.#launch?.signal(signal) ?? -ESRCH
  }

  protected hold(): HeldGroup | undefined {
    return this.#launch?.holdGroup()
  }

  protected stopOutput(): void {
    this.#launch?.stopOutput()
  }

  /** Sends killSignal now, and SIGKILL after killGrace; nothing if there is no child to end. */
  override terminate(reason: TerminationReason): void {
    if (!this.#launch) return
    super.terminate(reason)
    this.#cutAt = Math.min(this.#cutAt, now())
    this.#cut?.()
    if (this.killGrace !== false) this.#timer(this.killGrace, () => this.kill())
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
   * The child has ended: waits for its output, and for the functions that are called with it. A
   * call that does not return within `grace` milliseconds is given up, unless that is undefined;
   * and if the child was to end, all are after killGrace.
   */
  async patiently(outputs: Delivery, grace: number | undefined): Promise<void> {
    const end = now()
    await outputs.allRead
    if (outputs.complete) return
    const core = getCore()
    // Only a timer may be left to go on with.
    const isBounded = grace !== undefined || this.cutsOutput || this.#timeout !== undefined
    if (isBounded) core.ref()
    try {
      await new Promise<void>((resolve) => {
        outputs.whole.then(resolve)
        const look = () => {
          const { pending } = outputs
          const since = Math.max(end, pending?.since ?? now())
          const due = this.cutsOutput
            ? Math.max(end, this.#cutAt) + this.patience
            : Number.POSITIVE_INFINITY
          const left = Math.min(due, since + (grace ?? Number.POSITIVE_INFINITY)) - now()
          if (left === Number.POSITIVE_INFINITY) return
          // One that is to be called in a moment is not pending yet.
          if (left > 0 || !pending) this.#timer(Math.max(left, 1), look)
          else {
            outputs.giveUp(pending)
            resolve()
          }
        }
        this.#cut = look
        look()
      })
    } finally {
      if (isBounded) core.unref()
      this.#cut = undefined
    }
  }

  /** The child has ended: reads its output for this long, in milliseconds, and then stops. */
  drain(ms: number): void {
    if (ms === 0) this.stopOutput()
    else this.#timer(ms, () => this.stopOutput())
  }

  /** The child has ended: says in `exit` why. */
  ended(exit: Exit): void {
    exit.timedOut = this.timedOut
    exit.aborted = this.aborted
    this.#unlisten?.()
    if (this.group) this.groupEnded().then(() => this.disarm())
    else this.disarm()
  }

  /**
   * The child has ended. If its group was to end with it, resolves once that has ended as
   * well, or has got SIGKILL; otherwise at once.
   */
  async groupEnded(): Promise<void> {
    const { group } = this
    if (!group) return
    const core = getCore()
    core.ref()
    try {
      for (let ms = FIRST_LOOK; this.waitsForGroup(ms); ms = Math.min(ms * 2, LAST_LOOK)) {
        await delay(Math.min(ms, this.due - now()))
      }
    } finally {
      core.unref()
      group.close()
    }
  }

  /** Cancels the timers and the abort listener: the child has ended. */
  disarm(): void {
    this.#unlisten?.()
    for (const timer of this.#timers) timer.cancel()
    this.group?.close()
  }
}
