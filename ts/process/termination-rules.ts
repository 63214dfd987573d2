/** By what rules a child is ended before its time, and what the caller learns of it. */
import { now } from '../core/runtime.js'
import { ESRCH } from '../model/errno.js'
import { killError, SIGKILL, SIGTERM } from '../model/signals.js'
import type { Settings } from '../options/settings.js'
import { type HeldGroup, hasLiving } from './group.js'

/** Milliseconds from `killSignal` to SIGKILL, unless `killGrace` says otherwise. */
export const KILL_GRACE = 5000

/** Milliseconds until a group is looked at again: at first, and at most. */
export const FIRST_LOOK = 2
export const LAST_LOOK = 500
/** Longer looks also find out whether only zombies are left. */
const CLOSE_LOOK = 30

/** Why a child is ended; `callback`: a function or an input of the caller's has thrown. */
export type TerminationReason = 'timeout' | 'abort' | 'maxBuffer' | 'callback'

type Rules = Pick<Settings, 'killSignal' | 'killGrace' | 'killTarget'>

/**
 * Ends a child with killSignal, and with SIGKILL after killGrace; with `killTarget: 'group'` all of
 * its group. Times are by the clock of now(); who derives from this has them kept.
 */
export abstract class TerminationRules {
  timedOut = false
  aborted = false
  /** Why the child could not be signalled; it keeps running, and its output is still read. */
  failed: NodeJS.ErrnoException | undefined
  /** Why the child was to end; undefined as long as it was not. */
  reason: TerminationReason | undefined
  protected readonly killGrace: number | false
  protected readonly ofGroup: boolean
  /** The group that is to end. */
  protected group: HeldGroup | undefined
  /** When SIGKILL is due. */
  protected due = Number.POSITIVE_INFINITY
  readonly #killSignal: number
  #killed = false

  constructor({ killSignal = SIGTERM, killGrace = KILL_GRACE, killTarget }: Rules) {
    this.#killSignal = killSignal
    this.killGrace = killGrace
    this.ofGroup = killTarget === 'group'
  }

  /** The child's; 0 as long as it has none. */
  protected abstract get pid(): number
  /** Whether the child has ended. */
  protected abstract get over(): boolean
  /** Signals the child, or its group: 0 or -errno, -ESRCH if that has ended. */
  protected abstract signal(signal: number): number
  /** The child's group, to be signalled after its end; undefined if it is too late or too early for that. */
  protected abstract hold(): HeldGroup | undefined
  /** Reads no more output: what holds it open is not to be waited for. */
  protected abstract stopOutput(): void

  /** Sends killSignal now. SIGKILL is due after killGrace. */
  terminate(reason: TerminationReason): void {
    this.reason ??= reason
    if (this.ofGroup) this.group ??= this.hold()
    const errno = -this.signal(this.#killSignal)
    // The child has ended, but a grandchild holds its output open.
    if (errno === ESRCH) this.stopOutput()
    else if (errno !== 0) this.failed = killError('cannot end the child', errno)
    if (this.killGrace !== false) this.due = Math.min(this.due, now() + this.killGrace)
  }

  /** SIGKILL is due. */
  protected kill(): void {
    this.#killed = true
    // A member of the group may have outlived the child, and hold its output open.
    if (this.signal(SIGKILL) === 0 && this.over) this.stopOutput()
  }

  /**
   * The child has ended: whether its group has members that still have time. Those that have none
   * left get SIGKILL. `ms`: how long it waits until it asks again.
   */
  protected waitsForGroup(ms: number): boolean {
    const { group, pid } = this
    if (!group || this.#killed || this.killGrace === false || !group.hasMembers(pid)) return false
    if (ms > CLOSE_LOOK && !hasLiving(pid)) return false
    if (now() < this.due) return true
    group.signal(pid, SIGKILL)
    return false
  }

  /** For how many milliseconds functions of the caller's are waited for, once the child was to end. */
  get patience(): number {
    return this.killGrace === false ? KILL_GRACE : this.killGrace
  }

  /** Whether to stop reading output as soon as the child has ended. */
  get cutsOutput(): boolean {
    return this.reason !== undefined && this.failed === undefined
  }
}
