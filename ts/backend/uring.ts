import { type CoreInfo, LauncherKind } from '../binding/types.js'
import { errnoName } from '../errors.js'
import type { Backend } from './backend.js'

/** One chain of linked SQEs per process, on a kernel that has the series. */
export class UringBackend implements Backend {
  readonly name = 'uring'
  readonly kind = LauncherKind.uring
  readonly automatic = true

  missing(info: CoreInfo): string | undefined {
    if (info.spawn) return undefined
    if (info.ringErrno !== 0) return `io_uring cannot be used here: ${errnoName(info.ringErrno)}`
    return 'this kernel does not make processes through io_uring (IORING_FEAT_SPAWN)'
  }
}
