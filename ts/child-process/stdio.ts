/** The child's descriptors, as libuv's uv_spawn() makes them of the same stdio. */
import type { Binding } from '../binding/addon.js'
import { EACCES, EINVAL, ENOENT } from '../model/errno.js'
import type { ChainFd } from '../model/operations.js'

/** The part that is used of Node's native pipe handle. */
export interface PipeHandle {
  open(fd: number): number
  readStart(): number
  readStop(): number
}

/** A pipe; a synchronous call's has no handle. */
export interface PipeEntry {
  type: 'pipe' | 'overlapped'
  handle?: PipeHandle
  ipc?: boolean
  /** Of a synchronous call: whether the child may read from it, and write to it. */
  readable?: boolean
  writable?: boolean
  input?: unknown
}

/** An entry of stdio, as Node's JavaScript hands it to its native code. */
export type StdioEntry =
  | { type: 'ignore' }
  | PipeEntry
  | { type: 'wrap'; handle: { fd: number } }
  | { type: 'fd' | 'inherit'; fd: number }

/** Entries of a type that only a later Node knows must go to that Node. */
export class UnknownEntry extends Error {}

/** A pipe's entry, and our end. */
interface MadePipe {
  entry: PipeEntry
  fd: number
}

export class ChildStdio {
  /** What the child gets. */
  readonly fds: ChainFd[] = []
  /** What the launch closes. */
  readonly childFds: number[] = []
  /** The working directory: its descriptor in the child, or its path. */
  cwdFd: number | undefined
  cwd: string | undefined
  readonly pipes: MadePipe[] = []
  readonly #binding: Binding
  readonly #inheritFds: boolean

  constructor(binding: Binding, inheritFds: boolean) {
    this.#binding = binding
    this.#inheritFds = inheritFds
  }

  /** 0 or -errno; then close() what there is. Throws an UnknownEntry. */
  make(stdio: readonly StdioEntry[]): number {
    // Sources are above all targets, so that no target overwrites one.
    const above = Math.max(stdio.length, 3)
    for (let newfd = 0; newfd < above; newfd++) {
      const ret = this.#make(stdio[newfd], newfd, above)
      if (ret < 0) return ret
    }
    return 0
  }

  #make(entry: StdioEntry | undefined, newfd: number, above: number): number {
    switch (entry?.type) {
      case undefined:
      case 'ignore':
        return newfd <= 2 ? this.#add(this.#binding.devNull(), newfd) : 0
      case 'pipe':
      case 'overlapped': {
        const pair = this.#binding.socketPair(above)
        if (typeof pair === 'number') return pair
        const [fd, child] = pair
        this.pipes.push({ entry, fd })
        this.childFds.push(child)
        return this.#add(child, newfd)
      }
      case 'wrap':
        return this.#copy(entry.handle.fd, newfd, above)
      case 'fd':
      case 'inherit':
        return this.#copy(entry.fd, newfd, above)
      default:
        throw new UnknownEntry()
    }
  }

  /**
   * Opens the directory now: where the errors are that spawn() throws, such as ENOTDIR.
   * Those that it emits come from the launch. 0 or -errno.
   */
  openCwd(cwd: unknown): number {
    if (typeof cwd !== 'string') return 0
    const fd = this.#binding.openDirectory(cwd)
    if (fd === -ENOENT || fd === -EACCES) {
      this.cwd = cwd
      return 0
    }
    if (fd < 0) return fd
    this.childFds.push(fd)
    this.cwdFd = fd
    if (this.#inheritFds) return 0
    const newfd = Math.max(2, ...this.fds.map(({ newfd }) => newfd)) + 1
    this.fds.push({ fd, newfd, cloexec: true })
    this.cwdFd = newfd
    return 0
  }

  #add(fd: number, newfd: number): number {
    if (fd >= 0) this.fds.push({ fd, newfd })
    return fd
  }

  /**
   * By the time of the launch the caller may have closed its own. 0 to 2 that keep
   * their number are used directly.
   */
  #copy(given: number, newfd: number, above: number): number {
    const fd = given | 0
    if (fd === -1) return -EINVAL
    // libuv takes other negative numbers for no descriptor.
    if (fd < 0) return this.#make(undefined, newfd, above)
    if (fd === newfd && fd <= 2) {
      const flags = this.#binding.fdFlags(fd)
      return flags < 0 ? flags : this.#add(fd, newfd)
    }
    const copy = this.#binding.dupAbove(fd, above)
    if (copy >= 0) this.childFds.push(copy)
    return this.#add(copy, newfd)
  }

  /** Once the launch has the child's ends: gives Node's handles ours. */
  openPipes(): void {
    for (const { entry, fd } of this.pipes) {
      if (entry.handle?.open(fd) !== 0) this.#binding.close(fd)
    }
  }

  /** If there is no launch. */
  close(): void {
    for (const fd of this.childFds) this.#binding.close(fd)
    for (const { fd } of this.pipes) this.#binding.close(fd)
  }
}
