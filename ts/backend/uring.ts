import { type CoreInfo, LauncherKind } from '../binding/addon.js'
import { EOPNOTSUPP, errnoName } from '../model/errno.js'
import type { Backend } from './backend.js'

/** One chain of linked SQEs for each process, on a kernel with the series. */
export class UringBackend implements Backend {
  readonly name = 'uring'
  readonly kind = LauncherKind.uring
  readonly templates = true
  readonly automatic = true

  missing(info: CoreInfo): string | undefined {
    if (info.spawnErrno === 0) return undefined
    if (info.ringErrno !== 0) return `io_uring cannot be used here: ${errnoName(info.ringErrno)}`
    if (info.spawnErrno !== EOPNOTSUPP) {
      return `this kernel makes processes through io_uring, but that cannot be used here: ${errnoName(info.spawnErrno)} (a seccomp filter, or the sysctl kernel.io_uring_spawn)`
    }
    return 'this kernel does not make processes through io_uring (IORING_FEAT_SPAWN)'
  }
}
