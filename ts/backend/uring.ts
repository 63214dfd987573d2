import { EOPNOTSUPP, errnoName } from '../model/errno.js'
import type { Backend } from './backend.js'

/** One chain of linked SQEs for each process, on a kernel with the series. */
export const uring: Backend<'uring'> = {
  name: 'uring',
  kind: 0,
  templates: true,
  makesTemplates: false,
  automatic: true,

  missing({ spawnErrno, ringErrno }) {
    if (spawnErrno === 0) return undefined
    if (ringErrno !== 0) return `io_uring cannot be used here: ${errnoName(ringErrno)}`
    if (spawnErrno !== EOPNOTSUPP) {
      return `this kernel makes processes through io_uring, but that cannot be used here: ${errnoName(spawnErrno)} (a seccomp filter, or the sysctl kernel.io_uring_spawn)`
    }
    return 'this kernel does not make processes through io_uring (IORING_FEAT_SPAWN)'
  },
}
