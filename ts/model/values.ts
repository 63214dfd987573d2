/** Checks for single values. */
import { argumentError } from './argument-error.js'

/** A value, formatted for a message. */
export const show = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value) : String(value)

/** The type of a value, for a message. */
export const typeName = (value: unknown): string => (value === null ? 'null' : typeof value)

/** Throws unless `value` is a string without NUL bytes, which would end it early. */
export function checkString(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') {
    throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a string, not ${typeName(value)}`)
  }
  const nul = value.indexOf('\0')
  if (nul >= 0) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${name} has a NUL byte at index ${nul}: ${show(value)}`,
    )
  }
}

export function checkInteger(
  name: string,
  value: unknown,
  min: number,
  max: number,
): asserts value is number {
  if (typeof value !== 'number') {
    throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a number, not ${typeName(value)}`)
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw argumentError(
      'ERR_OUT_OF_RANGE',
      `${name} must be an integer from ${min} to ${max}, not ${value}`,
    )
  }
}

export function checkObject(name: string, value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null) {
    throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be an object, not ${typeName(value)}`)
  }
}

export function checkOneOf(name: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== 'string' || !known.includes(value)) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${name} must be one of ${known.map(show).join(', ')}, not ${show(value)}`,
    )
  }
}

/** An own property, read once; undefined if it is inherited or absent. */
export function own(bag: object, name: PropertyKey): unknown {
  return Object.hasOwn(bag, name) ? (bag as Record<PropertyKey, unknown>)[name] : undefined
}

/**
 * A copy of an array, each element read once. Holes are undefined, whatever
 * Array.prototype contains.
 */
export function copyOf(values: readonly unknown[]): unknown[] {
  const { length } = values
  const copy = new Array<unknown>(length)
  for (let index = 0; index < length; index++) {
    const value = values[index]
    copy[index] = value === undefined || Object.hasOwn(values, index) ? value : undefined
  }
  return copy
}

/** A copy of an array of strings without NUL bytes. */
export function copyOfStrings(name: string, values: readonly unknown[]): string[] {
  const copy = copyOf(values)
  for (let index = 0; index < copy.length; index++) {
    const value = copy[index]
    // Format the name only for an error: a long list has many.
    if (typeof value !== 'string' || value.includes('\0')) checkString(`${name}[${index}]`, value)
  }
  return copy as string[]
}

/** Throws if `name` is for lines, which end with the byte LF, and not in this encoding. */
export function checkLineEncoding(name: string, encoding: string | undefined): void {
  if (encoding === undefined || !/^(utf-?16le|ucs-?2)$/i.test(encoding)) return
  throw argumentError(
    'ERR_INVALID_ARG_VALUE',
    `${name}: lines end with the byte LF, which ${encoding} has within characters, too: use onStdout`,
  )
}
