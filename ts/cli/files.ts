/** The files of `batch`: none that it writes may be one that it reads. */
import { type BigIntStats, closeSync, fstatSync, openSync, statSync } from 'node:fs'

/** Where something is read from, or written to. */
export interface Named {
  /** For messages. */
  name: string
  /** A path, or a descriptor of ours. */
  at: string | number
}

/** Undefined if there is none, or none that can be asked. */
function statsOf({ at }: Named): BigIntStats | undefined {
  try {
    return typeof at === 'number'
      ? fstatSync(at, { bigint: true })
      : statSync(at, { bigint: true, throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/**
 * What both are, if that is the same: not by their paths, as links and /dev/stdin lead to the
 * same file.
 */
function shared(one: Named, other: Named): BigIntStats | undefined {
  const a = statsOf(one)
  const b = statsOf(other)
  return a !== undefined && a.dev === b?.dev && a.ino === b.ino ? a : undefined
}

/** Throws unless the file can be opened to read it. A FIFO is left alone: opening it takes a turn. */
export function checkReadable({ name, at }: Named): void {
  if (typeof at === 'number') return
  try {
    const stats = statSync(at)
    if (stats.isDirectory()) throw new Error('EISDIR: it is a directory')
    if (stats.isFile()) closeSync(openSync(at, 'r'))
  } catch (error) {
    throw new Error(`${name} cannot be read: ${(error as Error).message}`)
  }
}

/**
 * Throws if an output is one of the inputs, or `log` one of the other outputs. Opens and
 * changes nothing.
 */
export function checkDistinct(
  inputs: readonly Named[],
  log: Named | undefined,
  printed: readonly Named[],
): void {
  for (const output of log ? [log, ...printed] : printed) {
    for (const input of inputs) {
      // A terminal, socket or /dev/null does not read what is written to it.
      const same = shared(input, output)
      if (!same?.isFile() && !same?.isFIFO()) continue
      throw new Error(
        `${output.name} is the same file as ${input.name}: ` +
          'it would be overwritten while it is read, so name another',
      )
    }
  }
  if (!log) return
  for (const output of printed) {
    if (!shared(log, output)?.isFile()) continue
    throw new Error(
      `${log.name} is the same file as ${output.name}: ` +
        'they would overwrite each other, so name another',
    )
  }
}
