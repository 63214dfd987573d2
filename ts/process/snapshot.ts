/** Holds what a start that comes later than its call needs from the time of the call. */
import { loadBinding } from '../binding/load.js'
import { getCore } from '../core/core.js'
import { type HeldTemplate, templateHold } from '../executable/template-like.js'
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
  /** The same call, with copies of what it can lose until then. */
  readonly settings: T
  /** Where the child starts: a handle of Binding.place(), until release(). */
  readonly place: number
  readonly #asked: T
  readonly #ownPlace: number
  readonly #template: HeldTemplate | undefined
  #fds: number[] | undefined
  #released = false

  /** `place`: where the child starts; 0: where the process is now. */
  constructor(asked: T, place: number) {
    this.#asked = asked
    this.#template = asked.template?.[templateHold]()
    this.#ownPlace = place === 0 ? getCore().binding.place() : 0
    this.place = place || this.#ownPlace
    try {
      this.settings = this.#losesNothing() ? asked : this.#copyOf(asked)
    } catch (error) {
      this.release()
      throw error
    }
  }

  /** Most calls: a burst of a thousand would notice a copy of each. */
  #losesNothing(): boolean {
    const { template, stdio, cwd, cgroup, input } = this.#asked as RunSettings
    if (template || typeof cwd === 'number' || cgroup !== undefined) return false
    return input === undefined && stdio.every((plan) => plan.kind !== 'fd')
  }

  #copyOf(asked: T): T {
    const { stdio, cwd, cgroup } = asked
    const { input } = asked as Partial<RunSettings>
    const taken = {
      ...asked,
      template: this.#template,
      stdio: stdio.map((plan, at) => (plan.kind === 'fd' ? this.#hold(plan, at) : plan)),
      cwd: typeof cwd === 'number' ? this.#copy(cwd, 'cwd') : cwd,
      cgroup: cgroup === undefined ? undefined : this.#holdCgroup(cgroup),
    }
    const bytes = input instanceof InputSource ? undefined : input
    const copy = bytes && bytes.length < COPY_BELOW
    return Object.freeze(copy ? { ...taken, input: Uint8Array.from(bytes) } : taken) as T
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
    const { file, args } = this.#asked
    if (fd < 0) throw new SpawnError({ errno: -fd, step, syscall, path, file, args })
    this.#fds ??= []
    this.#fds.push(fd)
    return fd
  }

  /** The start has begun, with copies of its own, or never will. */
  release(): void {
    if (this.#released) return
    this.#released = true
    this.#template?.release()
    if (this.#ownPlace !== 0) getCore().binding.dropPlace(this.#ownPlace)
    for (const fd of this.#fds ?? []) loadBinding().close(fd)
  }
}
