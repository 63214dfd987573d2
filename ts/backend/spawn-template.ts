import { type CoreInfo, LauncherKind } from '../binding/addon.js'
import { EOPNOTSUPP, errnoName } from '../model/errno.js'
import type { Backend } from './backend.js'

/**
 * spawn_template_spawn(2) on a native thread: for comparison, or by choice. What it
 * cannot express is left to vfork, as `child.backend` then shows.
 */
export class SpawnTemplateBackend implements Backend {
  readonly name = 'spawn_template'
  readonly kind = LauncherKind.spawn_template
  readonly templates = true
  readonly automatic = false

  missing({ templateErrno }: CoreInfo): string | undefined {
    if (templateErrno === 0) return undefined
    if (templateErrno === EOPNOTSUPP) return 'this kernel has no executable templates'
    return `this kernel has executable templates, but they cannot be used here: ${errnoName(templateErrno)} (CONFIG_SPAWN_TEMPLATE, or a seccomp filter)`
  }
}
