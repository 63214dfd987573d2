/** Holds what a start that comes later than its call needs from the time of the call. */
import { loadBinding } from '../binding/load.js'
import { getCore } from '../core/core.js'
import { templateHold } from '../executable/template-like.js'
import type { RunSettings, Settings } from '../options/settings.js'
import type { StdioPlan } from '../options/stdio.js'
import { stopReading } from './stream.js'

type FdPlan = Extract<StdioPlan, { kind: 'fd' }>

/** Larger inputs are read in place, as they are by a start that does not wait. */
const COPY_BELOW = 64 * 1024

/**
 * Copies descriptors, the place, the bytes of an input and a template: by the time
 * of the start the caller may have closed them, changed directory, or overwritten
 * the bytes.
 */
export class Snapshot<T extends Settings | RunSettings> {
  /** The same call, with copies. */
  readonly settings: T
  readonly #fds: number[] = []
  #release: (() => void) | undefined

  constructor(asked: T) {
    const { binding } = getCore()
    const { stdio, cwd, cgroup } = asked
    const { input } = asked as Partial<RunSettings>
    const template = asked.template?.[templateHold]()
    // A batch holds one for all its commands.
    const place = asked.place || binding.place()
    this.#release = () => {
      template?.release()
      if (place !== asked.place) binding.dropPlace(place)
    }
    const taken = {
      ...asked,
      template: template ?? asked.template,
      place,
      stdio: stdio.map((plan) => (plan.kind === 'fd' ? this.#hold(plan) : plan)),
      cwd: typeof cwd === 'number' ? this.#copy(cwd) : cwd,
      cgroup: typeof cgroup === 'string' ? this.#open(cgroup) : cgroup && this.#copy(cgroup),
    }
    const copy = input && input.length < COPY_BELOW
    this.settings = Object.freeze(copy ? { ...taken, input: Uint8Array.from(input) } : taken) as T
  }

  /** Bytes that we read from a stream before the start would be missing in the child. */
  #hold({ fd, stream }: FdPlan): FdPlan {
    if (stream) stopReading(stream)
    return { kind: 'fd', fd: this.#copy(fd) }
  }

  /**
   * 0 to 2 are not worth a copy for each of many starts. If one is not open or
   * cannot be copied, the start itself reports that.
   */
  #copy(fd: number): number {
    if (fd <= 2) return fd
    const copy = loadBinding().dupAbove(fd, 3)
    if (copy < 0) return fd
    this.#fds.push(copy)
    return copy
  }

  #open(cgroup: string): string | number {
    const fd = loadBinding().openFile(cgroup)
    if (fd < 0) return cgroup
    this.#fds.push(fd)
    return fd
  }

  /** The start has begun, with copies of its own, or never will. */
  release(): void {
    this.#release?.()
    this.#release = undefined
    for (const fd of this.#fds.splice(0)) loadBinding().close(fd)
  }
}
