/** The result of run(), and its errors. */
import type { BackendName } from './backend/backends.js'
import { acrossCopies } from './model/copies.js'
import { errnoName } from './model/errno.js'
import type { ResourceUsage } from './model/exit.js'
import type { Step } from './model/operations.js'
import { commandLine } from './model/quote.js'

/** How a program ended, and what it wrote. */
export interface RunResult<T = string> {
  /** The process id; the process is gone. Null if `timeout` passed before there was one. */
  pid: number | null
  /** Exit code; null if a signal ended it. */
  exitCode: number | null
  /** The signal that ended it; null if it exited. */
  signal: NodeJS.Signals | null
  /** What that signal says, such as 'Terminated'; null if it exited. */
  signalDescription: string | null
  /** Whether it left a core dump. */
  coreDumped: boolean
  /** What it wrote to descriptor 1; empty if `stdio` made no pipe. */
  stdout: T
  /** What it wrote to descriptor 2; empty if `stdio` made no pipe. */
  stderr: T
  /** With the option `all`, what it wrote to both, in the order in which it did; otherwise empty. */
  all: T
  /** What it wrote to each descriptor; null for those that are no pipes it only writes to. */
  stdio: readonly (T | null)[]
  /** Whether an output went beyond `maxBuffer`. */
  truncated: boolean
  /** Whether `timeout` passed before it ended, or before it even ran: see `step`. */
  timedOut: boolean
  /** Whether `signal` aborted: so in the result of an AbortError. */
  aborted: boolean
  /** The step that the start was in when `timeout` passed; null if the program ran. */
  step: Step | null
  /**
   * Why `timeout`, `signal` or `overflow` could not end it, such as EPERM for a
   * program of another user, which then ran to its own end; null otherwise.
   */
  killError: NodeJS.ErrnoException | null
  /** Milliseconds from the call to the news of its end. */
  durationMs: number
  /** The resources it used. */
  rusage: ResourceUsage
  /** The backend that made it. */
  backend: BackendName
  /** Whether the kernel started it from a template. */
  fromTemplate: boolean
}

/** Why a RunError: it exited with other than 0, or was ended by a signal, `timeout` or `overflow`. */
export type RunFailure = 'exit' | 'signal' | 'timeout' | 'maxBuffer'

/** Node's own codes where it has one. */
const codes: Readonly<Record<RunFailure, string>> = {
  exit: 'ERR_EXIT_CODE',
  signal: 'ERR_EXIT_SIGNAL',
  timeout: 'ETIMEDOUT',
  maxBuffer: 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER',
}

type AnyResult = RunResult<string | Buffer>

function failureOf({ timedOut, signal }: AnyResult, overflowed: boolean): RunFailure {
  if (timedOut) return 'timeout'
  if (overflowed) return 'maxBuffer'
  return signal === null ? 'exit' : 'signal'
}

const inParentheses = (what: string | null): string => (what === null ? '' : ` (${what})`)

function describe(reason: RunFailure, result: AnyResult): string {
  const { exitCode, signal, signalDescription, step } = result
  switch (reason) {
    case 'timeout':
      return step === null ? 'timed out' : `timed out before it ran, at ${step}`
    case 'maxBuffer':
      return 'was ended because its output went beyond maxBuffer'
    case 'signal':
      return `was ended by ${signal}${inParentheses(signalDescription)}`
    case 'exit':
      return exitCode === null
        ? 'ended, but other code took its exit status'
        : `exited with ${exitCode}`
  }
}

/** What run() with `check` rejects with if the program does not exit with 0. */
export class RunError extends Error {
  /** 'RunError' */
  override name = 'RunError'
  /** 'ERR_EXIT_CODE', 'ERR_EXIT_SIGNAL', 'ETIMEDOUT' or 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER': as `reason`. */
  readonly code: string
  /** Why. */
  readonly reason: RunFailure
  /** The executed program; with `shell`, the shell. */
  readonly file: string
  /** Its arguments after argv[0]. */
  readonly spawnargs: readonly string[]
  /** Exit code; null if a signal ended it. */
  readonly exitCode: number | null
  /** The signal that ended it; null if it exited. */
  readonly signal: NodeJS.Signals | null
  /** Whether `timeout` passed. */
  readonly timedOut: boolean
  /** What it wrote to descriptor 1. */
  readonly stdout: string | Buffer
  /** What it wrote to descriptor 2. */
  readonly stderr: string | Buffer
  /** All about how it ended, and what it wrote. */
  readonly result: RunResult<string | Buffer>

  /** @internal */
  constructor(
    { file, args }: { file: string; args: readonly string[] },
    result: RunResult<string | Buffer>,
    overflowed: boolean,
  ) {
    const reason = failureOf(result, overflowed)
    const said = (result.stderr.length > 0 ? result.stderr : result.all).toString().trim()
    const what = `${commandLine(file, args)} ${describe(reason, result)}`
    super(`${what}${said === '' ? '' : `: ${said.slice(-500)}`}`)
    this.code = codes[reason]
    this.reason = reason
    this.file = file
    this.spawnargs = args
    this.exitCode = result.exitCode
    this.signal = result.signal
    this.timedOut = result.timedOut
    this.stdout = result.stdout
    this.stderr = result.stderr
    this.result = result
  }
}

acrossCopies(RunError, 'RunError')

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

/** A function of the caller's did not return; `result` has all output. */
export function stuckError(
  file: string,
  callback: string,
  grace: number,
  option: string,
  result: object,
) {
  const error = new Error(
    `run ${file}: the promise that ${callback} returned has not settled ${grace} ms after the ` +
      `end of the program: have it settle, or give it more time with ${option}`,
  )
  return Object.assign(error, { code: 'ERR_CALLBACK_PENDING', callback, result })
}
