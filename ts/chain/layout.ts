/**
 * The layout of a packed chain: uring-native/core/chain.h describes it. Offsets are
 * in bytes. test/core/layout.test.ts compares each number with the core's.
 */
import type { ChainOp, TaskSetOp } from '../model/operations.js'

/** struct chain_header */
export const HEADER = { magic: 0, size: 4, nrOps: 8, length: 16 } as const

/** struct chain_op */
export const OP = {
  op: 0,
  link: 1,
  fd: 4,
  len: 8,
  flags: 12,
  addr: 16,
  addr2: 24,
  addr3: 32,
  length: 40,
} as const

/** struct chain_fd */
export const FD = { fd: 0, newfd: 4, flags: 8, length: 16 } as const

export const MAGIC = 0x31435355

/** The numbers of the operations. */
export const opcodes: Readonly<Record<ChainOp['op'], number>> = {
  clone: 0,
  openat: 1,
  dup: 2,
  fchdir: 3,
  close_range: 4,
  task_set: 5,
  exec: 6,
}

/** The numbers of the attributes: the kernel's. */
export const attributes: Readonly<Record<TaskSetOp['attr'], number>> = {
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

/** chain_op.link */
export const HARDLINK = 1
/** chain_op.link */
export const SEARCH = 2
/** chain_op.link */
export const SHELL = 4
/** chain_op.flags of `clone` */
export const CLONE_FDS = 1
/** chain_fd.flags */
export const CLONE_FD_CLOEXEC = 2
