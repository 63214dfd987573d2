/** The result of a program that run() or runSync() has run, or the error that tells of it. */
import { Buffer } from 'node:buffer'
import type { BackendName } from './backend/backends.js'
import { now } from './core/runtime.js'
import { AbortError } from './model/abort-error.js'
import { type Exit, noUsage } from './model/exit.js'
import type { SpawnError } from './model/spawn-error.js'
import type { RunSettings } from './options/settings.js'
import type { Outputs } from './process/outputs.js'
import type { TerminationReason } from './process/termination-rules.js'
import { longError, RunError, type RunResult, readError, stuckError } from './run-result.js'

type AnyResult = RunResult<string | Buffer>

/** How the program was started. */
interface Start {
  /** What was executed; with `shell`, the shell. */
  file: string
  args: readonly string[]
  /** The backend that made it; of one that was not made, the requested one. */
  backend: BackendName
  fromTemplate: boolean
}

/** Whether, and why, it was ended before its time. */
interface Ending {
  readonly timedOut: boolean
  readonly aborted: boolean
  readonly reason: TerminationReason | undefined
  readonly failed: NodeJS.ErrnoException | undefined
}

/** A program that has ended, and its outputs, too. */
export interface Ended {
  settings: RunSettings
  outputs: Outputs
  start: Start
  pid: number
  exit: Exit
  ending: Ending
  /** What a function or an input of the caller's has thrown. */
  thrown?: { error: unknown } | undefined
  /** For how many milliseconds its functions have been waited for. */
  grace?: number | undefined
}

const noBytes = Buffer.alloc(0)

/** Its result. Throws if the call is to reject. */
export function conclude({
  settings,
  outputs,
  start,
  pid,
  exit,
  ending,
  thrown,
  grace = 0,
}: Ended): AnyResult {
  const { file, signal, encoding = 'utf8', check } = settings
  const none = encoding === 'buffer' ? noBytes : ''
  const stdout = outputs.get(1, encoding)
  const stderr = outputs.get(2, encoding)
  const result = {
    pid,
    exitCode: exit.code,
    signal: exit.signal,
    signalDescription: exit.signalDescription,
    coreDumped: exit.coreDumped,
    stdout: settings.all ? none : stdout,
    stderr,
    all: settings.all ? stdout : none,
    stdio: settings.stdio.map((_, index) => {
      if (!outputs.has(index)) return null
      return index === 1 ? stdout : index === 2 ? stderr : outputs.get(index, encoding)
    }),
    truncated: outputs.truncated,
    timedOut: ending.timedOut,
    aborted: ending.aborted,
    step: null,
    killError: ending.failed ?? null,
    durationMs: exit.durationMs,
    rusage: exit.rusage,
    backend: start.backend,
    fromTemplate: start.fromTemplate,
  }
  if (thrown) throw thrown.error
  // After a timeout or abort, the result says that this was cut short.
  if (outputs.stuck && ending.reason === undefined) {
    throw stuckError(
      file,
      outputs.stuck,
      grace,
      settings.drainGrace ? 'drainGrace' : 'killGrace',
      result,
    )
  }
  if (outputs.failed) throw readError(file, outputs.failed, result)
  if (outputs.tooLong) throw longError(file, outputs.tooLong, encoding, result)
  if (ending.aborted && signal) throw Object.assign(new AbortError(signal), { result })
  if (check && (exit.code !== 0 || ending.timedOut)) {
    throw new RunError(start, result, ending.reason === 'maxBuffer')
  }
  return result
}

/**
 * The result of a call that began at `begin`, whose timeout passed before the program ran, as
 * `late` says. Throws with `check`.
 */
export function concludeLate(
  { encoding, check }: RunSettings,
  late: SpawnError,
  start: Start,
  begin: number,
): AnyResult {
  const text = encoding === 'buffer' ? noBytes : ''
  const result = {
    pid: null,
    exitCode: null,
    signal: null,
    signalDescription: null,
    coreDumped: false,
    stdout: text,
    stderr: text,
    all: text,
    stdio: [],
    truncated: false,
    timedOut: true,
    aborted: false,
    step: late.step,
    killError: null,
    durationMs: now() - begin,
    rusage: noUsage(),
    backend: start.backend,
    fromTemplate: false,
  }
  if (check) throw new RunError(start, result, false)
  return result
}
