import type { Backend } from './backend.js'

/** A child that shares memory until its exec. */
export const vfork: Backend<'vfork'> = {
  name: 'vfork',
  kind: 1,
  templates: false,
  makesTemplates: false,
  automatic: true,
  missing: () => undefined,
}
