import { AbortError } from './model/abort-error.js'
import type { BackendName } from './model/backend-name.js'
import { errnoName } from './model/errno.js'
import type { ResourceUsage } from './model/exit.js'
import { readRun } from './options/check.js'
import type { Output, Strict } from './options/inference.js'
import type { RunOptions } from './options/options.js'
import type { RunSettings } from './options/settings.js'
import { Launch } from './process/launch.js'
import { Termination } from './process/termination.js'
import { startTurn } from './process/turn.js'

const MAX_BUFFER = 100 * 1024 * 1024

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
   * Why it could not be ended when `timeout`, `signal` or `overflow` wanted that:
   * code EPERM for a program of another user, which then ran to its own end. Else null.
   */
  killError: NodeJS.ErrnoException | null
  /** What it used. */
  rusage: ResourceUsage
  /** The backend that made it. */
  backend: BackendName
  /** Whether the kernel started it from a template. */
  fromTemplate: boolean
}

/** The error of run() with `check` if the program did not exit with 0. */
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

/** Output until its end, by descriptor. */
class Outputs {
  truncated = false
  /** The first that could not be read to its end. */
  failed: { index: number; errno: number } | undefined
  /** The first that no string can hold. */
  tooLong: { index: number; length: number } | undefined
  readonly #bytes = new Map<number, Buffer>()
  #missing = 0
  #whole: () => void = () => {}
  readonly whole: Promise<void>

  constructor(count: number) {
    this.#missing = count
    this.whole = new Promise((resolve) => {
      this.#whole = resolve
    })
    if (count === 0) this.#whole()
  }

  add(index: number, bytes: Buffer, truncated: boolean, errno: number): void {
    this.#bytes.set(index, bytes)
    if (errno !== 0) this.failed ??= { index, errno }
    this.truncated ||= truncated
    if (--this.#missing === 0) this.#whole()
  }

  /** As text, or as bytes where no string can be that long. */
  get(index: number, encoding: BufferEncoding | 'buffer'): string | Buffer {
    const bytes = this.#bytes.get(index) ?? Buffer.alloc(0)
    if (encoding === 'buffer') return bytes
    try {
      return bytes.toString(encoding)
    } catch {
      this.tooLong ??= { index, length: bytes.length }
      return bytes
    }
  }
}

/** What was read before is in its `result`. */
function readError(
  file: string,
  { index, errno }: { index: number; errno: number },
  result: object,
) {
  const code = errnoName(errno)
  const error = new Error(`run ${file}: reading stdio[${index}] failed: ${code}`)
  return Object.assign(error, { code, errno: -errno, syscall: 'read', result })
}

/** Its `result` has the bytes. */
function longError(
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

/**
 * Runs a program to its end and collects what it writes. Resolves whatever its
 * exit code.
 *
 * Rejects with a SpawnError if it did not start, an AbortError if `signal`
 * aborted, a RunError if `check` is set and it did not exit with 0, and an
 * argument error (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`,
 * `ERR_OUT_OF_RANGE`, `ERR_UNKNOWN_OPTION`) before anything is created.
 * @param file a name that is searched in PATH, or a path
 * @param args the arguments after argv[0]
 * @param options stdin is `input`, or empty without one
 */
export async function run<const O extends RunOptions = Record<never, never>>(
  file: string,
  args: readonly string[] = [],
  options: Strict<O, RunOptions> = {} as Strict<O, RunOptions>,
): Promise<RunResult<Output<O>>> {
  return runWith(readRun(file, args, options)) as Promise<RunResult<Output<O>>>
}

/** run(), of what has been read. @internal */
export async function runWith(asked: RunSettings): Promise<RunResult<string | Buffer>> {
  const { file, signal, encoding = 'utf8', maxBuffer = MAX_BUFFER, overflow, check } = asked
  if (signal?.aborted) throw new AbortError(signal)
  const turn = startTurn(asked)
  const settings = turn ? await turn : asked
  const outputs = new Outputs(
    settings.stdio.filter((plan) => plan.kind === 'pipe' && !plan.input).length,
  )
  const launch = new Launch({
    settings,
    collection: {
      max: maxBuffer,
      input: settings.input,
      output: (index, bytes, truncated, errno) => outputs.add(index, bytes, truncated, errno),
      overflow: () => {
        if (overflow === 'kill') termination.terminate()
      },
    },
  })
  const termination = new Termination(launch, settings)
  try {
    const { pid } = await launch.started.catch((error) => {
      throw termination.errorFor(error)
    })
    const exit = await launch.exited
    // After a timeout or abort, don't wait for grandchildren to close the pipe.
    if (termination.cutsOutput) launch.stopOutput()
    await outputs.whole
    const result = {
      pid,
      exitCode: exit.code,
      signal: exit.signal,
      stdout: outputs.get(1, encoding),
      stderr: outputs.get(2, encoding),
      truncated: outputs.truncated,
      timedOut: termination.timedOut,
      killError: termination.failed ?? null,
      rusage: exit.rusage,
      backend: launch.backend,
      fromTemplate: launch.fromTemplate,
    }
    if (outputs.failed) throw readError(file, outputs.failed, result)
    if (outputs.tooLong) throw longError(file, outputs.tooLong, encoding, result)
    if (termination.aborted && signal) throw Object.assign(new AbortError(signal), { result })
    if (check && (exit.code !== 0 || termination.timedOut)) throw new RunError(file, result)
    return result
  } finally {
    termination.disarm()
  }
}
