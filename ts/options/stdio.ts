/** Reads `stdio`, entry by entry, before anything is opened. */

import { constants } from 'node:fs'
import { argumentError } from '../model/argument-error.js'
import { MAX_FD, MAX_FDS, MAX_FLAGS } from '../model/limits.js'
import { checkInteger, checkObject, checkOneOf, checkString, copyOf, own } from '../model/values.js'
import type { StdioFile } from './options.js'

export type StdioPlan =
  /** `both`: the child reads from it and writes to it. */
  | { kind: 'pipe'; input: boolean; both: boolean }
  | { kind: 'null' }
  /** Another name for the child's descriptor `index`, which is a pipe. */
  | { kind: 'same'; index: number }
  | { kind: 'none' }
  /** A pseudo-terminal, which the child opens as 0, 1 and 2. */
  | { kind: 'pty'; columns: number; rows: number }
  /** Part of it. */
  | { kind: 'tty' }
  | { kind: 'fd'; fd: number; stream?: object }
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

/** Each property is read once, and only if it is the entry's own. */
function planFile(name: string, entry: StdioFile, input: boolean): StdioPlan {
  const path = own(entry, 'path')
  checkString(`${name}.path`, path)
  const flags = own(entry, 'flags') ?? (input ? 'r' : 'w')
  const mode = own(entry, 'mode') ?? 0o666
  checkInteger(`${name}.mode`, mode, 0, 0o7777)
  const number =
    typeof flags === 'string' && Object.hasOwn(openFlags, flags) ? openFlags[flags] : flags
  if (typeof number !== 'number') {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${name}.flags must be O_* flags or one of ${Object.keys(openFlags).join(', ')}, not ${String(flags)}`,
    )
  }
  checkInteger(`${name}.flags`, number, 0, MAX_FLAGS)
  return { kind: 'open', path, flags: number, mode }
}

/** A stream has its methods from its class; a file is a plain object. */
const isFile = (entry: object): entry is StdioFile =>
  Object.hasOwn(entry, 'path') &&
  (entry as { pipe?: unknown }).pipe === (Object.prototype as { pipe?: unknown }).pipe

function streamFd(name: string, stream: object, output: boolean): number {
  const { fd, _handle, readableFlowing } = stream as {
    fd?: unknown
    _handle?: { fd?: unknown } | null
    readableFlowing?: boolean | null
  }
  if (readableFlowing === true && !output) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${name} is a stream that flows already, so the child would miss what has been read: ` +
        'give it before anything reads it, or pause it',
    )
  }
  const found = typeof fd === 'number' ? fd : _handle?.fd
  if (typeof found !== 'number' || found < 0) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${name} is a stream without a file descriptor: use 'pipe', or wait until it is open`,
    )
  }
  return found
}

function planPipe(name: string, entry: object): StdioPlan {
  const direction = own(entry, 'pipe')
  checkOneOf(`${name}.pipe`, direction, ['in', 'out', 'both'])
  return { kind: 'pipe', input: direction !== 'out', both: direction === 'both' }
}

function planEntry(entry: unknown, index: number): StdioPlan {
  const name = `stdio[${index}]`
  const input = index === 0
  switch (entry) {
    case 'pipe':
      return { kind: 'pipe', input, both: false }
    case null:
    case undefined:
      return index < 3 ? { kind: 'pipe', input, both: false } : { kind: 'none' }
    case 'ignore':
      return index < 3 ? { kind: 'null' } : { kind: 'none' }
    case 'inherit':
      return { kind: 'fd', fd: index }
  }
  if (typeof entry === 'number') {
    checkInteger(name, entry, 0, MAX_FD)
    return { kind: 'fd', fd: entry }
  }
  if (typeof entry === 'object' && entry !== null) {
    if (isFile(entry)) return planFile(name, entry, input)
    if (Object.hasOwn(entry, 'pipe')) return planPipe(name, entry)
    const output = index === 1 || index === 2
    return { kind: 'fd', fd: streamFd(name, entry, output), stream: entry }
  }
  throw argumentError(
    'ERR_INVALID_ARG_VALUE',
    `${name} must be 'pipe', 'ignore', 'inherit', a descriptor, a stream, { pipe } or a file, not ${String(entry)}`,
  )
}

/**
 * The plan for each descriptor from 0, at least three. Throws on an entry that
 * cannot be used.
 */
export function planStdio(stdio: unknown): readonly StdioPlan[] {
  if (!Array.isArray(stdio)) {
    if (stdio === 'pty') return planTerminal({ columns: 80, rows: 24 })
    if (typeof stdio === 'object' && stdio !== null) return planTerminal(own(stdio, 'pty'))
    checkOneOf('stdio', stdio, ['pipe', 'ignore', 'inherit', 'pty'])
    return [0, 1, 2].map((index) => planEntry(stdio, index))
  }
  const entries = copyOf(stdio)
  if (entries.length > MAX_FDS) {
    throw argumentError(
      'ERR_OUT_OF_RANGE',
      `stdio has at most ${MAX_FDS} entries, not ${entries.length}`,
    )
  }
  while (entries.length < 3) entries.push(undefined)
  return entries.map(planEntry)
}

/** The most columns, or rows, of a terminal. */
export const MAX_CELLS = 0xffff

function planTerminal(size: unknown): readonly StdioPlan[] {
  checkObject('stdio.pty', size)
  const [columns, rows] = [own(size, 'columns'), own(size, 'rows')]
  checkInteger('stdio.pty.columns', columns, 1, MAX_CELLS)
  checkInteger('stdio.pty.rows', rows, 1, MAX_CELLS)
  return [{ kind: 'tty' }, { kind: 'pty', columns, rows }, { kind: 'tty' }]
}

/** Whether run() collects what is written to it. */
export const isCollected = (plan: StdioPlan | undefined): boolean =>
  plan?.kind === 'pty' || (plan?.kind === 'pipe' && !plan.input)

/** Whether the child gets a terminal. */
export const hasTerminal = (stdio: readonly StdioPlan[] | undefined): boolean =>
  stdio?.[1]?.kind === 'pty'

/** The default of spawn(). */
export const allPipes = planStdio('pipe')
/** The defaults of run(), with an input and without one. */
export const inputAndOutput = allPipes
export const outputOnly = planStdio(['ignore', 'pipe', 'pipe'])

/** `stdio` with descriptor 2 the same as 1. */
export function inOne(stdio: readonly StdioPlan[]): readonly StdioPlan[] {
  return stdio.map((plan, index) => (index === 2 ? { kind: 'same', index: 1 } : plan))
}
