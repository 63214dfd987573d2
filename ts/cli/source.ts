/** The commands of `batch`, from its input. */
import type { Readable } from 'node:stream'
import { quote } from '../model/quote.js'
import type { BatchCommand } from '../options/options.js'
import { parseCommand } from './command.js'
import { linesOf } from './lines.js'

/** How input becomes commands. */
export interface SourceOptions {
  /** Records end with NUL, not with LF. */
  byNul: boolean
  /**
   * Words of a command that each record is an argument of: in place of every `{}`, or
   * after the last word. Without it each record is a command.
   */
  words: readonly string[] | undefined
}

/** A record of the input that is not skipped. */
export interface Entry {
  /** Its line, or record, in the input, from 1. */
  number: number
  command: BatchCommand | undefined
  /** Why it has no command. */
  error: Error | undefined
  /** The argument that it is, for a command that is given in words. */
  item: string | undefined
}

const PLACE = '{}'

/** `words` with `item` in every place, or at the end if there is none. */
export function withItem(words: readonly string[], item: string): BatchCommand {
  const filled = words.some((word) => word.includes(PLACE))
    ? words.map((word) => word.replaceAll(PLACE, () => item))
    : [...words, item]
  return filled as unknown as BatchCommand
}

/**
 * Whether a record is left out: an empty line, and among commands a comment. A NUL marks
 * each record on purpose, so an empty one is an argument, too.
 */
function isSkipped(text: string | undefined, { byNul, words }: SourceOptions): boolean {
  if (words) return text === '' && !byNul
  const line = text?.trim()
  return line === '' || line?.startsWith('#') === true
}

function read(text: string | undefined, words: readonly string[] | undefined): BatchCommand {
  if (text === undefined) throw new TypeError('not UTF-8')
  return words ? withItem(words, text) : parseCommand(text.trim())
}

/** Yields what `input` has, as it arrives. */
export async function* entriesOf(
  input: Readable,
  options: SourceOptions,
): AsyncGenerator<Entry, undefined> {
  const { byNul, words } = options
  for await (const { number, text } of linesOf(input, byNul)) {
    if (isSkipped(text, options)) continue
    const item = words && text
    try {
      yield { number, item, command: read(text, words), error: undefined }
    } catch (error) {
      yield { number, item, command: undefined, error: error as Error }
    }
  }
}

/** How many commands there are; for a file that can be read twice. */
export async function countEntries(input: Readable, options: SourceOptions): Promise<number> {
  let count = 0
  for await (const { text } of linesOf(input, options.byNul)) {
    if (!isSkipped(text, options)) count++
  }
  return count
}

/** What would end the line, or could not be seen in it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are meant
const control = /[\0-\x1f\x7f]/

/** A command as one line that `batch` reads, and, if it is words, a shell. */
export function lineOf(command: BatchCommand): string {
  if ('file' in command || command.some((word) => control.test(word))) {
    return JSON.stringify(command)
  }
  return quote(command)
}
