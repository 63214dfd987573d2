import { LauncherKind } from '../binding/addon.js'
import type { Backend } from './backend.js'

/** A child that shares memory until its exec, made by a native thread. */
export class VforkBackend implements Backend {
  readonly name = 'vfork'
  readonly kind = LauncherKind.vfork
  readonly templates = false
  readonly automatic = true

  missing(): undefined {
    return undefined
  }
}
