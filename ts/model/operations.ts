/**
 * The operations of a chain. Its head, `clone`, makes the process; those after
 * it run in that process in order; `exec` turns it into the program. Names and
 * fields are those of the kernel's operations.
 */

/** The descriptor that the nearest earlier `openat` returned. */
export const FD_LAST = -2
/** The child's end of pipe `index`, one of those that the launch makes. */
export const pipeFd = (index: number): number => -1000 - index
/** As `dirfd`: relative paths begin in the working directory. */
export const AT_FDCWD = -100
/** Flag of `exec`: execute the file that is open as `dirfd`. */
export const AT_EMPTY_PATH = 0x1000
/** Flag of `openat` that node:fs lacks: the exec closes the descriptor. */
export const O_CLOEXEC = 0o2000000
/** Flag of `openat` that node:fs lacks: open only as a location, to enter or to execute. */
export const O_PATH = 0o10000000
export const ALL_SIGNALS = 2n ** 64n - 1n

/** Which of the caller's options an operation belongs to; 'files' in chains made by hand. */
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
  /** A descriptor of this process. */
  fd: number
  /** Its number in the child. */
  newfd: number
  /** Whether the exec closes it; default false. */
  cloexec?: boolean
  /** Its name in explain(). */
  label?: string
}

interface Common {
  /** How a failure is reported. */
  step: Step
  /** Whether the chain goes on after a failure; default false. */
  hardlink?: boolean
}

/** Makes the process; the head of every chain. */
export interface CloneOp extends Common {
  /** The operation. */
  op: 'clone'
  /** The child starts with these descriptors and no others; default: a copy of all. */
  fds?: readonly ChainFd[]
  /** An open cgroup directory to start in. */
  cgroup?: number
  /** CLONE_NEW* flags. */
  flags?: number
}

/** Opens a file in the child, as openat(2). */
export interface OpenatOp extends Common {
  /** The operation. */
  op: 'openat'
  /** Where a relative path begins: a descriptor of the child, or AT_FDCWD. */
  dirfd: number
  /** The file. */
  path: string
  /** O_* flags. */
  flags: number
  /** Permissions of a file that is created, before the umask. */
  mode: number
}

/** Copies a descriptor of the child, as dup3(2). */
export interface DupOp extends Common {
  /** The operation. */
  op: 'dup'
  /** A descriptor of the child, or FD_LAST. */
  fd: number
  /** The copy's number; the same as `fd` keeps it across the exec. */
  newfd: number
  /** 0 or O_CLOEXEC. */
  flags: number
}

/** Enters an open directory. */
export interface FchdirOp extends Common {
  /** The operation. */
  op: 'fchdir'
  /** A descriptor of the child, or FD_LAST. */
  fd: number
}

/** Closes descriptors of the child, as close_range(2). */
export interface CloseRangeOp extends Common {
  /** The operation. */
  op: 'close_range'
  /** The first to close. */
  first: number
  /** The last to close. */
  last: number
  /** CLOSE_RANGE_* flags. */
  flags: number
}

/** An attribute that `task_set` sets, and its value. */
export type TaskAttribute =
  | {
      /** The signals that are blocked, or reset to their default. */
      attr: 'sigmask' | 'sigdefault'
      /** Bit 0 is signal 1. */
      set: bigint
    }
  | {
      /** A session of its own. */
      attr: 'setsid'
    }
  | {
      /** What is set. */
      attr: 'setpgid' | 'uid' | 'gid' | 'umask' | 'nice' | 'pdeathsig' | 'no_new_privs'
      /** The argument of the system call of this name. */
      value: number
    }
  | {
      /** The supplementary groups. */
      attr: 'groups'
      /** Exactly these. */
      groups: readonly number[]
    }
  | {
      /** A resource limit. */
      attr: 'rlimit'
      /** RLIMIT_* */
      resource: number
      /** RLIM_INFINITY is no limit. */
      soft: bigint
      /** RLIM_INFINITY is no limit. */
      hard: bigint
    }

/** Sets an attribute of the child. */
export type TaskSetOp = Common & {
  /** The operation. */
  op: 'task_set'
} & TaskAttribute

/** Executes a program, as execveat(2); the end of every chain. */
export interface ExecOp extends Common {
  /** The operation. */
  op: 'exec'
  /** Where a relative path begins: a descriptor of the child, or AT_FDCWD. */
  dirfd: number
  /** The file; empty with AT_EMPTY_PATH. PATH is not searched. */
  path: string
  /** All arguments, argv[0] included. */
  argv: readonly string[]
  /** The environment, as `NAME=value`. */
  envp: readonly string[]
  /** AT_* flags. */
  flags: number
  /**
   * With `hardlink`: the chain goes on only after the errors at which execvp(3)
   * tries the next directory of PATH (ENOENT, ENOTDIR, EACCES, ESTALE, ENODEV,
   * ETIMEDOUT). Any other error ends the chain, as it ends execvp(3).
   */
  search?: boolean
  /** A file that is no program is one for /bin/sh, as in execvp(3). */
  shell?: boolean
  /**
   * An executable template of the same file: a descriptor of this process, not of
   * the child. Backends without templates use the other fields.
   */
  template?: number
}

/** Any operation. */
export type ChainOp = CloneOp | OpenatOp | DupOp | FchdirOp | CloseRangeOp | TaskSetOp | ExecOp

/** Operations in order: `clone` first, `exec` last. */
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
