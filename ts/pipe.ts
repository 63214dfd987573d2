/** Programs whose outputs are each other's inputs. */
import { loadBinding } from './binding/load.js'
import { AbortError } from './model/abort-error.js'
import { argumentError } from './model/argument-error.js'
import { SpawnError } from './model/spawn-error.js'
import { partsOf, readRun } from './options/check.js'
import type { RunOptions } from './options/options.js'
import type { RunSettings } from './options/settings.js'
import type { StdioPlan } from './options/stdio.js'
import { runWith } from './run.js'
import type { RunResult } from './run-result.js'

/** One program: its words, or an object with the options of run(). */
export type PipeCommand =
  | readonly [file: string, ...args: string[]]
  | (Omit<RunOptions, 'encoding'> & {
      /** A name to search for in PATH, or a path. */
      file: string
      /** The arguments after argv[0]. */
      args?: readonly string[]
    })

function read(command: PipeCommand): RunSettings {
  const { file, args, options } = partsOf(command, 'pipe()')
  if (options.encoding !== undefined) {
    throw argumentError('ERR_INVALID_ARG_VALUE', 'encoding is no option of a command of pipe()')
  }
  return readRun(file, args, options)
}

/** Throws an argument error if the descriptor is wanted for something else. */
function checkFree(settings: RunSettings, index: 0 | 1, which: string): void {
  const plan = settings.stdio[index]
  const taken = index === 0 ? settings.input !== undefined : settings.onStdout || settings.all
  const free = plan?.kind === 'pipe' && !plan.both && plan.input === (index === 0)
  if (!taken && (free || (index === 0 && plan?.kind === 'null'))) return
  const [what, options] =
    index === 0
      ? ['reads what the one before it writes', 'input']
      : ['is read by the next one', 'all and onStdout']
  throw argumentError(
    'ERR_INVALID_ARG_VALUE',
    `${which} ${what}: leave out its ${options}, and stdio[${index}] or make that 'pipe'`,
  )
}

const replace = (stdio: readonly StdioPlan[], index: number, fd: number): readonly StdioPlan[] =>
  stdio.map((plan, at) => (at === index ? { kind: 'fd', fd } : plan))

/** Opens a pipe between each two; `fds` gets all ends. */
function connect(commands: readonly RunSettings[], fds: number[]): RunSettings[] {
  const stdio = commands.map((settings) => settings.stdio)
  commands.slice(1).forEach(({ file, args }, before) => {
    const pair = loadBinding().pipe()
    if (typeof pair === 'number') {
      throw new SpawnError({ errno: -pair, step: 'stdio[0]', syscall: 'pipe2', file, args })
    }
    fds.push(...pair)
    stdio[before] = replace(stdio[before] as readonly StdioPlan[], 1, pair[1])
    stdio[before + 1] = replace(stdio[before + 1] as readonly StdioPlan[], 0, pair[0])
  })
  return commands.map((settings, at) =>
    Object.freeze({ ...settings, stdio: stdio[at] as readonly StdioPlan[] }),
  )
}

type Outcome = RunResult | undefined

/** The first error, in the order of the programs; an abort's only if there is no other. */
function errorOf(settled: readonly PromiseSettledResult<unknown>[]): unknown {
  const errors = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
  return errors.find((error) => !(error instanceof AbortError)) ?? errors[0]
}

const resultOf = (settled: PromiseSettledResult<RunResult>): Outcome =>
  settled.status === 'fulfilled'
    ? settled.value
    : (settled.reason as { result?: RunResult } | undefined)?.result

/**
 * Runs programs, each of which reads what the one before it writes, through a pipe with no
 * JavaScript in between. Resolves once all have ended, to their results in order: the last
 * one's `stdout` is the output, and each has its own `stderr`. The first may have an `input`.
 *
 * Rejects, once all have ended, with the error that run() would reject with for the first
 * of them that failed, with their results as `results`, undefined for those that did not
 * start; and with an argument error before anything is created.
 * @param commands two or more: words, or objects with `file`, `args` and the options of run()
 */
export async function pipe(
  ...commands: [PipeCommand, PipeCommand, ...PipeCommand[]]
): Promise<RunResult[]> {
  if (commands.length < 2) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      'pipe() needs two commands or more: run() takes one',
    )
  }
  const asked = commands.map(read)
  asked.forEach((settings, at) => {
    if (at > 0) checkFree(settings, 0, `command ${at} of pipe()`)
    if (at < commands.length - 1) checkFree(settings, 1, `command ${at} of pipe()`)
  })
  const fds: number[] = []
  let running: Promise<RunResult>[]
  try {
    // Each start has copies of its own when its call returns.
    running = connect(asked, fds).map((settings) => runWith(settings) as Promise<RunResult>)
  } finally {
    for (const fd of fds) loadBinding().close(fd)
  }
  const settled = await Promise.allSettled(running)
  const results = settled.map(resultOf)
  if (settled.every(({ status }) => status === 'fulfilled')) return results as RunResult[]
  const error = errorOf(settled)
  throw typeof error === 'object' && error !== null ? Object.assign(error, { results }) : error
}
