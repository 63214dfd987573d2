/** What a start that comes later than its call needs of the process as it is at the call. */
import { openSync } from 'node:fs'
import { loadBinding } from '../binding/load.js'
import { getEnvironment } from '../environment.js'
import { templateHold } from '../options/template.js'
import type { RunSettings, Settings } from '../options/types.js'

/** From there on an input is read where it is, as it is by a start that does not wait. */
const COPY_BELOW = 64 * 1024

/**
 * Copies of descriptors, the place, the bytes of an input, a template. By then
 * the caller may have closed them, moved on, or written into them.
 */
export class Held<T extends Settings | RunSettings> {
  /** The same call, by what is held. */
  readonly settings: T
  readonly #fds: number[] = []
  #release: (() => void) | undefined

  constructor(asked: T) {
    const { binding } = getEnvironment()
    const { stdio, cwd, cgroup } = asked
    const { input } = asked as Partial<RunSettings>
    const template = asked.template?.[templateHold]()
    const place = binding.place()
    this.#release = () => {
      template?.release()
      binding.dropPlace(place)
    }
    const held = {
      ...asked,
      template: template ?? asked.template,
      place,
      stdio: stdio.map((plan) =>
        plan.kind === 'fd' ? { ...plan, fd: this.#copy(plan.fd) } : plan,
      ),
      cwd: typeof cwd === 'number' ? this.#copy(cwd) : cwd,
      cgroup: typeof cgroup === 'string' ? this.#open(cgroup) : cgroup && this.#copy(cgroup),
    }
    const copy = input && input.length < COPY_BELOW
    this.settings = Object.freeze(copy ? { ...held, input: Uint8Array.from(input) } : held) as T
  }

  /**
   * 0 to 2 stay what they are, and are not worth a copy for each of many
   * starts. One that is not open, or cannot be copied, is for the start itself
   * to say.
   */
  #copy(fd: number): number {
    if (fd <= 2) return fd
    const copy = loadBinding().dupAbove(fd, 3)
    if (copy < 0) return fd
    this.#fds.push(copy)
    return copy
  }

  #open(cgroup: string): string | number {
    try {
      const fd = openSync(cgroup, 'r')
      this.#fds.push(fd)
      return fd
    } catch {
      return cgroup
    }
  }

  /** The start has begun, with copies of its own, or will not. */
  release(): void {
    this.#release?.()
    this.#release = undefined
    for (const fd of this.#fds.splice(0)) loadBinding().close(fd)
  }
}
