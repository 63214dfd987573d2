/** Ends a program of runSync() before its time, and says when its output is over. */
import { Answer, type Decide, News, type NewsNumber } from '../binding/addon.js'
import { loadBinding } from '../binding/load.js'
import { getCore } from '../core/core.js'
import { now } from '../core/runtime.js'
import { EAGAIN, ECANCELED, ESRCH } from '../model/errno.js'
import { killError, SIGKILL, SIGTERM } from '../model/signals.js'
import { lateError, type SpawnError } from '../model/spawn-error.js'
import type { RunSettings } from '../options/settings.js'
import { HeldGroup, hasLiving } from './group.js'
import {
  CLOSE_LOOK,
  FIRST_LOOK,
  KILL_GRACE,
  LAST_LOOK,
  type TerminationReason,
} from './termination.js'

/** Milliseconds until a signal is sent again to a child that is still being made. */
const RETRY = 2

const NEVER = Number.POSITIVE_INFINITY

/**
 * By the rules of Termination. There are no timers while the call blocks: native code asks
 * when something is due, and hears of it then. All times are by the clock of now().
 */
export class SyncTermination {
  timedOut = false
  readonly aborted = false
  /** Why the child could not be signalled; it keeps running, and its output is still read. */
  failed: NodeJS.ErrnoException | undefined
  /** Why the child was to end; undefined as long as it was not. */
  reason: TerminationReason | undefined
  readonly #settings: RunSettings
  readonly #ofGroup: boolean
  /** What is due when. */
  #timeout: number
  #kill = NEVER
  #drained = NEVER
  #look = NEVER
  #lookAfter = FIRST_LOOK
  /** A signal for a child that was still being made, and when to try again. */
  #again = 0
  #retry = NEVER
  #id = 0
  #pid = 0
  #over = false
  #killed = false
  #stop = false
  /** The group that is to end. */
  #group: HeldGroup | undefined
  /** Called once the child has ended, and its group if that was to. */
  readonly #ended: () => void
  #told = false

  constructor(settings: RunSettings, begin: number, ended: () => void) {
    this.#settings = settings
    this.#ofGroup = settings.killTarget === 'group'
    this.#timeout = settings.timeout ? begin + settings.timeout : NEVER
    this.#ended = ended
  }

  /** Milliseconds until something is due, or Answer.never. */
  get wait(): number {
    const times = [this.#timeout, this.#kill, this.#drained, this.#look, this.#retry]
    const next = Math.min(...times)
    return next === NEVER ? Answer.never : Math.max(0, Math.ceil(next - now()))
  }

  readonly decide: Decide = (news, id, pid) => {
    this.#id = id
    this.#pid = pid
    this.#handle(news)
    if (this.#stop) return Answer.stop
    // Nothing is left but perhaps members of the group.
    if (news === News.all && this.#group === undefined) return Answer.never
    return this.wait
  }

  #handle(news: NewsNumber): void {
    const time = now()
    if (news === News.much && this.#settings.overflow === 'kill') this.#terminate('maxBuffer')
    if (time >= this.#timeout) {
      this.#timeout = NEVER
      this.timedOut = true
      this.#terminate('timeout')
    }
    if (time >= this.#retry) {
      this.#retry = NEVER
      this.#signal(this.#again)
    }
    if (time >= this.#kill) this.#killNow()
    if (time >= this.#drained) this.#stop = true
    if (news === News.over) {
      this.#over = true
      this.#look = this.#group ? time : NEVER
    }
    if (this.#over && !this.#told && !this.#waitsForGroup(time)) this.#afterEnd()
  }

  /** The child has ended, and its group if that was to end with it. */
  #afterEnd(): void {
    const { settle, drainGrace } = this.#settings
    this.#told = true
    this.#ended()
    // Once the child was to end, don't wait for grandchildren to close the pipe.
    const cuts = this.reason !== undefined && this.failed === undefined
    if (cuts || settle === 'exit' || drainGrace === 0) this.#stop = true
    else if (drainGrace !== undefined) this.#drained = now() + drainGrace
  }

  #terminate(reason: TerminationReason): void {
    const { killSignal = SIGTERM, killGrace = KILL_GRACE } = this.#settings
    this.reason ??= reason
    if (this.#ofGroup && !this.#group && !this.#over) this.#group = this.#hold()
    const errno = -this.#signal(killSignal)
    // The child has ended, but a grandchild holds its output open.
    if (errno === ESRCH) this.#stop = this.#pid > 0
    else if (errno !== 0) this.failed = killError('cannot end the child', errno)
    if (killGrace !== false) this.#kill = Math.min(this.#kill, now() + killGrace)
  }

  #hold(): HeldGroup | undefined {
    const pidfd = getCore().binding.hold(this.#id)
    return pidfd < 0 ? undefined : new HeldGroup(pidfd)
  }

  #killNow(): void {
    this.#kill = NEVER
    this.#killed = true
    // A member of the group may have outlived the child, and hold its output open.
    if (this.#signal(SIGKILL) === 0 && this.#over) this.#stop = true
  }

  /** 0 or -errno, -ESRCH if it has ended. */
  #signal(signal: number): number {
    const binding = loadBinding()
    let ret = -ESRCH
    if (!this.#over) {
      ret = this.#ofGroup ? binding.killWithGroup(this.#id, signal) : binding.kill(this.#id, signal)
    }
    if (ret === -ESRCH && this.#ofGroup && this.#pid > 0) {
      return binding.killGroup(this.#id, this.#pid, signal)
    }
    if (ret !== -EAGAIN) return ret
    this.#again = signal
    this.#retry = now() + RETRY
    return 0
  }

  #waitsForGroup(time: number): boolean {
    const group = this.#group
    if (!group) return false
    if (time < this.#look) return true
    if (this.#goesOn(group, time)) {
      this.#look = Math.min(time + this.#lookAfter, this.#kill)
      this.#lookAfter = Math.min(this.#lookAfter * 2, LAST_LOOK)
      return true
    }
    this.#look = NEVER
    this.close()
    return false
  }

  /** Whether the group has members that still have time. */
  #goesOn(group: HeldGroup, time: number): boolean {
    if (this.#killed || this.#settings.killGrace === false) return false
    if (!group.hasMembers(this.#pid)) return false
    if (this.#lookAfter > CLOSE_LOOK && !hasLiving(this.#pid)) return false
    if (time < this.#kill) return true
    group.signal(this.#pid, SIGKILL)
    return false
  }

  /** Whether a start that has failed so was ended by `timeout`: then the error of that. */
  lateOr(error: SpawnError): SpawnError {
    return this.timedOut && error.errno === -ECANCELED ? lateError(error) : error
  }

  close(): void {
    this.#group?.close()
    this.#group = undefined
  }
}
