import type { Writable } from 'node:stream'
import { closePipes } from './chain/descriptors.js'
import { conclude, concludeLate } from './conclude.js'
import { now } from './core/runtime.js'
import { AbortError } from './model/abort-error.js'
import { readRun } from './options/check.js'
import type { Output, Strict } from './options/inference.js'
import { checkInput, InputSource } from './options/input.js'
import type { OutputEncoding, RunOptions } from './options/options.js'
import type { RunSettings } from './options/settings.js'
import type { StdioPlan } from './options/stdio.js'
import { Feed } from './process/feed.js'
import { Launch, type Started } from './process/launch.js'
import { Outputs } from './process/outputs.js'
import { pipeStream } from './process/stream.js'
import { Termination } from './process/termination.js'
import { startTurn } from './process/turn.js'
import type { RunResult } from './run-result.js'
import { RunControl, Running } from './running.js'

/**
 * Runs a program to its end and collects what it writes. Resolves whatever the
 * exit code, and also if `timeout` passed, even if that was before the program ran.
 *
 * Rejects with a SpawnError if it did not start, an AbortError if `signal`
 * aborted, a RunError if `check` is set and it did not exit with 0, and an
 * argument error (`ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`,
 * `ERR_OUT_OF_RANGE`, `ERR_UNKNOWN_OPTION`) before anything is created; with what
 * `onStdout`, `onStderr`, `onLine` or the source of an `input` throws.
 * @param file a name to search for in PATH, or a path
 * @param args the arguments after argv[0]
 * @param options stdin is `input`, or empty without one
 */
export function run<const O extends RunOptions<OutputEncoding> = Record<never, never>>(
  file: string,
  args: readonly string[] = [],
  options: Strict<O, RunOptions<OutputEncoding>> = {} as Strict<O, RunOptions<OutputEncoding>>,
): Running<Output<O>> {
  return running(() => readRun(file, args, options)) as unknown as Running<Output<O>>
}

/** run() with the options that `read` returns. @internal */
export function running(read: () => RunSettings): Running<string | Buffer> {
  const control = new RunControl()
  let result: Promise<RunResult<string | Buffer>>
  // Not by one more async function: it costs another three turns of microtasks.
  try {
    result = runWith(read(), control)
  } catch (error) {
    result = Promise.reject(error)
  }
  return new Running(result, control)
}

/** Whether the caller has a stream for it. */
const isHandled = (plan: StdioPlan, index: number): boolean =>
  plan.kind === 'pipe' && plan.input && (index > 0 || plan.both)

/** For how long a function of the caller's may keep the result waiting once the program has ended. */
function graceOf({ settle, drainGrace }: RunSettings, ending: Termination): number | undefined {
  // With 0, output is not waited for; one that was called with the last bytes has only begun.
  return drainGrace || (drainGrace === 0 || settle === 'exit' ? ending.patience : undefined)
}

/** run() with options that have been read. @internal */
export async function runWith(
  asked: RunSettings,
  control?: RunControl,
): Promise<RunResult<string | Buffer>> {
  const begin = now()
  const outputs = new Outputs(asked)
  if (control) {
    control.settings = asked
    control.outputs = outputs
  }
  let termination: Termination | undefined
  try {
    const { signal } = asked
    if (signal?.aborted) throw new AbortError(signal)
    const turn = startTurn(asked)
    const { settings, place } = turn ? await turn : { settings: asked, place: asked.place }
    const { input } = settings
    checkInput(input)
    const ending = new Termination(settings)
    termination = ending
    const source = input instanceof InputSource ? input : undefined
    outputs.input = input instanceof InputSource ? undefined : input
    outputs.feeds = source !== undefined
    const launch = ending.arm(() => new Launch({ settings, place, collection: outputs, begin }))
    outputs.begin(launch, ending)
    control?.launched(launch)
    const feed = source && new Feed(source, () => ending.terminate('callback'))
    if (feed || settings.stdio.some(isHandled)) launch.hurry()
    let started: Started
    try {
      started = await launch.started
    } catch (error) {
      const late = ending.lateOr(error)
      outputs.abandon()
      return concludeLate(asked, late, launch, begin)
    }
    control?.begun(started)
    const stdin = started.pipes.find(({ index }) => index === 0)
    // Nobody has a handle to the program: it finds them at their end.
    if (!control) closePipes(started.pipes.filter((pipe) => !feed || pipe !== stdin))
    if (feed && launch.terminal) feed.into(launch.terminal.stdin)
    else if (feed && stdin) feed.into(pipeStream(stdin.fd, true) as Writable)
    const exit = await launch.exited
    control?.ended()
    feed?.stop()
    if (asked.killTarget === 'group') await ending.groupEnded()
    if (launch.gone) await launch.gone
    // Once the child was to end, don't wait for grandchildren to close the pipe.
    if (ending.cutsOutput || asked.settle === 'exit') launch.stopOutput()
    else if (asked.drainGrace !== undefined && !outputs.complete) ending.drain(asked.drainGrace)
    const grace = graceOf(asked, ending)
    if (!outputs.complete) await ending.patiently(outputs, grace)
    const thrown = outputs.thrown ?? feed?.thrown
    const { pid } = started
    return conclude({ settings, outputs, start: launch, pid, exit, ending, thrown, grace })
  } catch (error) {
    outputs.abandon()
    throw error
  } finally {
    termination?.disarm()
    if (control) control.over = true
  }
}
