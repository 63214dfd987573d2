/** A chain as the C core reads it: uring-native/core/chain.h has the layout. */
import { Buffer } from 'node:buffer'
import type { PackedChain } from '../binding/addon.js'
import type { Chain, ChainFd, ChainOp, TaskSetOp } from '../model/operations.js'
import {
  attributes,
  CLONE_FD_CLOEXEC,
  CLONE_FDS,
  FD,
  HARDLINK,
  HEADER,
  MAGIC,
  OP,
  opcodes,
  SEARCH,
  SHELL,
} from './layout.js'

/** CLONE_INTO_CGROUP, bit 33 of clone3(2)'s flags, in their upper half. */
const CLONE_INTO_CGROUP_HIGH = 2

/** The number of the 32-bit word at an offset. */
const word = (byte: number): number => byte >> 2
const FD_WORD = word(OP.fd)
const LEN_WORD = word(OP.len)
const FLAGS_WORD = word(OP.flags)
const ADDR_WORD = word(OP.addr)
const ADDR2_WORD = word(OP.addr2)
const ADDR3_WORD = word(OP.addr3)
/** What moves `link` to its byte of an operation's first word. */
const LINK_SHIFT = 8 * OP.link

/** Native code is faster for longer strings. */
const SHORT = 96
const WORD = 2 ** 32

/**
 * Whether an optional property exists and is not false or 0. Properties of
 * Object.prototype do not count.
 */
const has = <T extends object, K extends keyof T>(
  object: T,
  name: K,
): object is T & { [P in K]-?: NonNullable<T[P]> } =>
  Boolean(object[name]) && Object.hasOwn(object, name)

/** A packed vector: where its strings begin, counted from the first one, and their bytes. */
interface PackedVector {
  offsets: readonly number[]
  bytes: Uint8Array
}

class Packer implements PackedChain {
  buffer = Buffer.from(new ArrayBuffer(16 * 1024))
  size = 0
  #words = new Uint32Array(this.buffer.buffer)
  #longs = new BigUint64Array(this.buffer.buffer)
  /** This chain's vectors and their offsets, by identity: the execs of a search share theirs. */
  readonly #vectors: (readonly string[])[] = []
  readonly #vectorsAt: number[] = []
  /** Packed vectors that cannot change: the program's own environment. */
  readonly #frozen = new WeakMap<readonly string[], PackedVector>()

  pack(chain: Chain): void {
    this.size = 0
    this.#room(HEADER.length + chain.length * OP.length)
    for (let index = 0; index < chain.length; index++) {
      this.#op(chain[index] as ChainOp, word(HEADER.length + index * OP.length))
    }
    this.#end()
    const words = this.#words
    words[word(HEADER.magic)] = MAGIC
    words[word(HEADER.size)] = this.size
    words[word(HEADER.nrOps)] = chain.length
    words[word(HEADER.length) - 1] = 0
    this.#vectors.length = 0
    this.#vectorsAt.length = 0
  }

  /** Ends the block with a NUL, so that every string ends within it. */
  #end(): void {
    this.#reserve(this.size + 1)
    this.buffer[this.size++] = 0
  }

  #reserve(end: number): void {
    if (end <= this.buffer.length) return
    // Not a slice of Node's pool: the views need an ArrayBuffer that begins at 0.
    const length = Math.ceil(Math.max(end, this.buffer.length * 2) / 8) * 8
    const grown = Buffer.from(new ArrayBuffer(length))
    this.buffer.copy(grown, 0, 0, this.size)
    this.buffer = grown
    this.#words = new Uint32Array(grown.buffer)
    this.#longs = new BigUint64Array(grown.buffer)
  }

  /**
   * Makes room for `size` bytes, which the caller must fill; returns their offset,
   * a multiple of 8.
   */
  #room(size: number): number {
    const at = Math.ceil(this.size / 8) * 8
    this.#reserve(at + size)
    this.size = at + size
    return at
  }

  #string(value: string): number {
    const at = this.size
    const { length } = value
    this.#reserve(at + length * 3 + 1)
    const { buffer } = this
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
    this.size = end + 1
    return at
  }

  #vector(values: readonly string[]): number {
    const known = this.#vectors.indexOf(values)
    if (known >= 0) return this.#vectorsAt[known] as number
    const at = this.#room((values.length + 1) * 8)
    const frozen = this.#frozen.get(values)
    if (frozen) {
      this.#copy(at, frozen)
    } else {
      const begin = this.size
      const offsets = values.map((value) => this.#string(value) - begin)
      this.#point(at, begin, offsets)
      if (Object.isFrozen(values)) {
        const bytes = Uint8Array.from(this.buffer.subarray(begin, this.size))
        this.#frozen.set(values, { offsets, bytes })
      }
    }
    this.#vectors.push(values)
    this.#vectorsAt.push(at)
    return at
  }

  #copy(at: number, { offsets, bytes }: PackedVector): void {
    const begin = this.size
    this.#reserve(begin + bytes.length)
    this.buffer.set(bytes, begin)
    this.size = begin + bytes.length
    this.#point(at, begin, offsets)
  }

  /** Fills the vector at `at` with `begin` + `offsets`. */
  #point(at: number, begin: number, offsets: readonly number[]): void {
    const words = this.#words
    let next = word(at)
    for (let index = 0; index < offsets.length; index++) {
      words[next++] = begin + (offsets[index] as number)
      words[next++] = 0
    }
    words[next++] = 0
    words[next] = 0
  }

  #u64(value: bigint): number {
    const at = this.#room(8)
    this.#longs[at >> 3] = value
    return at
  }

  /** The fields of the operation whose first word is number `first`. */
  #fields(first: number, fd: number, len = 0, flags = 0, addr = 0, addr2 = 0, addr3 = 0): void {
    const words = this.#words
    words[first + FD_WORD] = fd
    words[first + LEN_WORD] = len
    words[first + FLAGS_WORD] = flags
    words[first + ADDR_WORD] = addr
    words[first + ADDR_WORD + 1] = 0
    words[first + ADDR2_WORD] = addr2
    words[first + ADDR2_WORD + 1] = 0
    words[first + ADDR3_WORD] = addr3
    words[first + ADDR3_WORD + 1] = 0
  }

  #list(fds: readonly ChainFd[]): number {
    const at = this.#room(fds.length * FD.length)
    const words = this.#words
    let first = word(at)
    for (const entry of fds) {
      words[first + word(FD.fd)] = entry.fd
      words[first + word(FD.newfd)] = entry.newfd
      words[first + word(FD.flags)] = has(entry, 'cloexec') ? CLONE_FD_CLOEXEC : 0
      words[first + word(FD.length) - 1] = 0
      first += word(FD.length)
    }
    return at
  }

  #op(op: ChainOp, first: number): void {
    switch (op.op) {
      case 'clone': {
        const fds = has(op, 'fds') ? op.fds : undefined
        const cgroup = has(op, 'cgroup') || op.cgroup === 0 ? op.cgroup : undefined
        const flags = has(op, 'flags') ? op.flags : 0
        const count = fds?.length ?? 0
        const list = fds && count > 0 ? this.#list(fds) : 0
        this.#fields(first, cgroup ?? -1, count, fds ? CLONE_FDS : 0, list, flags)
        if (cgroup !== undefined) this.#words[first + ADDR2_WORD + 1] = CLONE_INTO_CGROUP_HIGH
        break
      }
      case 'openat': {
        const path = this.#string(op.path)
        this.#fields(first, op.dirfd, op.mode, op.flags, path)
        break
      }
      case 'dup':
        this.#fields(first, op.fd, op.newfd, op.flags)
        break
      case 'fchdir':
        this.#fields(first, op.fd)
        break
      case 'close_range':
        this.#fields(first, op.first, op.last, op.flags)
        break
      case 'task_set':
        this.#taskSet(op, first)
        break
      case 'exec': {
        const path = this.#string(op.path)
        const argv = this.#vector(op.argv)
        const envp = this.#vector(op.envp)
        const template = has(op, 'template') || op.template === 0 ? (op.template ?? -1) + 1 : 0
        this.#fields(first, op.dirfd, template, op.flags, path, argv, envp)
        break
      }
    }
    const search = op.op === 'exec' && has(op, 'search') ? SEARCH : 0
    const shell = op.op === 'exec' && has(op, 'shell') ? SHELL : 0
    const link = (has(op, 'hardlink') ? HARDLINK : 0) | search | shell
    this.#words[first] = opcodes[op.op] | (link << LINK_SHIFT)
  }

  #taskSet(op: TaskSetOp, first: number): void {
    const attr = attributes[op.attr]
    switch (op.attr) {
      case 'sigmask':
      case 'sigdefault':
        this.#fields(first, 0, attr, 0, this.#u64(op.set), 8)
        break
      case 'setsid':
        this.#fields(first, 0, attr)
        break
      case 'groups': {
        const { groups } = op
        const list = groups.length > 0 ? this.#room(groups.length * 4) : 0
        groups.forEach((gid, index) => {
          this.#words[word(list) + index] = gid
        })
        this.#fields(first, 0, attr, 0, list, groups.length)
        break
      }
      case 'rlimit': {
        const limits = this.#u64(op.soft)
        this.#u64(op.hard)
        this.#fields(first, 0, attr, 0, limits, op.resource)
        break
      }
      default:
        this.#fields(first, 0, attr, 0, op.value)
        // The upper half of 64 bits, with the sign.
        this.#words[first + ADDR_WORD + 1] = Math.floor(op.value / WORD)
    }
  }
}

const packer = new Packer()

/** The packed form of `chain`, valid until the next call. */
export function pack(chain: Chain): PackedChain {
  packer.pack(chain)
  return packer
}
