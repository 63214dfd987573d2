import { constants } from 'node:os'
import { type Chain, type ChainOp, type Step, syscallOf } from './chain/ops.js'

// Of a number's names the first: EAGAIN is EWOULDBLOCK, too.
const names = new Map(
  Object.entries(constants.errno)
    .reverse()
    .map(([name, number]) => [number, name]),
)

/** 'ENOENT' for 2. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`
}

/** The numbers that the library decides by. */
export const { EACCES, EAGAIN, ECANCELED, ENOENT, EOPNOTSUPP, ESTALE, ETIMEDOUT } = constants.errno

const hints: Record<string, string> = {
  'cwd ENOENT': 'the working directory does not exist',
  'cwd ENOTDIR': 'the working directory is not a directory',
  'exec ENOENT': 'no such program: check its name, or PATH in the env given',
  'exec EACCES': 'the file is not executable, or may not be reached',
  'exec ENOEXEC': 'not a program of this machine, nor a script that begins with #!',
  'exec ESTALE': 'the file has changed or been replaced since the template was made',
  'exec E2BIG': 'args and env together are too long: pass data as input or a file',
  'clone EAGAIN': 'too many processes: wait for some to end, or raise RLIMIT_NPROC or pids.max',
  'clone ENOMEM': 'out of memory',
  'clone ECANCELED': 'it was ended before it began',
  'clone EMFILE': 'too many open files: wait for children to end, or raise RLIMIT_NOFILE',
  'credentials EPERM': 'this needs root, or CAP_SETUID and CAP_SETGID',
}

/** A `timeout` that ended before the child began. */
const LATE = 'its timeout was over before it began'

export interface SpawnErrorFields {
  errno: number
  step: Step
  syscall: string
  path?: string | undefined
  file: string
  args: readonly string[]
}

/** A process that did not start. */
export class SpawnError extends Error {
  override name = 'SpawnError'
  /** 'ENOENT' */
  readonly code: string
  /** The error's number, negative as in Node's errors. */
  readonly errno: number
  /** What the caller asked for that failed; the same on every backend. */
  readonly step: Step
  /** How that was done. */
  readonly syscall: string
  /** The file that it was about. */
  readonly path: string | undefined
  readonly spawnargs: readonly string[]
  /** What was to be started, as the caller named it. */
  readonly file: string

  constructor({ errno, step, syscall, path, file, args }: SpawnErrorFields) {
    const code = errnoName(errno)
    const hint = hints[`${step} ${code}`] ?? (errno === ETIMEDOUT ? LATE : undefined)
    const about = path === undefined ? '' : ` ${JSON.stringify(path)}`
    super(`spawn ${file}: ${step} failed: ${syscall}${about}: ${code}${hint ? ` (${hint})` : ''}`)
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
 * The file an operation is about; for `fchdir` and `dup` it is the one opened
 * before, and for an exec over a search path it is what the caller named.
 */
function pathOf(chain: Chain, op: ChainOp, file: string): string | undefined {
  if (op.op === 'exec') {
    const searched = chain.filter((other) => other.op === 'exec' && other.template === undefined)
    return searched.length > 1 ? file : op.path
  }
  if (op.op === 'openat') return op.path
  return undefined
}

/** The error of `chain` whose operation `index` failed with `errno`. */
export function spawnError(
  chain: Chain,
  index: number,
  errno: number,
  file: string,
  args: readonly string[],
): SpawnError {
  const op = chain[index] as ChainOp
  return new SpawnError({
    errno,
    step: op.step,
    syscall: syscallOf(op),
    path: pathOf(chain, op, file),
    file,
    args,
  })
}
