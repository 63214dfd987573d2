import type { Backend } from './backend.js'

/** fork and exec: a baseline for measurements. */
export const fork: Backend<'fork'> = {
  name: 'fork',
  kind: 2,
  templates: false,
  makesTemplates: false,
  automatic: false,
  missing: () => undefined,
}
