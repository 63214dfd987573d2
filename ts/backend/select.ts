import type { CoreInfo } from '../binding/addon.js'
import { currentEnv } from '../core/process-env.js'
import { argumentError } from '../model/argument-error.js'
import type { Backend } from './backend.js'
import { type BackendName, backends, currentName } from './backends.js'

/** Where the name of the backend comes from, for messages. */
const VARIABLE = 'URING_SPAWN_BACKEND'

/**
 * The backend for a start: the one that the option names, otherwise the one in the
 * variable URING_SPAWN_BACKEND, otherwise the first that works. Throws an argument
 * error if the named one does not exist or does not work.
 */
export function selectBackend(
  info: CoreInfo,
  option: BackendName | 'auto' | undefined,
): Backend<BackendName> {
  const variable = currentEnv()[VARIABLE] || undefined
  const wanted = currentName(option ?? variable ?? 'auto')
  if (wanted === 'auto') {
    return backends.find(
      (b) => b.automatic && b.missing(info) === undefined,
    ) as Backend<BackendName>
  }
  const origin = option === undefined ? VARIABLE : 'backend'
  const backend = backends.find(({ name }) => name === wanted)
  if (backend === undefined) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${origin} must be one of auto, ${backends.map(({ name }) => name).join(', ')}, not ${JSON.stringify(wanted)}`,
    )
  }
  const why = backend.missing(info)
  if (why !== undefined) {
    throw argumentError('ERR_INVALID_ARG_VALUE', `${origin} ${wanted} does not work: ${why}`)
  }
  return backend
}
