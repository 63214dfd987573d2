import type { CoreInfo } from '../binding/addon.js'
import type { BackendName } from '../model/backend-name.js'

/** A way to make processes. */
export interface Backend {
  readonly name: BackendName
  /** The launcher's number in the C core. */
  readonly kind: number
  /** Whether it can start from a kernel template. */
  readonly templates: boolean
  /** Whether 'auto' may pick it. */
  readonly automatic: boolean
  /** Why it does not work here; undefined if it does. */
  missing(info: CoreInfo): string | undefined
}
