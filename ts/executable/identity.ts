/** Whether an executable is still the file that was opened. */
import type { BigIntStats } from 'node:fs'

const fields = ['dev', 'ino', 'size', 'mode', 'uid', 'gid', 'ctimeNs', 'mtimeNs'] as const

/** The properties that make a file the same executable. */
export type Identity = Readonly<Record<(typeof fields)[number], bigint>>

export function identityOf(stats: BigIntStats): Identity {
  const { dev, ino, size, mode, uid, gid, ctimeNs, mtimeNs } = stats
  return { dev, ino, size, mode, uid, gid, ctimeNs, mtimeNs }
}

export function sameIdentity(a: Identity, b: Identity): boolean {
  return fields.every((field) => a[field] === b[field])
}
