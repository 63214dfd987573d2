/** The process group of a child that is to end, for what lives on in it after the child. */
import { readdirSync, readFileSync } from 'node:fs'
import { loadBinding } from '../binding/load.js'

/** Holds the child's pidfd, so that the group can be signalled after the child's end. */
export class HeldGroup {
  /** Ours to close; -1 once it is. */
  #pidfd: number

  constructor(pidfd: number) {
    this.#pidfd = pidfd
  }

  /** Signals what is left of the group of the child `pid`: 0 or -errno, -ESRCH if it is empty. */
  signal(pid: number, signal: number): number {
    return loadBinding().killHeld(this.#pidfd, pid, signal)
  }

  /** Whether it has a member. */
  hasMembers(pid: number): boolean {
    return this.signal(pid, 0) === 0
  }

  close(): void {
    if (this.#pidfd >= 0) loadBinding().close(this.#pidfd)
    this.#pidfd = -1
  }
}

/** Of /proc/PID/stat, after the name, which may contain anything: the state and the group. */
const stat = /^.*\) (\S) \d+ (\d+) /s

function isAlive(process: string, group: number): boolean {
  try {
    const [, state, its] = stat.exec(readFileSync(`/proc/${process}/stat`, 'latin1')) ?? []
    return Number(its) === group && state !== 'Z' && state !== 'X'
  } catch {
    return false // It has ended.
  }
}

/**
 * Whether a member of the group is not a zombie. An orphan whose new parent never reaps
 * it, as a program that is PID 1 of a container may not, stays in its group for ever.
 */
export function hasLiving(group: number): boolean {
  try {
    return readdirSync('/proc').some((name) => /^\d+$/.test(name) && isAlive(name, group))
  } catch {
    return true
  }
}
