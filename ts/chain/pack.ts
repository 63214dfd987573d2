/** A chain as the C core reads it: uring-native/core/chain.h has the layout. */
import type { Chain, ChainOp, TaskSetOp } from './ops.js'

const MAGIC = 0x31435355
const HEADER = 16
const OP = 40

/** The numbers of the operations in the packed form. */
export const opcodes: Record<ChainOp['op'], number> = {
  clone: 0,
  openat: 1,
  dup: 2,
  fchdir: 3,
  close_range: 4,
  task_set: 5,
  exec: 6,
}

const attributes: Record<TaskSetOp['attr'], number> = {
  sigmask: 0,
  sigdefault: 1,
  setsid: 2,
  setpgid: 3,
  uid: 4,
  gid: 5,
  groups: 6,
  umask: 7,
  nice: 8,
  rlimit: 9,
  pdeathsig: 10,
  no_new_privs: 11,
}

const CLONE_FDS = 1
const CLONE_FD_CLOEXEC = 2
const CLONE_INTO_CGROUP_HIGH = 2

/** Longer strings are better left to native code. */
const SHORT = 96

/** A vector as it stands in a block: where its strings begin, after it, and their bytes. */
interface PackedVector {
  offsets: readonly number[]
  bytes: Uint8Array
}

class Packer {
  #buffer = Buffer.from(new ArrayBuffer(16 * 1024))
  #words = new Uint32Array(this.#buffer.buffer)
  #size = 0
  /** Vectors by identity: execs over a search path share theirs. */
  #vectors = new Map<readonly string[], number>()
  /** Those that cannot change: the program's own environment. */
  #frozen = new WeakMap<readonly string[], PackedVector>()

  pack(chain: Chain): Uint8Array {
    this.#size = 0
    this.#vectors.clear()
    this.#room(HEADER + chain.length * OP)
    chain.forEach((op, index) => {
      this.#op(op, HEADER + index * OP)
    })
    // Every string within the block ends within it.
    this.#room(1)
    const words = this.#words
    words[0] = MAGIC
    words[1] = this.#size
    words[2] = chain.length
    return this.#buffer.subarray(0, this.#size)
  }

  #reserve(end: number): void {
    if (end <= this.#buffer.length) return
    // A buffer of its own, which begins at 0.
    const grown = Buffer.from(new ArrayBuffer(Math.max(end, this.#buffer.length * 2)))
    this.#buffer.copy(grown, 0, 0, this.#size)
    this.#buffer = grown
    this.#words = new Uint32Array(grown.buffer, 0, grown.length >> 2)
  }

  /** Zeroed room for `size` bytes; returns where. */
  #room(size: number, align = 1): number {
    const at = Math.ceil(this.#size / align) * align
    this.#reserve(at + size)
    this.#buffer.fill(0, this.#size, at + size)
    this.#size = at + size
    return at
  }

  #string(value: string): number {
    const at = this.#size
    const { length } = value
    this.#reserve(at + length * 3 + 1)
    const buffer = this.#buffer
    let end = at
    if (length <= SHORT) {
      for (; end - at < length; end++) {
        const code = value.charCodeAt(end - at)
        if (code > 0x7f) break
        buffer[end] = code
      }
    }
    if (end - at < length) end = at + buffer.write(value, at)
    buffer[end] = 0
    this.#size = end + 1
    return at
  }

  #vector(values: readonly string[]): number {
    const known = this.#vectors.get(values)
    if (known !== undefined) return known
    const at = this.#room((values.length + 1) * 8, 8)
    const frozen = this.#frozen.get(values)
    if (frozen) {
      this.#copy(at, frozen)
    } else {
      const begin = this.#size
      const offsets = values.map((value) => this.#string(value) - begin)
      this.#point(at, begin, offsets)
      if (Object.isFrozen(values)) {
        const bytes = Uint8Array.from(this.#buffer.subarray(begin, this.#size))
        this.#frozen.set(values, { offsets, bytes })
      }
    }
    this.#vectors.set(values, at)
    return at
  }

  #copy(at: number, { offsets, bytes }: PackedVector): void {
    const begin = this.#size
    this.#reserve(begin + bytes.length)
    this.#buffer.set(bytes, begin)
    this.#size = begin + bytes.length
    this.#point(at, begin, offsets)
  }

  /** Fills the vector at `at` with what is `offsets` after `begin`. */
  #point(at: number, begin: number, offsets: readonly number[]): void {
    const words = this.#words
    const first = at >> 2
    for (let index = 0; index < offsets.length; index++) {
      words[first + index * 2] = begin + (offsets[index] as number)
    }
  }

  #u64(...values: bigint[]): number {
    const at = this.#room(values.length * 8, 8)
    values.forEach((value, index) => {
      this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), at + index * 8)
    })
    return at
  }

  #fields(at: number, fd: number, len = 0, flags = 0, addr = 0, addr2 = 0, addr3 = 0): void {
    const words = this.#words
    const first = at >> 2
    words[first + 1] = fd
    words[first + 2] = len
    words[first + 3] = flags
    words[first + 4] = addr
    words[first + 6] = addr2
    words[first + 8] = addr3
  }

  #op(op: ChainOp, at: number): void {
    switch (op.op) {
      case 'clone': {
        const fds = op.fds ?? []
        const list = fds.length > 0 ? this.#room(fds.length * 16, 8) : 0
        fds.forEach(({ fd, newfd, cloexec }, index) => {
          this.#buffer.writeInt32LE(fd, list + index * 16)
          this.#buffer.writeInt32LE(newfd, list + index * 16 + 4)
          this.#buffer.writeUInt32LE(cloexec ? CLONE_FD_CLOEXEC : 0, list + index * 16 + 8)
        })
        this.#fields(at, op.cgroup ?? -1, fds.length, op.fds ? CLONE_FDS : 0, list, op.flags)
        if (op.cgroup !== undefined) {
          this.#buffer.writeUInt32LE(CLONE_INTO_CGROUP_HIGH, at + 28)
        }
        break
      }
      case 'openat': {
        const path = this.#string(op.path)
        this.#fields(at, op.dirfd, op.mode, op.flags, path)
        break
      }
      case 'dup':
        this.#fields(at, op.fd, op.newfd, op.flags)
        break
      case 'fchdir':
        this.#fields(at, op.fd)
        break
      case 'close_range':
        this.#fields(at, op.first, op.last, op.flags)
        break
      case 'task_set':
        this.#taskSet(op, at)
        break
      case 'exec': {
        const path = this.#string(op.path)
        const argv = this.#vector(op.argv)
        const envp = this.#vector(op.envp)
        const template = op.template === undefined ? 0 : op.template + 1
        this.#fields(at, op.dirfd, template, op.flags, path, argv, envp)
        break
      }
    }
    this.#buffer[at] = opcodes[op.op]
    this.#buffer[at + 1] = op.hardlink ? 1 : 0
  }

  #taskSet(op: TaskSetOp, at: number): void {
    const attr = attributes[op.attr]
    switch (op.attr) {
      case 'sigmask':
      case 'sigdefault':
        this.#fields(at, 0, attr, 0, this.#u64(op.set), 8)
        break
      case 'setsid':
        this.#fields(at, 0, attr)
        break
      case 'groups': {
        const list = op.groups.length > 0 ? this.#room(op.groups.length * 4, 4) : 0
        op.groups.forEach((gid, index) => {
          this.#buffer.writeUInt32LE(gid, list + index * 4)
        })
        this.#fields(at, 0, attr, 0, list, op.groups.length)
        break
      }
      case 'rlimit':
        this.#fields(at, 0, attr, 0, this.#u64(op.soft, op.hard), op.resource)
        break
      default:
        this.#fields(at, 0, attr)
        this.#buffer.writeBigInt64LE(BigInt(op.value), at + 16)
    }
  }
}

const packer = new Packer()

/** The packed form of `chain`, valid until the next call. */
export function pack(chain: Chain): Uint8Array {
  return packer.pack(chain)
}
