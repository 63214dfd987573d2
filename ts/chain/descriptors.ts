/** Opens what a child's stdio needs in this process, and tracks what still has to be closed. */
import { constants } from 'node:fs'
import type { Binding } from '../binding/addon.js'
import { loadBinding } from '../binding/load.js'
import { EACCES, ENOENT, ENXIO } from '../model/errno.js'
import { type ChainFd, pipeFd, type Step } from '../model/operations.js'
import { SpawnError } from '../model/spawn-error.js'
import type { StdioPlan } from '../options/stdio.js'
import type { ChildFile, ExecFd } from './assemble.js'

const { O_RDWR } = constants

/** The caller's end of a pipe in `stdio`. */
export interface ParentPipe {
  /** The child's descriptor. */
  index: number
  /** Our end; -1 if the launch makes it, or once it is closed or taken over. */
  fd: number
  /** The child reads from it. */
  input: boolean
  /** It also writes to it: a socket. */
  both?: boolean
  /** It is a pseudo-terminal, whose other side the child opens. */
  terminal?: boolean
}

/** An open executable that the child needs. */
export interface ExecSource {
  fd: number
  keep: boolean
}

interface Command {
  file: string
  args: readonly string[]
}

export class Descriptors {
  readonly fds: ChainFd[] = []
  readonly files: ChildFile[] = []
  /** Our ends; the caller closes them. */
  readonly pipes: ParentPipe[] = []
  /** To be closed once the child has them. */
  readonly childFds: number[] = []
  cgroupFd: number | undefined
  /** The child's descriptor of its working directory. */
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
   * Throws a SpawnError; the caller must call close() even then. With `deferPipes`,
   * pipes have the numbers of pipeFd() and are made with the child.
   */
  open(plans: readonly StdioPlan[], inheritFds: boolean): void {
    plans.forEach((plan, index) => {
      this.#open(plan, index)
    })
    if (inheritFds) this.#untangle()
  }

  /**
   * A descriptor for the launch, which happens later and on another thread: by then
   * the caller may have closed its own, and its number may be that of another file.
   * 0 to 2 are used directly.
   */
  #copy(fd: number, step: Step): number {
    if (fd <= 2) {
      this.#check(this.#binding.fdFlags(fd), step, 'fcntl')
      return fd
    }
    const copy = this.#check(this.#binding.dupAbove(fd, 3), step, 'fcntl')
    this.childFds.push(copy)
    return copy
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
      case 'tty':
        return
      case 'pty':
        this.#openTerminal(plan, newfd)
        return
      case 'same': {
        const first = this.fds.find(({ newfd }) => newfd === plan.index) as ChainFd
        this.fds.push({ ...first, newfd })
        return
      }
      case 'open':
        this.files.push({ newfd, path: plan.path, flags: plan.flags, mode: plan.mode })
        return
      case 'pipe': {
        if (this.#deferPipes) {
          this.fds.push({ fd: pipeFd(this.pipes.length), newfd, label: 'pipe' })
          this.pipes.push({ index: newfd, fd: -1, input: plan.input, both: plan.both })
          return
        }
        const pair = plan.both ? this.#binding.socketPair(0) : this.#binding.pipe()
        if (typeof pair === 'number') {
          this.#check(pair, `stdio[${newfd}]`, plan.both ? 'socketpair' : 'pipe2')
          return
        }
        const [read, write] = pair
        const [child, parent] = plan.input && !plan.both ? [read, write] : [write, read]
        this.childFds.push(child)
        this.pipes.push({ index: newfd, fd: parent, input: plan.input, both: plan.both })
        this.fds.push({ fd: child, newfd, label: 'pipe' })
      }
    }
  }

  /** The child opens its side three times; the first open makes it the session's terminal. */
  #openTerminal({ columns, rows }: { columns: number; rows: number }, newfd: number): void {
    const pty = this.#binding.openPty(columns, rows)
    if (typeof pty === 'number') {
      this.#check(pty, `stdio[${newfd}]`, 'open')
      return
    }
    const [fd, path] = pty
    this.pipes.push({ index: newfd, fd, input: false, terminal: true })
    for (const newfd of [0, 1, 2]) this.files.push({ newfd, path, flags: O_RDWR, mode: 0 })
  }

  /**
   * A child that inherits all descriptors puts its own in place one by one. With
   * `stdio: [1, 0]`, 0 would be overwritten before it is copied to 1, so such a
   * source is first copied above all targets.
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

  /** The first number above the child's own descriptors. */
  #above(): number {
    return Math.max(2, ...[...this.fds, ...this.files].map(({ newfd }) => newfd)) + 1
  }

  /** Call after open(): keeps the directory above the child's own descriptors. */
  openCwd(cwd: number, inheritFds: boolean): void {
    this.cwdFd = this.#pass(this.#copy(cwd, 'cwd'), inheritFds, 'cwd', true)
  }

  /** Call after open(): copies `fd` for the launch, because a template may be closed or reopened before it. */
  copyExec(fd: number): number {
    const copy = this.#check(this.#binding.dupAbove(fd, this.#above()), 'exec', 'fcntl')
    this.childFds.push(copy)
    return copy
  }

  /** Call after open(), as openCwd(). */
  openExec({ fd, keep }: ExecSource, inheritFds: boolean): void {
    const copy = this.copyExec(fd)
    this.execFd = { fd: inheritFds ? copy : this.#pass(copy, false, 'exec', !keep), keep }
  }

  /** Passes `fd` to the child, above its own descriptors; returns its number there. */
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
      // If it is not open, clone3 fails with the right error.
      const open = this.#binding.fdFlags(cgroup) >= 0
      this.cgroupFd = open ? this.#copy(cgroup, 'clone') : cgroup
      return
    }
    const fd = this.#binding.openFile(cgroup)
    if (fd < 0) {
      throw new SpawnError({
        errno: -fd,
        step: 'clone',
        syscall: 'open',
        path: cgroup,
        ...this.#command,
      })
    }
    this.childFds.push(fd)
    this.cgroupFd = fd
  }

  /** Closes everything, if the launch did not begin. */
  close(): void {
    for (const fd of this.childFds.splice(0)) this.#binding.close(fd)
    closePipes(this.pipes)
  }
}

/** Closes, once, those that have not been taken over. */
export function closePipes(pipes: readonly ParentPipe[]): void {
  for (const pipe of pipes) {
    if (pipe.fd >= 0) loadBinding().close(pipe.fd)
    pipe.fd = -1
  }
}
