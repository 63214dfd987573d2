import { type Abortable, whenAborted } from '../core/abort.js'
import { later, type Timer } from '../core/runtime.js'
import { AbortError } from '../model/abort-error.js'
import { ECANCELED, ESRCH } from '../model/errno.js'
import { killError, SIGKILL, SIGTERM } from '../model/signals.js'
import { lateError, SpawnError } from '../model/spawn-error.js'
import type { Settings } from '../options/settings.js'
import type { Launch } from './launch.js'

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
  readonly #killGrace: number | undefined
  readonly #timeout: number | undefined
  readonly #signal: Abortable | undefined
  readonly #timers: Timer[] = []
  #unlisten: () => void = () => {}
  /** Whether terminate() was called, for whichever reason. */
  #begun = false

  /** Before the launch: a signal that cannot be listened to throws here, and nothing has been created. */
  constructor({ timeout, signal, killSignal = SIGTERM, killGrace }: Settings) {
    this.#killSignal = killSignal
    this.#killGrace = killGrace
    this.#timeout = timeout
    this.#signal = signal
    if (signal) {
      this.#unlisten = whenAborted(signal, () => {
        this.aborted = true
        this.terminate()
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
    if (this.aborted) this.terminate()
    if (this.#timeout) {
      this.#timer(this.#timeout, () => {
        this.timedOut = true
        this.terminate()
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
  terminate(): void {
    const launch = this.#launch
    if (!launch) return
    this.#begun = true
    const errno = -launch.signal(this.#killSignal)
    // The child has ended, but a grandchild holds its output open.
    if (errno === ESRCH) launch.stopOutput()
    else if (errno !== 0) this.failed = killError('cannot end the child', errno)
    if (this.#killGrace !== undefined) {
      this.#timer(this.#killGrace, () => launch.signal(SIGKILL))
    }
  }

  /** Whether to stop reading output as soon as the child has ended. */
  get cutsOutput(): boolean {
    return this.#begun && this.failed === undefined
  }

  /** The error that the caller gets if the launch failed with `error`. */
  errorFor(error: unknown): unknown {
    const { aborted } = this
    if (aborted && this.#signal) return new AbortError(this.#signal)
    if (!this.timedOut || !(error instanceof SpawnError) || error.errno !== -ECANCELED) return error
    return lateError(error)
  }

  /** Cancels the timers and the abort listener: the child has ended. */
  disarm(): void {
    this.#unlisten()
    for (const timer of this.#timers) timer.cancel()
  }
}
