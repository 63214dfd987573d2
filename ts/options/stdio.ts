/** What `stdio` asks for, entry by entry, before anything is opened. */
import { constants } from 'node:fs'
import { checkInteger, checkString } from './check.js'
import { argumentError } from './errors.js'
import type { StdioEntry, StdioFile, StdioOption } from './types.js'

export type StdioPlan =
  | { kind: 'pipe'; input: boolean }
  | { kind: 'null' }
  | { kind: 'none' }
  | { kind: 'fd'; fd: number }
  | { kind: 'open'; path: string; flags: number; mode: number }

const openFlags: Record<string, number> = {
  r: constants.O_RDONLY,
  'r+': constants.O_RDWR,
  w: constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC,
  wx: constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_EXCL,
  'w+': constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC,
  a: constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND,
  ax: constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_EXCL,
  'a+': constants.O_RDWR | constants.O_CREAT | constants.O_APPEND,
}

function planFile(name: string, entry: StdioFile, input: boolean): StdioPlan {
  checkString(`${name}.path`, entry.path)
  const { flags = input ? 'r' : 'w', mode = 0o666 } = entry
  checkInteger(`${name}.mode`, mode, 0, 0o7777)
  const number = typeof flags === 'number' ? flags : openFlags[flags]
  if (number === undefined) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${name}.flags must be O_* flags or one of ${Object.keys(openFlags).join(', ')}, not ${String(flags)}`,
    )
  }
  return { kind: 'open', path: entry.path, flags: number, mode }
}

function streamFd(name: string, stream: object): number {
  const { fd, _handle } = stream as { fd?: unknown; _handle?: { fd?: unknown } | null }
  const found = typeof fd === 'number' ? fd : _handle?.fd
  if (typeof found !== 'number' || found < 0) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${name} is a stream without a file descriptor: use 'pipe', or wait until it is open`,
    )
  }
  return found
}

function planEntry(entry: StdioEntry, index: number): StdioPlan {
  const name = `stdio[${index}]`
  const input = index === 0
  switch (entry) {
    case 'pipe':
      return { kind: 'pipe', input }
    case null:
    case undefined:
      return index < 3 ? { kind: 'pipe', input } : { kind: 'none' }
    case 'ignore':
      return index < 3 ? { kind: 'null' } : { kind: 'none' }
    case 'inherit':
      return { kind: 'fd', fd: index }
  }
  if (typeof entry === 'number') {
    checkInteger(name, entry, 0, 2 ** 31 - 1)
    return { kind: 'fd', fd: entry }
  }
  if (typeof entry === 'object') {
    return 'path' in entry && !('pipe' in entry)
      ? planFile(name, entry as StdioFile, input)
      : { kind: 'fd', fd: streamFd(name, entry) }
  }
  throw argumentError(
    'ERR_INVALID_ARG_VALUE',
    `${name} must be 'pipe', 'ignore', 'inherit', a descriptor, a stream or a file, not ${String(entry)}`,
  )
}

/** The plan for each descriptor from 0, at least three. */
export function planStdio(stdio: StdioOption): StdioPlan[] {
  const entries: StdioEntry[] = typeof stdio === 'string' ? [stdio, stdio, stdio] : [...stdio]
  while (entries.length < 3) entries.push(undefined)
  return entries.map(planEntry)
}
