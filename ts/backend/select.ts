import type { CoreInfo } from '../binding/types.js'
import { argumentError } from '../options/errors.js'
import type { Backend, BackendName } from './backend.js'
import { ForkBackend } from './fork.js'
import { TemplateBackend } from './template.js'
import { UringBackend } from './uring.js'
import { VforkBackend } from './vfork.js'

/** All there are, the best first. */
export const backends: readonly Backend[] = [
  new UringBackend(),
  new TemplateBackend(),
  new VforkBackend(),
  new ForkBackend(),
]

/**
 * The backend for a spawn: the option's, else URING_SPAWN_BACKEND's, else the
 * first that works. Throws where the one asked for does not.
 */
export function selectBackend(info: CoreInfo, option: BackendName | 'auto' | undefined): Backend {
  const fromEnv = process.env.URING_SPAWN_BACKEND
  const wanted = option ?? (fromEnv === '' ? undefined : fromEnv) ?? 'auto'
  if (wanted === 'auto') {
    return backends.find((b) => b.automatic && b.missing(info) === undefined) as Backend
  }
  const backend = backends.find(({ name }) => name === wanted)
  if (backend === undefined) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `URING_SPAWN_BACKEND must be auto, ${backends.map(({ name }) => name).join(', ')}, not ${JSON.stringify(wanted)}`,
    )
  }
  const why = backend.missing(info)
  if (why !== undefined) {
    throw argumentError('ERR_INVALID_ARG_VALUE', `backend ${wanted} does not work: ${why}`)
  }
  return backend
}
