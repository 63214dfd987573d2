import type { BackendName } from './backend/backend.js'
import type { ResourceUsage } from './chain/exit.js'
import { errnoName } from './errors.js'
import { checkRun } from './options/check.js'
import { argumentError } from './options/errors.js'
import { planStdio } from './options/stdio.js'
import type { RunOptions, StdioOption } from './options/types.js'
import { AbortError, Ending } from './process/ending.js'
import { Launch } from './process/launch.js'
import { type Asked, startTurn } from './process/turn.js'
import type { Output, Strict } from './types.js'

const MAX_BUFFER = 100 * 1024 * 1024

export interface RunResult<T = string> {
  pid: number
  /** null where a signal ended it. */
  exitCode: number | null
  signal: NodeJS.Signals | null
  /** Empty where stdio gives it no pipe. */
  stdout: T
  stderr: T
  /** Output went beyond maxBuffer. */
  truncated: boolean
  timedOut: boolean
  rusage: ResourceUsage
  /** What made it. */
  backend: BackendName
  /** Whether the kernel started it from a template. */
  fromTemplate: boolean
}

/** With `check`, a run that did not exit with 0. */
export class RunError extends Error {
  override name = 'RunError'
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

  get(index: number, encoding: BufferEncoding | 'buffer'): string | Buffer {
    const bytes = this.#bytes.get(index) ?? Buffer.alloc(0)
    return encoding === 'buffer' ? bytes : bytes.toString(encoding)
  }
}

const stdioOf = ({ stdio, input }: RunOptions): StdioOption =>
  stdio ?? [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']

/** Input goes through a pipe, or it would silently go nowhere. */
function checkInput(options: RunOptions): void {
  const { input } = options
  const stdio = stdioOf(options)
  const first = typeof stdio === 'string' ? stdio : stdio[0]
  if (input === undefined || first === 'pipe' || first === null || first === undefined) return
  throw argumentError(
    'ERR_INVALID_ARG_VALUE',
    "input needs stdio[0] to be 'pipe': leave it out, or leave out the input",
  )
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

/**
 * Runs a program and collects what it writes. Resolves whatever its exit
 * status, unless `check` asks for a RunError. Rejects with a SpawnError where
 * it did not start, with an AbortError where `signal` ended it. stdin is the
 * input, or empty.
 */
export async function run<const O extends RunOptions = Record<never, never>>(
  file: string,
  args: readonly string[] = [],
  options: Strict<O, RunOptions> = {} as Strict<O, RunOptions>,
): Promise<RunResult<Output<O>>> {
  checkRun(file, args, options)
  const asked: Asked = { args, options }
  const { signal, encoding = 'utf8', maxBuffer = MAX_BUFFER, overflow } = asked.options
  if (signal?.aborted) throw new AbortError(signal)
  checkInput(asked.options)
  const turn = startTurn(asked)
  const { environ, options: known, args: words } = turn ? await turn : asked
  if (turn && signal?.aborted) throw new AbortError(signal)
  const { input } = known
  const plans = planStdio(stdioOf(known))
  const outputs = new Outputs(plans.filter((plan) => plan.kind === 'pipe' && !plan.input).length)
  const launch = new Launch({
    file,
    args: words,
    options: known,
    plans,
    environ,
    collection: {
      max: maxBuffer,
      input: typeof input === 'string' ? Buffer.from(input) : input,
      output: (index, bytes, truncated, errno) => outputs.add(index, bytes, truncated, errno),
      overflow: () => {
        if (overflow === 'kill') ending.begin()
      },
    },
  })
  const ending = new Ending(launch, known)
  try {
    const { pid } = await launch.started.catch((error) => {
      throw ending.why(error)
    })
    const exit = await launch.exited
    // Who is told to end it does not wait for grandchildren to let go.
    if (ending.timedOut || ending.aborted) launch.stopOutput()
    await outputs.whole
    const result = {
      pid,
      exitCode: exit.code,
      signal: exit.signal,
      stdout: outputs.get(1, encoding) as Output<O>,
      stderr: outputs.get(2, encoding) as Output<O>,
      truncated: outputs.truncated,
      timedOut: ending.timedOut,
      rusage: exit.rusage,
      backend: launch.backend,
      fromTemplate: launch.fromTemplate,
    }
    if (outputs.failed) throw readError(file, outputs.failed, result)
    if (ending.aborted && signal) throw Object.assign(new AbortError(signal), { result })
    if (known.check && (exit.code !== 0 || ending.timedOut)) throw new RunError(file, result)
    return result
  } finally {
    ending.end()
  }
}
