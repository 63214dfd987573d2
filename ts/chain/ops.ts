/**
 * The operations of a chain. Its head, `clone`, makes the process; those after
 * it run in that process in order; `exec` turns it into the program. Names and
 * fields are those of the kernel's operations.
 */

/** The descriptor that the nearest earlier `openat` returned. */
export const FD_LAST = -2
/** The child's end of pipe `index` of those that are made with the child. */
export const pipeFd = (index: number): number => -1000 - index
/** Paths begin in the working directory. */
export const AT_FDCWD = -100
/** For exec: run the file that is open as `dirfd`. */
export const AT_EMPTY_PATH = 0x1000
/** O_* flags that node:fs has not. */
export const O_CLOEXEC = 0o2000000
export const O_PATH = 0o10000000
export const RLIM_INFINITY = 2n ** 64n - 1n
export const ALL_SIGNALS = 2n ** 64n - 1n

/** What the caller asked for that an operation belongs to; 'files' in chains made by hand. */
export type Step =
  | 'clone'
  | 'cwd'
  | `stdio[${number}]`
  | 'credentials'
  | 'signals'
  | 'limits'
  | 'session'
  | 'files'
  | 'exec'

/** A descriptor the child starts with. */
export interface ChainFd {
  fd: number
  newfd: number
  cloexec?: boolean
  /** What it is, for explain(). */
  label?: string
}

interface Common {
  step: Step
  /** A failure does not end the chain. */
  hardlink?: boolean
}

export interface CloneOp extends Common {
  op: 'clone'
  /** The child has these and no others; without it, a copy of all. */
  fds?: readonly ChainFd[]
  /** An open cgroup directory to start in. */
  cgroup?: number
  /** CLONE_NEW* flags. */
  flags?: number
}

export interface OpenatOp extends Common {
  op: 'openat'
  dirfd: number
  path: string
  flags: number
  mode: number
}

export interface DupOp extends Common {
  op: 'dup'
  fd: number
  newfd: number
  flags: number
}

export interface FchdirOp extends Common {
  op: 'fchdir'
  fd: number
}

export interface CloseRangeOp extends Common {
  op: 'close_range'
  first: number
  last: number
  flags: number
}

export type TaskAttribute =
  | { attr: 'sigmask' | 'sigdefault'; set: bigint }
  | { attr: 'setsid' }
  | {
      attr: 'setpgid' | 'uid' | 'gid' | 'umask' | 'nice' | 'pdeathsig' | 'no_new_privs'
      value: number
    }
  | { attr: 'groups'; groups: readonly number[] }
  | { attr: 'rlimit'; resource: number; soft: bigint; hard: bigint }

export type TaskSetOp = Common & { op: 'task_set' } & TaskAttribute

export interface ExecOp extends Common {
  op: 'exec'
  dirfd: number
  path: string
  argv: readonly string[]
  /** `NAME=value` */
  envp: readonly string[]
  flags: number
  /**
   * With `hardlink`: the chain goes on only after the errors at which execvp(3)
   * looks into the next directory of PATH (ENOENT, ENOTDIR, EACCES, ESTALE,
   * ENODEV, ETIMEDOUT). Any other error ends the chain, as it ends execvp(3).
   */
  search?: boolean
  /**
   * An executable template of the same file: a descriptor here, not in the
   * child. Backends without templates use the other fields.
   */
  template?: number
}

export type ChainOp = CloneOp | OpenatOp | DupOp | FchdirOp | CloseRangeOp | TaskSetOp | ExecOp

export type Chain = readonly ChainOp[]

const taskSyscalls: Record<TaskSetOp['attr'], string> = {
  sigmask: 'rt_sigprocmask',
  sigdefault: 'rt_sigaction',
  setsid: 'setsid',
  setpgid: 'setpgid',
  uid: 'setresuid',
  gid: 'setresgid',
  groups: 'setgroups',
  umask: 'umask',
  nice: 'setpriority',
  rlimit: 'prlimit64',
  pdeathsig: 'prctl',
  no_new_privs: 'prctl',
}

/** The system call that does what `op` does. */
export function syscallOf(op: ChainOp): string {
  switch (op.op) {
    case 'clone':
      return 'clone3'
    case 'dup':
      return 'dup3'
    case 'exec':
      return 'execveat'
    case 'task_set':
      return taskSyscalls[op.attr]
    default:
      return op.op
  }
}
