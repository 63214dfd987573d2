import type { ExecutableSource } from '../template/executable.js'

/**
 * What the `template` option takes, which template() makes. Known by this
 * symbol, so that what checks options need not know how templates work; other
 * copies of the library know it, too.
 */
export const templateSource: unique symbol = Symbol.for('uring-spawn.template.1')

/** A template that a waiting start holds: closing the template does not close the executable. */
export interface HeldTemplate extends TemplateLike {
  /** The start has begun, or will not. */
  release(): void
}

export const templateHold: unique symbol = Symbol.for('uring-spawn.template.hold.1')

export interface TemplateLike {
  /**
   * Where the executable is, checked now; with `inKernel` a kernel template, if
   * there can be one. Throws a SpawnError. @internal
   */
  [templateSource](inKernel: boolean): ExecutableSource
  /** Holds the executable for a start that begins later. Throws if the template is closed. @internal */
  [templateHold](): HeldTemplate
}

export function isTemplate(value: unknown): value is TemplateLike {
  return typeof value === 'object' && value !== null && templateSource in value
}
