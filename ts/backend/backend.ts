import type { CoreInfo } from '../binding/addon.js'

/** A way to make processes. */
export interface Backend<Name extends string> {
  readonly name: Name
  /** The launcher's number in the C core: its place in uring-native/core/launchers.h. */
  readonly kind: number
  /** Whether it can start from a kernel template. */
  readonly templates: boolean
  /** Whether it makes a kernel template for a start that is not given one. */
  readonly makesTemplates: boolean
  /** Whether 'auto' may pick it. */
  readonly automatic: boolean
  /** Why it does not work here; undefined if it does. */
  missing(info: CoreInfo): string | undefined
}
