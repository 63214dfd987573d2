/** The result of run(), and its errors. */
import type { BackendName } from './backend/backends.js'
import { errnoName } from './model/errno.js'
import type { ResourceUsage } from './model/exit.js'

/** How a program ended, and what it wrote. */
export interface RunResult<T = string> {
  /** The process id; the process is gone. */
  pid: number
  /** Exit code; null if a signal ended it. */
  exitCode: number | null
  /** The signal that ended it; null if it exited. */
  signal: NodeJS.Signals | null
  /** What it wrote to descriptor 1; empty if `stdio` made no pipe. */
  stdout: T
  /** What it wrote to descriptor 2; empty if `stdio` made no pipe. */
  stderr: T
  /** Whether an output went beyond `maxBuffer`. */
  truncated: boolean
  /** Whether `timeout` passed before it ended. */
  timedOut: boolean
  /**
   * Why `timeout`, `signal` or `overflow` could not end it, such as EPERM for a
   * program of another user, which then ran to its own end; null otherwise.
   */
  killError: NodeJS.ErrnoException | null
  /** The resources it used. */
  rusage: ResourceUsage
  /** The backend that made it. */
  backend: BackendName
  /** Whether the kernel started it from a template. */
  fromTemplate: boolean
}

/** What run() with `check` rejects with if the program does not exit with 0. */
export class RunError extends Error {
  /** 'RunError' */
  override name = 'RunError'
  /** How it ended, and what it wrote. */
  readonly result: RunResult<string | Buffer>

  constructor(file: string, result: RunResult<string | Buffer>) {
    const how = result.timedOut
      ? 'timed out'
      : result.signal
        ? `was ended by ${result.signal}`
        : `exited with ${result.exitCode}`
    const said = result.stderr.toString().trim()
    super(`${file} ${how}${said === '' ? '' : `: ${said.slice(-500)}`}`)
    this.result = result
  }
}

/** A read failed; `result` has what was read before. */
export function readError(
  file: string,
  { index, errno }: { index: number; errno: number },
  result: object,
) {
  const code = errnoName(errno)
  const error = new Error(`run ${file}: reading stdio[${index}] failed: ${code}`)
  return Object.assign(error, { code, errno: -errno, syscall: 'read', result })
}

/** Output is too long for a string; `result` has the bytes. */
export function longError(
  file: string,
  { index, length }: { index: number; length: number },
  encoding: string,
  result: object,
) {
  const error = new Error(
    `run ${file}: stdio[${index}] wrote ${length} bytes, more than a string holds as ${encoding}: ` +
      "use encoding 'buffer', or a smaller maxBuffer",
  )
  return Object.assign(error, { code: 'ERR_STRING_TOO_LONG', result })
}
