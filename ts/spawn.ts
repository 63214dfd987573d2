import { now } from './core/runtime.js'
import { AbortError } from './model/abort-error.js'
import { readSpawn } from './options/check.js'
import type { StdioOf, Strict } from './options/inference.js'
import type { SpawnOptions } from './options/options.js'
import type { Settings } from './options/settings.js'
import { hasTerminal } from './options/stdio.js'
import { Child } from './process/child.js'
import { Launch } from './process/launch.js'
import { Screen } from './process/screen.js'
import { Termination } from './process/termination.js'
import { startTurn } from './process/turn.js'

/**
 * Starts a program and resolves once its exec has happened.
 *
 * Rejects with a SpawnError that names the step that failed, an AbortError if
 * `signal` aborted before, and an argument error (`ERR_INVALID_ARG_TYPE`,
 * `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`, `ERR_UNKNOWN_OPTION`) before
 * anything is created.
 * @param file a name to search for in PATH, or a path
 * @param args the arguments after argv[0]
 * @param options `stdio` makes three pipes by default
 */
export function spawn<const O extends SpawnOptions = Record<never, never>>(
  file: string,
  args: readonly string[] = [],
  options: Strict<O, SpawnOptions> = {} as Strict<O, SpawnOptions>,
): Promise<Child<StdioOf<O>>> {
  return spawning<StdioOf<O>>(() => readSpawn(file, args, options))
}

/** spawn() with the options that `read` returns. @internal */
export async function spawning<S>(read: () => Settings): Promise<Child<S>> {
  const begin = now()
  const asked = read()
  const { signal } = asked
  if (signal?.aborted) throw new AbortError(signal)
  const turn = startTurn(asked)
  const { settings, place } = turn ? await turn : { settings: asked, place: asked.place }
  const termination = new Termination(settings)
  const screen = hasTerminal(settings.stdio) ? new Screen() : undefined
  const launch = termination.arm(() => new Launch({ settings, place, collection: screen, begin }))
  screen?.begin(launch)
  try {
    const started = await launch.started
    if (termination.armed) launch.exited.then((exit) => termination.ended(exit))
    return new Child<S>(launch, started, screen)
  } catch (error) {
    termination.disarm()
    throw termination.errorFor(error)
  }
}
