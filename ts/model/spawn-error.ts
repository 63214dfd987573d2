/** The error of a process that did not start, and what to do about it. */
import { acrossCopies } from './copies.js'
import { ETIMEDOUT, errnoName } from './errno.js'
import type { Step } from './operations.js'

const hints: Readonly<Record<string, string>> = {
  'cwd ENOENT': 'the working directory does not exist',
  'cwd ENOTDIR': 'the working directory is not a directory',
  'cwd EBADF': 'the descriptor is not open',
  'cwd EACCES': 'the working directory may not be entered',
  'exec ENOENT': 'no such program: check its name, or PATH in the env given',
  'exec ENOTDIR': 'a part of the path is not a directory',
  'exec EACCES': 'the file is not executable, or may not be reached',
  'exec ENOEXEC': 'not a program of this machine, nor a script that begins with #!',
  'exec ELOOP': 'its symbolic links form a loop',
  'exec ENAMETOOLONG': 'the path, or a part of it, is too long',
  'exec ESTALE': 'the file has changed or been replaced since the template was made',
  'exec E2BIG': 'args and env together are too long: pass data as input or a file',
  'exec ETXTBSY': 'the file is open for writing: close it there first',
  'exec ELIBBAD': 'its interpreter is not a program of this machine',
  'exec EPERM': 'a security policy forbids it',
  'clone EAGAIN': 'too many processes: wait for some to end, or raise RLIMIT_NPROC or pids.max',
  'clone EBADF': 'a descriptor is not open, or cgroup is not a cgroup v2 directory',
  'clone ENOENT': 'the cgroup does not exist',
  'clone ENODEV': 'the cgroup has been removed',
  'clone EBUSY': 'the cgroup has controllers enabled for its children: use a leaf of it',
  'clone ENOTSUP': 'the cgroup cannot hold processes: see its cgroup.type',
  'clone ECANCELED': 'it was cancelled before it began',
  'session EPERM': 'the process group does not exist or belongs to another session',
  'limits EPERM': 'only a privileged process may raise a hard limit or its priority',
  'credentials EPERM': 'this needs root, or CAP_SETUID and CAP_SETGID',
  'credentials EINVAL': 'this user namespace does not have such a user or group',
  'credentials EAGAIN': 'the user has too many processes: see RLIMIT_NPROC',
}

/** For any step without a hint of its own. */
const generalHints: Readonly<Record<string, string>> = {
  EMFILE: 'too many open files: wait for children to end, or raise RLIMIT_NOFILE',
  ENFILE: 'the system has too many open files: wait for some to be closed',
  ENOMEM: 'out of memory',
  ECANCELED: 'it was ended at this step',
}

/** For files and descriptors of `stdio`. */
const stdioHints: Readonly<Record<string, string>> = {
  EBADF: 'the descriptor is not open',
  ENOENT: 'the file, or a directory on the way to it, does not exist',
  ENOTDIR: 'a part of the path is not a directory',
  EACCES: 'the file may not be opened or created',
  EISDIR: 'it is a directory',
  EEXIST: 'the file exists already',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the file system is full',
  ENXIO: 'the FIFO has no reader, or the device does not exist',
  ETXTBSY: 'it is a program that is being run',
  ELOOP: 'its symbolic links form a loop',
}

function hintFor(step: Step, code: string): string | undefined {
  return (
    hints[`${step} ${code}`] ??
    (step.startsWith('stdio') ? stdioHints[code] : undefined) ??
    generalHints[code]
  )
}

export interface SpawnErrorFields {
  errno: number
  step: Step
  syscall: string
  path?: string | undefined
  file: string
  args: readonly string[]
  /** A hint at the cause; default: one for the step and the error. */
  hint?: string | undefined
  /** The whole message after the program's name. */
  message?: string | undefined
  timedOut?: boolean
}

/** A process that did not start. */
export class SpawnError extends Error {
  /** 'SpawnError' */
  override name = 'SpawnError'
  /** 'ENOENT' */
  readonly code: string
  /** The error's number, negative as in Node's errors. */
  readonly errno: number
  /** Which of the caller's options failed; the same on every backend. */
  readonly step: Step
  /** The system call that failed; 'spawn' if `timeout` ended before anything began. */
  readonly syscall: string
  /** The file that the step was about. */
  readonly path: string | undefined
  /** The arguments of the program. */
  readonly spawnargs: readonly string[]
  /** The program to start, as the caller named it. */
  readonly file: string
  /** Whether `timeout` passed before the program ran. */
  readonly timedOut: boolean

  constructor({ errno, step, syscall, path, file, args, hint, ...late }: SpawnErrorFields) {
    const { message, timedOut = false } = late
    const code = errnoName(errno)
    const why = hint ?? hintFor(step, code)
    const about = path === undefined ? '' : ` ${JSON.stringify(path)}`
    const failed = `${step} failed: ${syscall}${about}: ${code}${why ? ` (${why})` : ''}`
    super(`spawn ${file}: ${message ?? failed}`)
    this.code = code
    this.errno = -errno
    this.step = step
    this.syscall = syscall
    this.path = path
    this.spawnargs = args
    this.file = file
    this.timedOut = timedOut
  }
}

acrossCopies(SpawnError, 'SpawnError')

/**
 * For a start that `timeout` ended before the program ran. No system call failed:
 * the error names the one in progress, if any.
 */
export function lateError({ step, syscall, path, file, spawnargs }: SpawnError): SpawnError {
  const begun = step !== 'clone'
  const about = path === undefined ? '' : ` ${JSON.stringify(path)}`
  return new SpawnError({
    errno: ETIMEDOUT,
    step,
    syscall: begun ? syscall : 'spawn',
    path,
    file,
    args: spawnargs,
    timedOut: true,
    message: `it timed out before the program ran${begun ? `: at ${step}, in ${syscall}${about}` : ''}`,
  })
}
