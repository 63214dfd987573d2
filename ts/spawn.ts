import { readSpawn } from './options/check.js'
import type { SpawnOptions } from './options/types.js'
import { Child } from './process/child.js'
import { AbortError, Ending } from './process/ending.js'
import { Launch } from './process/launch.js'
import { startTurn } from './process/turn.js'
import type { StdioOf, Strict } from './types.js'

/**
 * Starts a program. Resolves once its exec has happened; rejects with a
 * SpawnError that names the step which failed before it, an AbortError, or an
 * argument error. stdio defaults to pipes.
 */
export async function spawn<const O extends SpawnOptions = Record<never, never>>(
  file: string,
  args: readonly string[] = [],
  options: Strict<O, SpawnOptions> = {} as Strict<O, SpawnOptions>,
): Promise<Child<StdioOf<O>>> {
  const asked = readSpawn(file, args, options)
  const { signal } = asked
  if (signal?.aborted) throw new AbortError(signal)
  const turn = startTurn(asked)
  const settings = turn ? await turn : asked
  const launch = new Launch({ settings, collection: undefined })
  const ending = new Ending(launch, settings)
  try {
    const started = await launch.started
    if (ending.armed) launch.exited.then(() => ending.end())
    return new Child<StdioOf<O>>(launch, started)
  } catch (error) {
    ending.end()
    throw ending.why(error)
  }
}
