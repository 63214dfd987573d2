/** Opens what a child's stdio needs here, and knows who must close it. */
import { openSync } from 'node:fs'
import { loadBinding } from '../binding/load.js'
import type { Binding } from '../binding/types.js'
import { EACCES, ENOENT, ENXIO, SpawnError } from '../errors.js'
import type { StdioPlan } from '../options/stdio.js'
import type { ChildFile, ExecFd } from './assemble.js'
import { type ChainFd, pipeFd, type Step } from './ops.js'

/** The caller's side of a pipe that `stdio` asks for. */
export interface ParentPipe {
  /** The child's descriptor. */
  index: number
  /** This side's end; -1 where it is made with the child. */
  fd: number
  /** The child reads from it. */
  input: boolean
}

/** An open executable to be made available in the child. */
export interface ExecSource {
  fd: number
  keep: boolean
}

/** The errno, positive, of what node:fs threw. */
const errnoOf = (error: unknown): number => {
  const { errno } = error as NodeJS.ErrnoException
  if (errno === undefined) throw error
  return -errno
}

interface Command {
  file: string
  args: readonly string[]
}

export class Descriptors {
  readonly fds: ChainFd[] = []
  readonly files: ChildFile[] = []
  /** Ours; whoever takes them closes them. */
  readonly pipes: ParentPipe[] = []
  /** To be closed when the child has them. */
  readonly childFds: number[] = []
  cgroupFd: number | undefined
  /** The working directory, by its number in the child. */
  cwdFd: number | undefined
  execFd: ExecFd | undefined
  readonly #binding: Binding
  readonly #command: Command
  readonly #deferPipes: boolean

  constructor(binding: Binding, command: Command, deferPipes: boolean) {
    this.#deferPipes = deferPipes
    this.#binding = binding
    this.#command = command
  }

  #check(ret: number, step: Step, syscall: string): number {
    if (ret < 0) throw new SpawnError({ errno: -ret, step, syscall, ...this.#command })
    return ret
  }

  /**
   * Throws a SpawnError; close() is the caller's then too. With `deferPipes`
   * pipes are named by pipeFd() of their index, and made with the child.
   */
  open(plans: readonly StdioPlan[], inheritFds: boolean): void {
    plans.forEach((plan, index) => {
      this.#open(plan, index)
    })
    if (inheritFds) this.#untangle()
  }

  /**
   * A descriptor for the launch, which is on another thread and later: the
   * caller may close its own after the call. 0 to 2 stay what they are. Where
   * there is no room for a copy, the number has to do.
   */
  #copy(fd: number, step: Step): number {
    if (fd > 2) {
      const copy = this.#binding.dupAbove(fd, 3)
      if (copy >= 0) {
        this.childFds.push(copy)
        return copy
      }
    }
    this.#check(this.#binding.fdFlags(fd), step, 'fcntl')
    return fd
  }

  /** /dev/null, opened once for all children; close-on-exec. */
  #devNull(newfd: number): number {
    const fd = this.#binding.devNull()
    if (fd >= 0) return fd
    const lacking = fd === -ENOENT || fd === -EACCES || fd === -ENXIO
    throw new SpawnError({
      errno: -fd,
      step: `stdio[${newfd}]`,
      syscall: 'open',
      path: '/dev/null',
      hint: lacking
        ? "'ignore' needs /dev/null: mount devtmpfs at /dev, or give a descriptor instead"
        : undefined,
      ...this.#command,
    })
  }

  #open(plan: StdioPlan, newfd: number): void {
    switch (plan.kind) {
      case 'none':
        return
      case 'null':
        this.fds.push({ fd: this.#devNull(newfd), newfd, label: '/dev/null' })
        return
      case 'fd':
        this.fds.push({ fd: this.#copy(plan.fd, `stdio[${newfd}]`), newfd, label: String(plan.fd) })
        return
      case 'open':
        this.files.push({ newfd, path: plan.path, flags: plan.flags, mode: plan.mode })
        return
      case 'pipe': {
        if (this.#deferPipes) {
          this.fds.push({ fd: pipeFd(this.pipes.length), newfd, label: 'pipe' })
          this.pipes.push({ index: newfd, fd: -1, input: plan.input })
          return
        }
        const pair = this.#binding.pipe()
        if (typeof pair === 'number') {
          this.#check(pair, `stdio[${newfd}]`, 'pipe2')
          return
        }
        const [read, write] = pair
        const [child, parent] = plan.input ? [read, write] : [write, read]
        this.childFds.push(child)
        this.pipes.push({ index: newfd, fd: parent, input: plan.input })
        this.fds.push({ fd: child, newfd, label: 'pipe' })
      }
    }
  }

  /**
   * With a copy of the table, descriptors are put in place one after the
   * other: one that another's place would overwrite is moved above first.
   */
  #untangle(): void {
    const places = new Set(this.fds.map(({ newfd }) => newfd))
    const above = this.#above()
    for (const entry of this.fds) {
      if (entry.fd === entry.newfd || !places.has(entry.fd)) continue
      const moved = this.#binding.dupAbove(entry.fd, above)
      entry.fd = this.#check(moved, `stdio[${entry.newfd}]`, 'fcntl')
      this.childFds.push(entry.fd)
    }
  }

  /** A number that none of the child's own descriptors has, nor any above. */
  #above(): number {
    return Math.max(2, ...[...this.fds, ...this.files].map(({ newfd }) => newfd)) + 1
  }

  /** After open(): the directory is out of the way of what open() put in place. */
  openCwd(cwd: number, inheritFds: boolean): void {
    this.cwdFd = this.#pass(this.#copy(cwd, 'cwd'), inheritFds, 'cwd', true)
  }

  /** After open(): a copy for the launch, as a template may be closed, or opened anew, before that. */
  copyExec(fd: number): number {
    const copy = this.#check(this.#binding.dupAbove(fd, this.#above()), 'exec', 'fcntl')
    this.childFds.push(copy)
    return copy
  }

  /** After open(), as openCwd(). */
  openExec({ fd, keep }: ExecSource, inheritFds: boolean): void {
    const copy = this.copyExec(fd)
    this.execFd = { fd: inheritFds ? copy : this.#pass(copy, false, 'exec', !keep), keep }
  }

  /** Gives the child `fd`, above its own descriptors; returns its number there. */
  #pass(fd: number, inheritFds: boolean, step: 'cwd' | 'exec', cloexec: boolean): number {
    const above = this.#above()
    if (!inheritFds) {
      this.fds.push({ fd, newfd: above, cloexec, label: step })
      return above
    }
    const copy = this.#check(this.#binding.dupAbove(fd, above), step, 'fcntl')
    this.childFds.push(copy)
    return copy
  }

  openCgroup(cgroup: string | number): void {
    if (typeof cgroup === 'number') {
      // One that is not open is for clone3 to refuse.
      const open = this.#binding.fdFlags(cgroup) >= 0
      this.cgroupFd = open ? this.#copy(cgroup, 'clone') : cgroup
      return
    }
    try {
      this.cgroupFd = openSync(cgroup, 'r')
      this.childFds.push(this.cgroupFd)
    } catch (error) {
      throw new SpawnError({
        errno: errnoOf(error),
        step: 'clone',
        syscall: 'open',
        path: cgroup,
        ...this.#command,
      })
    }
  }

  /** For when nothing came of it. */
  close(): void {
    for (const fd of this.childFds) this.#binding.close(fd)
    closePipes(this.pipes)
  }
}

/** Of a launch that failed. */
export function closePipes(pipes: readonly ParentPipe[]): void {
  for (const { fd } of pipes) if (fd >= 0) loadBinding().close(fd)
}
