import { EOPNOTSUPP, errnoName } from '../model/errno.js'
import type { Backend } from './backend.js'

/**
 * spawn_template_spawn(2) on a native thread: for comparison, or by choice. What it
 * cannot express is left to vfork, as `child.backend` then shows.
 */
export const spawnTemplate: Backend<'spawn_template'> = {
  name: 'spawn_template',
  kind: 3,
  templates: true,
  makesTemplates: true,
  automatic: false,

  missing({ templateErrno }) {
    if (templateErrno === 0) return undefined
    if (templateErrno === EOPNOTSUPP) return 'this kernel has no executable templates'
    return `this kernel has executable templates, but they cannot be used here: ${errnoName(templateErrno)} (CONFIG_SPAWN_TEMPLATE, or a seccomp filter)`
  },
}
