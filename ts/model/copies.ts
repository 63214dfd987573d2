/**
 * A program can have several copies of the library: one for import and one for
 * require(), one for each of Jest's test files, two versions.
 */

/**
 * Makes `value instanceof type` true for what another copy's `type` has made. A subclass
 * of a program's own keeps the usual meaning.
 */
export function acrossCopies(type: abstract new (...args: never[]) => object, name: string): void {
  const mark = Symbol.for(`uring-spawn.${name}.1`)
  Object.defineProperty(type.prototype, mark, { value: true })
  Object.defineProperty(type, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this === type) return typeof value === 'object' && value !== null && mark in value
      return Function.prototype[Symbol.hasInstance].call(this as typeof type, value)
    },
  })
}
