import type { CoreInfo } from '../binding/addon.js'
import { currentEnv, isKept } from '../core/process-env.js'
import { argumentError } from '../model/argument-error.js'
import type { EnvVars } from '../model/envvars.js'
import type { Backend } from './backend.js'
import { type BackendName, backends, currentName } from './backends.js'

/** Where the name of the backend comes from, for messages. */
const VARIABLE = 'URING_SPAWN_BACKEND'

/** The variable's value in an environment that does not change. */
let found: { env: EnvVars; value: string | undefined } | undefined

/** The variable's value. To ask process.env takes longer than everything else here. */
function variableOf(env: EnvVars | undefined): string | undefined {
  if (env === undefined || !isKept(env)) return currentEnv()[VARIABLE] || undefined
  if (found?.env !== env) {
    const begin = `${VARIABLE}=`
    const entry = env.envp.find((entry) => entry.startsWith(begin))
    found = { env, value: entry?.slice(begin.length) || undefined }
  }
  return found.value
}

/** The first backend that works with that core. */
let automatic: { info: CoreInfo; backend: Backend<BackendName> } | undefined

function bestOf(info: CoreInfo): Backend<BackendName> {
  if (automatic?.info !== info) {
    const works = (b: Backend<BackendName>) => b.automatic && b.missing(info) === undefined
    automatic = { info, backend: backends.find(works) as Backend<BackendName> }
  }
  return automatic.backend
}

/**
 * The backend for a start: the one that the option names, otherwise the one in the
 * variable URING_SPAWN_BACKEND, otherwise the first that works. Throws an argument
 * error if the named one does not exist or does not work.
 * @param env the environment that the call has read, if it has read one
 */
export function selectBackend(
  info: CoreInfo,
  option: BackendName | 'auto' | undefined,
  env?: EnvVars,
): Backend<BackendName> {
  const wanted = currentName(option ?? variableOf(env) ?? 'auto')
  if (wanted === 'auto') return bestOf(info)
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
