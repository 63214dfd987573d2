/** Holds what a start that comes later than its call needs from the time of the call. */
import { loadBinding } from '../binding/load.js'
import { getCore } from '../core/core.js'
import { templateHold } from '../executable/template-like.js'
import type { Step } from '../model/operations.js'
import { SpawnError } from '../model/spawn-error.js'
import { InputSource } from '../options/input.js'
import { NEW_CGROUP, type RunSettings, type Settings } from '../options/settings.js'
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
  readonly #command: { file: string; args: readonly string[] }
  #release: (() => void) | undefined

  constructor(asked: T) {
    const { binding } = getCore()
    this.#command = { file: asked.file, args: asked.args }
    const { stdio, cwd, cgroup } = asked
    const { input } = asked as Partial<RunSettings>
    const template = asked.template?.[templateHold]()
    // A batch holds one for all its commands.
    const place = asked.place || binding.place()
    this.#release = () => {
      template?.release()
      if (place !== asked.place) binding.dropPlace(place)
    }
    try {
      const taken = {
        ...asked,
        template: template ?? asked.template,
        place,
        stdio: stdio.map((plan, at) => (plan.kind === 'fd' ? this.#hold(plan, at) : plan)),
        cwd: typeof cwd === 'number' ? this.#copy(cwd, 'cwd') : cwd,
        cgroup: cgroup === undefined ? undefined : this.#holdCgroup(cgroup),
      }
      const bytes = input instanceof InputSource ? undefined : input
      const copy = bytes && bytes.length < COPY_BELOW
      this.settings = Object.freeze(copy ? { ...taken, input: Uint8Array.from(bytes) } : taken) as T
    } catch (error) {
      this.release()
      throw error
    }
  }

  /** Bytes that we read from a stream before the start would be missing in the child. */
  #hold({ fd, stream }: FdPlan, at: number): FdPlan {
    if (stream) stopReading(stream)
    return { kind: 'fd', fd: this.#copy(fd, `stdio[${at}]`) }
  }

  /** 0 to 2 are not worth a copy for each of many starts. */
  #copy(fd: number, step: Step): number {
    return fd <= 2 ? fd : this.#own(loadBinding().dupAbove(fd, 3), step, 'fcntl')
  }

  #holdCgroup(cgroup: string | number): string | number {
    // It is made with the child.
    if (cgroup === NEW_CGROUP) return cgroup
    if (typeof cgroup === 'number') return this.#copy(cgroup, 'clone')
    return this.#own(loadBinding().openFile(cgroup), 'clone', 'open', cgroup)
  }

  /**
   * Throws a SpawnError if there is no descriptor. The caller's own would not do:
   * by the time of the start its number may be that of another file.
   */
  #own(fd: number, step: Step, syscall: string, path?: string): number {
    if (fd < 0) throw new SpawnError({ errno: -fd, step, syscall, path, ...this.#command })
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
