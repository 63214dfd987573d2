import type { ExecutableSource } from '../template/executable.js'

/**
 * What the `template` option takes, which template() makes. Known by this
 * symbol, so that what checks options need not know how templates work; other
 * copies of the library know it, too.
 */
export const templateSource: unique symbol = Symbol.for('uring-spawn.template.1')

/** A template that a start waits with: closing it does not take it away. */
export interface HeldTemplate extends TemplateLike {
  /** The start has begun, or will not. */
  release(): void
}

export const templateHold: unique symbol = Symbol.for('uring-spawn.template.hold.1')

export interface TemplateLike {
  /**
   * Where the executable is, made sure of now; with `inKernel` from a kernel
   * template, where there can be one. Throws a SpawnError. @internal
   */
  [templateSource](inKernel: boolean): ExecutableSource
  /** For a start that is to begin later. Throws where it is closed. @internal */
  [templateHold](): HeldTemplate
}

export function isTemplate(value: unknown): value is TemplateLike {
  return typeof value === 'object' && value !== null && templateSource in value
}
