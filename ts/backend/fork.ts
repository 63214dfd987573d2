import type { Backend } from './backend.js'

/** fork and exec: a baseline for measurements. */
export const fork: Backend<'fork'> = {
  name: 'fork',
  kind: 2,
  templates: false,
  automatic: false,
  missing: () => undefined,
}
