import { constants } from 'node:os'
import {
  AT_FDCWD,
  type Chain,
  type ChainOp,
  type ExecOp,
  type Step,
  syscallOf,
} from './chain/ops.js'
import { whyNotExecuted } from './chain/program.js'
import { searchGoesOn } from './chain/search.js'

/** Errors of Linux that node:os does not name. */
const linuxErrors = {
  ENODATA: 61,
  ENONET: 64,
  EREMOTE: 66,
  ELIBACC: 79,
  ELIBBAD: 80,
  ELIBSCN: 81,
  ELIBMAX: 82,
  ELIBEXEC: 83,
  ERESTART: 85,
  EUSERS: 87,
  ESHUTDOWN: 108,
  EHOSTDOWN: 112,
  EUCLEAN: 117,
  EREMOTEIO: 121,
  ENOMEDIUM: 123,
  ENOKEY: 126,
  EKEYEXPIRED: 127,
  EKEYREVOKED: 128,
  EKEYREJECTED: 129,
  EHWPOISON: 133,
}

// If a number has several names, use the first: EAGAIN is also EWOULDBLOCK.
const names = new Map(
  Object.entries({ ...constants.errno, ...linuxErrors })
    .reverse()
    .map(([name, number]) => [number, name]),
)

/** 'ENOENT' for 2. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`
}

/** The numbers that the library itself needs. */
export const {
  EACCES,
  EAGAIN,
  ECANCELED,
  EINVAL,
  ENOENT,
  ENXIO,
  EOPNOTSUPP,
  ESRCH,
  ESTALE,
  ETIMEDOUT,
} = constants.errno

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

  constructor({ errno, step, syscall, path, file, args, hint, message }: SpawnErrorFields) {
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
  }
}

/**
 * For a start that `timeout` ended before the program ran. No system call failed:
 * the error names the one that was under way, if any.
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
    message: `its timeout was over before it began${begun ? `: it was at ${step}, in ${syscall}${about}` : ''}`,
  })
}

const isTry = (op: ChainOp): op is ExecOp => op.op === 'exec' && op.template === undefined

/**
 * The file that operation `index` is about: for a search that found nothing,
 * what the caller named; for an open executable, where it was found.
 */
function pathOf(
  chain: Chain,
  index: number,
  errno: number,
  file: string,
  found: string | undefined,
): string | undefined {
  const op = chain[index]
  if (op?.op === 'exec') {
    const nowhere = errno !== EACCES && searchGoesOn(errno) && chain.filter(isTry).length > 1
    if (nowhere) return file
    return op.path === '' && found !== undefined ? found : op.path
  }
  return op?.op === 'openat' ? op.path : undefined
}

/** The working directory that `chain` gives the child, if it is a path. */
function workingDirectory(chain: Chain): string | undefined {
  if (!chain.some(({ op }) => op === 'fchdir')) {
    try {
      return process.cwd()
    } catch {
      // It has been removed.
      return undefined
    }
  }
  const opened = chain.find((op) => op.op === 'openat' && op.step === 'cwd')
  return opened?.op === 'openat' ? opened.path : undefined
}

/** For `run('ls -l')`: the whole line is taken as one name. */
function oneName(file: string, args: readonly string[]): string | undefined {
  const words = file.trim().split(/\s+/)
  if (args.length > 0 || words.length < 2) return undefined
  const [name, ...rest] = words.map((word) => JSON.stringify(word))
  return `file is the name of a program, without arguments: use ${name}, [${rest.join(', ')}], or the option shell`
}

/** Why the exec failed: from the files, or from the way the program was named. */
function execHint(
  chain: Chain,
  index: number,
  errno: number,
  file: string,
  args: readonly string[],
  found: string | undefined,
): string | undefined {
  const code = errnoName(errno)
  const tries = chain.filter(isTry)
  const paths = errno === ENOENT ? tries : tries.filter((op) => op === chain[index])
  const base = workingDirectory(chain)
  const known = paths
    .map(({ dirfd, path }) => (path === '' || dirfd !== AT_FDCWD ? (found ?? '') : path))
    .filter((path) => path.startsWith('/') || (path !== '' && base !== undefined))
  const why = whyNotExecuted(code, known, base ?? '/')
  const exists = why !== undefined && !why.startsWith('there is no')
  return (exists ? why : undefined) ?? (code === 'ENOENT' ? oneName(file, args) : undefined) ?? why
}

/**
 * The error of `chain` whose operation `index` failed with `errno`.
 * @param found the path of an executable that the chain has as a descriptor
 */
export function spawnError(
  chain: Chain,
  index: number,
  errno: number,
  file: string,
  args: readonly string[],
  found?: string,
): SpawnError {
  const op = chain[index] as ChainOp
  return new SpawnError({
    errno,
    step: op.step,
    syscall: syscallOf(op),
    path: pathOf(chain, index, errno, file, found),
    file,
    args,
    hint: op.op === 'exec' ? execHint(chain, index, errno, file, args, found) : undefined,
  })
}

/** The error of a signal that could not be sent. */
export function killError(what: string, errno: number): NodeJS.ErrnoException {
  const code = errnoName(errno)
  const hint = code === 'EPERM' ? ', because it runs as another user' : ''
  return Object.assign(new Error(`${what}: ${code}${hint}`), {
    code,
    errno: -errno,
    syscall: 'kill',
  })
}

/**
 * What kill() returns for the errno of a signal, 0 if it was sent: false if the
 * process has ended. Throws a killError() for any other.
 */
export function wasSignalled(what: string, errno: number): boolean {
  if (errno === 0 || errno === ESRCH) return errno === 0
  throw killError(what, errno)
}
