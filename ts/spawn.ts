import { checkSpawn } from './options/check.js'
import type { SpawnOptions } from './options/types.js'
import { Child } from './process/child.js'
import { closePipes } from './process/descriptors.js'
import { AbortError, Ending } from './process/ending.js'
import { Launch } from './process/launch.js'

/**
 * Starts a program. Resolves once its exec has happened; rejects with a
 * SpawnError that names the step which failed before it, an AbortError, or an
 * argument error. stdio defaults to pipes.
 */
export async function spawn(
  file: string,
  args: readonly string[] = [],
  options: SpawnOptions = {},
): Promise<Child> {
  checkSpawn(file, args, options)
  const { signal, stdio = 'pipe' } = options
  if (signal?.aborted) throw new AbortError(signal)
  const launch = new Launch({ file, args, options, stdio })
  const ending = new Ending(launch, options)
  try {
    const started = await launch.started
    launch.exited.then(() => ending.end())
    return new Child(launch, started)
  } catch (error) {
    ending.end()
    closePipes(launch.pipes)
    if (ending.aborted && signal) throw new AbortError(signal)
    throw error
  }
}
