import type { ExecutableSource } from './executable.js'

/**
 * The value of the `template` option, as template() makes it. A symbol marks it, so
 * that checking options does not depend on templates; other copies of the library
 * know the symbol, too.
 */
export const templateSource: unique symbol = Symbol.for('uring-spawn.template.1')

/** A template that a waiting start holds: closing the template does not close the executable. */
export interface HeldTemplate extends TemplateLike {
  /** The start has begun, or never will. */
  release(): void
}

export const templateHold: unique symbol = Symbol.for('uring-spawn.template.hold.1')

/** Absent in templates of older copies of the library. */
export const templateGoesOn: unique symbol = Symbol.for('uring-spawn.template.goes-on.1')

export interface TemplateLike {
  /**
   * Whether a chain that its kernel template refuses executes the file by itself: no
   * start has to be retried then. @internal
   */
  readonly [templateGoesOn]?: boolean
  /**
   * Checks where the executable is now; with `inKernel` makes a kernel template, if
   * possible. Throws a SpawnError. @internal
   */
  [templateSource](inKernel: boolean): ExecutableSource
  /** Holds the executable for a start that begins later. Throws if the template is closed. @internal */
  [templateHold](): HeldTemplate
}

export function isTemplate(value: unknown): value is TemplateLike {
  return typeof value === 'object' && value !== null && templateSource in value
}
