/** A log of the commands that have ended, in the format of GNU parallel's --joblog. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import type { BatchResult } from '../batch/result.js'
import type { BatchCommand } from '../options/options.js'

const columns = [
  'Seq',
  'Host',
  'Starttime',
  'JobRuntime',
  'Send',
  'Receive',
  'Exitval',
  'Signal',
  'Command',
]

/** Which commands of a log are done: all that have ended, or those that exited with 0. */
export type Resume = 'ended' | 'succeeded'

/** A command that has ended. */
export interface Logged {
  /** Its place among all commands, from 1. */
  seq: number
  /** The command in one line. */
  line: string
  /** When it began, in milliseconds since 1970, and for how long it ran. */
  began: number
  duration: number
  /** Bytes of its standard output. */
  received: number
  outcome: BatchResult<BatchCommand, string | Buffer>
}

/** As a shell would report it; -1 for a timeout, as GNU parallel does. */
function exitValue({ error, result }: Logged['outcome']): number {
  if (result?.timedOut) return -1
  if (result) return result.exitCode ?? 0
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT' ? 127 : 126
}

const heading = columns.join('\t')

const keyOf = (seq: string | number, line: string): string => `${seq}\t${line}`

/** What is in a log; nothing if there is none. Throws if the file is something else: it is left alone. */
function readLog(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
  if (heading.startsWith(text) || text.startsWith(`${heading}\n`)) return text
  throw new Error(`${file} is no job log to resume: its first line has other columns`)
}

function doneIn(rows: readonly string[], resume: Resume): Set<string> {
  const done = new Set<string>()
  for (const row of rows) {
    const cells = row.split('\t')
    const [seq = '', , , , , , exit, signal] = cells
    if (!/^\d+$/.test(seq) || cells.length < columns.length) continue
    if (resume === 'succeeded' && (exit !== '0' || signal !== '0')) continue
    done.add(keyOf(seq, cells.slice(columns.length - 1).join('\t')))
  }
  return done
}

function openLog(file: string, append: boolean): number {
  try {
    return openSync(file, append ? 'a' : 'w')
  } catch (error) {
    throw new Error(`--joblog ${file} cannot be written: ${(error as Error).message}`)
  }
}

export class JobLog {
  readonly #fd: number
  readonly #done: ReadonlySet<string>

  /** Begins a new log, or with `resume` continues the one that is there. Throws if it cannot. */
  constructor(file: string, resume: Resume | undefined) {
    const text = resume ? readLog(file) : ''
    // A crash may have left a last row without an end: that command is not done.
    const rows = text.split('\n').slice(0, -1)
    this.#done = doneIn(rows, resume ?? 'ended')
    this.#fd = openLog(file, rows.length > 0)
    if (rows.length > 0 && !text.endsWith('\n')) writeSync(this.#fd, '\n')
    if (rows.length === 0) writeSync(this.#fd, `${heading}\n`)
  }

  /** Whether an earlier run has done this command. */
  has(seq: number, line: string): boolean {
    return this.#done.has(keyOf(seq, line))
  }

  /** Writes the row of a command, in one piece. */
  add({ seq, line, began, duration, received, outcome }: Logged): void {
    const { result } = outcome
    const row = [
      seq,
      ':',
      (began / 1000).toFixed(3),
      (duration / 1000).toFixed(3),
      0,
      received,
      exitValue(outcome),
      result?.signal ? constants.signals[result.signal] : 0,
      line,
    ]
    writeSync(this.#fd, `${row.join('\t')}\n`)
  }

  close(): void {
    closeSync(this.#fd)
  }
}
