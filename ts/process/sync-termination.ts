/** Ends a program of runSync() before its time, and says when its output is over. */
import { Answer, type Decide, News, type NewsNumber } from '../binding/addon.js'
import { loadBinding } from '../binding/load.js'
import { getCore } from '../core/core.js'
import { now } from '../core/runtime.js'
import { EAGAIN, ECANCELED, ESRCH } from '../model/errno.js'
import { lateError, type SpawnError } from '../model/spawn-error.js'
import type { RunSettings } from '../options/settings.js'
import { HeldGroup } from './group.js'
import { FIRST_LOOK, LAST_LOOK, TerminationRules } from './termination-rules.js'

/** Milliseconds until a signal is sent again to a child that is still being made. */
const RETRY = 2

const NEVER = Number.POSITIVE_INFINITY

/**
 * There are no timers while the call blocks: native code asks when something is due, and hears
 * of it then.
 */
export class SyncTermination extends TerminationRules {
  readonly #settings: RunSettings
  /** What is due when. */
  #timeout: number
  #drained = NEVER
  #look = NEVER
  #lookAfter = FIRST_LOOK
  /** A signal for a child that was still being made, and when to try again. */
  #again = 0
  #retry = NEVER
  #id = 0
  #pid = 0
  #over = false
  #stop = false
  /** Called once the child has ended, and its group if that was to. */
  readonly #ended: () => void
  #told = false

  constructor(settings: RunSettings, begin: number, ended: () => void) {
    super(settings)
    this.#settings = settings
    this.#timeout = settings.timeout ? begin + settings.timeout : NEVER
    this.#ended = ended
  }

  /** Milliseconds until something is due, or Answer.never. */
  get wait(): number {
    const times = [this.#timeout, this.due, this.#drained, this.#look, this.#retry]
    const next = Math.min(...times)
    return next === NEVER ? Answer.never : Math.max(0, Math.ceil(next - now()))
  }

  readonly decide: Decide = (news, id, pid) => {
    this.#id = id
    this.#pid = pid
    this.#handle(news)
    if (this.#stop) return Answer.stop
    // Nothing is left but perhaps members of the group.
    if (news === News.all && this.group === undefined) return Answer.never
    return this.wait
  }

  #handle(news: NewsNumber): void {
    const time = now()
    if (news === News.much && this.#settings.overflow === 'kill') this.terminate('maxBuffer')
    if (time >= this.#timeout) {
      this.#timeout = NEVER
      this.timedOut = true
      this.terminate('timeout')
    }
    if (time >= this.#retry) {
      this.#retry = NEVER
      this.signal(this.#again)
    }
    if (time >= this.due) {
      this.due = NEVER
      this.kill()
    }
    if (time >= this.#drained) this.#stop = true
    if (news === News.over) {
      this.#over = true
      this.#look = this.group ? time : NEVER
    }
    if (this.#over && !this.#told && !this.#waits(time)) this.#afterEnd()
  }

  /** The child has ended, and its group if that was to end with it. */
  #afterEnd(): void {
    const { settle, drainGrace } = this.#settings
    this.#told = true
    this.#ended()
    // Once the child was to end, don't wait for grandchildren to close the pipe.
    if (this.cutsOutput || settle === 'exit' || drainGrace === 0) this.#stop = true
    else if (drainGrace !== undefined) this.#drained = now() + drainGrace
  }

  protected get pid(): number {
    return this.#pid
  }

  protected get over(): boolean {
    return this.#over
  }

  protected hold(): HeldGroup | undefined {
    const pidfd = this.#over ? -1 : getCore().binding.hold(this.#id)
    return pidfd < 0 ? undefined : new HeldGroup(pidfd)
  }

  protected stopOutput(): void {
    if (this.#pid > 0) this.#stop = true
  }

  /** One that is still being made cannot be signalled: then it is tried again. */
  protected signal(signal: number): number {
    const binding = loadBinding()
    let ret = -ESRCH
    if (!this.#over) {
      ret = this.ofGroup ? binding.killWithGroup(this.#id, signal) : binding.kill(this.#id, signal)
    }
    if (ret === -ESRCH && this.ofGroup && this.#pid > 0) {
      return binding.killGroup(this.#id, this.#pid, signal)
    }
    if (ret !== -EAGAIN) return ret
    this.#again = signal
    this.#retry = now() + RETRY
    return 0
  }

  /** Whether the group is waited for; sets when to look at it again. */
  #waits(time: number): boolean {
    if (!this.group) return false
    if (time < this.#look) return true
    if (this.waitsForGroup(this.#lookAfter)) {
      this.#look = Math.min(time + this.#lookAfter, this.due)
      this.#lookAfter = Math.min(this.#lookAfter * 2, LAST_LOOK)
      return true
    }
    this.#look = NEVER
    this.close()
    return false
  }

  /** Whether a start that has failed so was ended by `timeout`: then the error of that. */
  lateOr(error: SpawnError): SpawnError {
    return this.timedOut && error.errno === -ECANCELED ? lateError(error) : error
  }

  close(): void {
    this.group?.close()
    this.group = undefined
  }
}
