import { EOPNOTSUPP, errnoName } from '../model/errno.js'
import type { Backend } from './backend.js'

/**
 * A process that is made empty, configured from outside and then run, on a native
 * thread: for comparison, or by choice. What it cannot express is left to vfork, as
 * `child.backend` then shows.
 */
export const builder: Backend<'builder'> = {
  name: 'builder',
  kind: 4,
  templates: false,
  makesTemplates: false,
  automatic: false,

  missing({ embryoErrno }) {
    if (embryoErrno === 0) return undefined
    if (embryoErrno === EOPNOTSUPP) return 'this kernel makes no processes that have not run'
    return `this kernel makes processes that have not run, but they cannot be used here: ${errnoName(embryoErrno)} (CONFIG_PIDFD_SPAWN, or a seccomp filter)`
  },
}
