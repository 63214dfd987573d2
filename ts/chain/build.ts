/** One function per operation, for chains made by hand. */
import { inheritedEnvVars } from '../core/process-env.js'
import { argumentError } from '../model/argument-error.js'
import { MAX_FD, MAX_FLAGS, MAX_ID, MAX_PID, UINT_MAX } from '../model/limits.js'
import {
  ALL_SIGNALS,
  AT_EMPTY_PATH,
  AT_FDCWD,
  type ChainFd,
  type CloneOp,
  type CloseRangeOp,
  type DupOp,
  type ExecOp,
  type FchdirOp,
  FD_LAST,
  type OpenatOp,
  type TaskSetOp,
} from '../model/operations.js'
import { RLIM_INFINITY, type RlimitName, resources } from '../model/rlimits.js'
import { signalNumber } from '../model/signals.js'
import { checkInteger, checkString, copyOf, copyOfStrings, own, typeName } from '../model/values.js'

const checkFd = (name: string, fd: number): void => {
  if (fd !== FD_LAST) checkInteger(name, fd, 0, MAX_FD)
}

/** Copies what the caller can still change, reading each value once. */
function array(name: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) {
    throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be an array, not ${typeName(value)}`)
  }
  return copyOf(value)
}

function idsOf(name: string, value: unknown): number[] {
  const ids = array(name, value)
  ids.forEach((id, index) => {
    checkInteger(`${name}[${index}]`, id, 0, MAX_ID)
  })
  return ids as number[]
}

function fdsOf(name: string, value: unknown): ChainFd[] {
  return array(name, value).map((entry, index) => {
    const bag = Object(entry)
    const [fd, newfd] = [own(bag, 'fd'), own(bag, 'newfd')]
    checkInteger(`${name}[${index}].fd`, fd, 0, MAX_FD)
    checkInteger(`${name}[${index}].newfd`, newfd, 0, MAX_FD)
    const label = own(bag, 'label')
    return {
      fd,
      newfd,
      cloexec: own(bag, 'cloexec') === true,
      ...(typeof label === 'string' && { label }),
    }
  })
}

/** Options of clone(). */
export interface CloneOptions {
  /** The child's descriptors: these and no others. Default: a copy of all. */
  fds?: readonly ChainFd[] | undefined
  /** An open cgroup v2 directory to start in. */
  cgroup?: number | undefined
  /** CLONE_NEW* flags. */
  flags?: number | undefined
}

/**
 * The head of every chain: makes the process in which the other operations run.
 * Fails with EAGAIN (too many processes), ENOMEM, EMFILE, EBADF (a listed
 * descriptor is not open).
 */
export function clone(options: CloneOptions = {}): CloneOp {
  const [list, cgroup, flags] = [own(options, 'fds'), own(options, 'cgroup'), own(options, 'flags')]
  const fds = list === undefined ? undefined : fdsOf('fds', list)
  if (cgroup !== undefined) checkInteger('cgroup', cgroup, 0, MAX_FD)
  if (flags !== undefined) checkInteger('flags', flags, 0, UINT_MAX)
  return {
    op: 'clone',
    step: 'clone',
    ...(fds && { fds }),
    ...(cgroup === undefined ? {} : { cgroup }),
    ...(flags === undefined ? {} : { flags }),
  }
}

/**
 * Opens a file in the child, as openat(2); `FD_LAST` is what it returned.
 * @param flags O_* flags; add O_CLOEXEC unless the program needs the descriptor
 * @param mode of a file that is created, less the umask
 * @param dirfd where a relative path begins; default: the working directory
 */
export function openat(path: string, flags: number, mode = 0, dirfd = AT_FDCWD): OpenatOp {
  checkString('path', path)
  checkInteger('flags', flags, 0, MAX_FLAGS)
  checkInteger('mode', mode, 0, 0o7777)
  if (dirfd !== AT_FDCWD) checkInteger('dirfd', dirfd, 0, MAX_FD)
  return { op: 'openat', dirfd, path, flags, mode, step: 'files' }
}

/**
 * Makes `newfd` a copy of `fd`, as dup3(2); if they are equal, the exec keeps the
 * descriptor. Fails with EBADF.
 * @param fd a descriptor of the child, or `FD_LAST`
 * @param flags 0 or O_CLOEXEC
 */
export function dup(fd: number, newfd: number, flags = 0): DupOp {
  checkFd('fd', fd)
  checkInteger('newfd', newfd, 0, MAX_FD)
  return { op: 'dup', fd, newfd, flags, step: 'files' }
}

/** Enters an open directory: a descriptor of the child, or `FD_LAST`. Fails with EBADF, ENOTDIR, EACCES. */
export function fchdir(fd: number): FchdirOp {
  checkFd('fd', fd)
  return { op: 'fchdir', fd, step: 'cwd' }
}

/**
 * Closes descriptors, as close_range(2).
 * @param last default: no end
 * @param flags CLOSE_RANGE_CLOEXEC (4) only marks them
 */
export function closeRange(first: number, last = UINT_MAX, flags = 0): CloseRangeOp {
  checkInteger('first', first, 0, MAX_FD)
  checkInteger('last', last, first, UINT_MAX)
  return { op: 'close_range', first, last, flags, step: 'files' }
}

/** A set of signals by name or number, as a mask: bit 0 is signal 1. */
export function signalSet(signals: Iterable<NodeJS.Signals | number>): bigint {
  let set = 0n
  for (const signal of signals) set |= 1n << BigInt(signalNumber('signal', signal) - 1)
  return set
}

/** Blocks exactly these signals. */
export function sigmask(signals: Iterable<NodeJS.Signals | number>): TaskSetOp {
  return { op: 'task_set', attr: 'sigmask', set: signalSet(signals), step: 'signals' }
}

/** Resets these signals to their default action; without an argument, all. */
export function sigdefault(signals?: Iterable<NodeJS.Signals | number>): TaskSetOp {
  const set = signals ? signalSet(signals) : ALL_SIGNALS
  return { op: 'task_set', attr: 'sigdefault', set, step: 'signals' }
}

/** Starts a session of its own, without a terminal. */
export function setsid(): TaskSetOp {
  return { op: 'task_set', attr: 'setsid', step: 'session' }
}

/** Joins a process group; 0 makes a new one. Fails with EPERM, ESRCH. */
export function setpgid(pgid: number): TaskSetOp {
  checkInteger('pgid', pgid, 0, MAX_PID)
  return { op: 'task_set', attr: 'setpgid', value: pgid, step: 'session' }
}

/** Sets the real, effective and saved user. Fails with EPERM, EAGAIN. */
export function uid(id: number): TaskSetOp {
  checkInteger('uid', id, 0, MAX_ID)
  return { op: 'task_set', attr: 'uid', value: id, step: 'credentials' }
}

/** Sets the real, effective and saved group. Fails with EPERM. */
export function gid(id: number): TaskSetOp {
  checkInteger('gid', id, 0, MAX_ID)
  return { op: 'task_set', attr: 'gid', value: id, step: 'credentials' }
}

/** Sets the supplementary groups to exactly these. Fails with EPERM. */
export function groups(ids: readonly number[]): TaskSetOp {
  return { op: 'task_set', attr: 'groups', groups: idsOf('groups', ids), step: 'credentials' }
}

/**
 * Sets the file mode mask.
 * @param mask 0 to 0o777
 */
export function umask(mask: number): TaskSetOp {
  checkInteger('umask', mask, 0, 0o777)
  return { op: 'task_set', attr: 'umask', value: mask, step: 'session' }
}

/** Sets the priority, -20 (first served) to 19. Fails with EPERM. */
export function nice(value: number): TaskSetOp {
  checkInteger('nice', value, -20, 19)
  return { op: 'task_set', attr: 'nice', value, step: 'limits' }
}

/** Sets a resource limit, as setrlimit(2); Infinity means unlimited. Fails with EPERM, EINVAL. */
export function rlimit(name: RlimitName, soft: number, hard = soft): TaskSetOp {
  const resource = resources[name]
  const number = (what: string, limit: number): bigint => {
    if (limit === Number.POSITIVE_INFINITY) return RLIM_INFINITY
    checkInteger(`${name}: ${what}`, limit, 0, Number.MAX_SAFE_INTEGER)
    return BigInt(limit)
  }
  return {
    op: 'task_set',
    attr: 'rlimit',
    resource,
    soft: number('soft', soft),
    hard: number('hard', hard),
    step: 'limits',
  }
}

/**
 * Sets the signal that the process gets when the thread that made it ends. That
 * thread lives as long as the JavaScript environment.
 */
export function pdeathsig(signal: NodeJS.Signals | number): TaskSetOp {
  const value = signalNumber('signal', signal)
  return { op: 'task_set', attr: 'pdeathsig', value, step: 'signals' }
}

/** Keeps every later exec from gaining privileges. */
export function noNewPrivs(): TaskSetOp {
  return { op: 'task_set', attr: 'no_new_privs', value: 1, step: 'credentials' }
}

/** Options of exec(). */
export interface ExecOptions {
  /** All of argv, argv[0] included; default: the path alone. */
  argv?: readonly string[] | undefined
  /** `NAME=value`; default: process.env. */
  envp?: readonly string[] | undefined
  /** Where a relative path begins: a descriptor of the child. */
  dirfd?: number | undefined
  /** AT_* flags, as execveat(2). */
  flags?: number | undefined
  /** If this exec fails, the chain goes on, for example to the exec of another file. */
  hardlink?: boolean | undefined
  /**
   * The same, but only after the errors at which execvp(3) tries the next directory
   * of PATH: ENOENT, ENOTDIR, EACCES, ESTALE, ENODEV, ETIMEDOUT.
   */
  search?: boolean | undefined
}

/**
 * Executes the program at `path`, as execveat(2); PATH is not searched. Fails
 * with ENOENT, EACCES, ENOEXEC, E2BIG, …
 */
export function exec(path: string, options: ExecOptions = {}): ExecOp {
  const argv = copyOfStrings('argv', array('argv', own(options, 'argv') ?? [path]))
  const list = own(options, 'envp')
  const envp =
    list === undefined ? inheritedEnvVars().envp : copyOfStrings('envp', array('envp', list))
  const dirfd = own(options, 'dirfd') ?? AT_FDCWD
  const flags = own(options, 'flags') ?? 0
  const search = own(options, 'search') === true
  const hardlink = (own(options, 'hardlink') ?? search) === true
  checkString('path', path)
  checkInteger('flags', flags, 0, MAX_FLAGS)
  if (dirfd !== AT_FDCWD) checkInteger('dirfd', dirfd, 0, MAX_FD)
  return {
    op: 'exec',
    dirfd: dirfd as number,
    path,
    argv,
    envp,
    flags,
    step: 'exec',
    hardlink,
    search,
  }
}

/** Executes the program that is open as `fd`, a descriptor of the child. */
export function fexec(fd: number, options: Omit<ExecOptions, 'dirfd' | 'flags'> = {}): ExecOp {
  return { ...exec('', { ...options, flags: AT_EMPTY_PATH }), dirfd: fd }
}
