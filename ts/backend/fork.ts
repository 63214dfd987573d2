import { LauncherKind } from '../binding/addon.js'
import type { Backend } from './backend.js'

/** fork and exec: a baseline for measurements. */
export class ForkBackend implements Backend {
  readonly name = 'fork'
  readonly kind = LauncherKind.fork
  readonly templates = false
  readonly automatic = false

  missing(): undefined {
    return undefined
  }
}
