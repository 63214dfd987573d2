/** The message about an option that a call does not have. */
import { show } from '../model/values.js'
import { batchReads, type Reads, runReads, spawnReads, templateReads } from './reads.js'

/** The edit distance from `a` to `b`. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** The options of each call, for the message about another call's option. */
const takenBy: Readonly<Record<string, Reads>> = {
  spawn: spawnReads,
  run: runReads,
  batch: batchReads,
  template: templateReads,
}

/**
 * The known name that `name` was probably meant to be: at most two wrong letters,
 * or one in three.
 */
function nearest(name: string, known: Reads): string | undefined {
  const near = Object.keys(known)
    .map((other) => ({ other, changes: distance(name.toLowerCase(), other.toLowerCase()) }))
    // Of two that are as near, the first letter is hardly the wrong one.
    .sort(
      (a, b) =>
        a.changes - b.changes || Number(b.other[0] === name[0]) - Number(a.other[0] === name[0]),
    )[0]
  const most = Math.min(name.length - 1, Math.max(2, Math.floor(name.length / 3)))
  return near && near.changes <= most ? near.other : undefined
}

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

export function unknownOption(name: string, call: string, known: Reads): string {
  const others = Object.entries(takenBy)
    .filter(([, reads]) => Object.hasOwn(reads, name))
    .map(([other]) => `${other}()`)
  if (others.length > 0) {
    return `unknown option ${show(name)} of ${call}(): it is an option of ${listed(others)}`
  }
  const meant = nearest(name, known)
  const hint = meant === undefined ? '' : `; the nearest known one is ${show(meant)}`
  return `unknown option ${show(name)} of ${call}()${hint}`
}
