/** Words quoted for a shell. */
import { argumentError } from './argument-error.js'
import { checkString, copyOfStrings, typeName } from './values.js'

/** A word of these alone means itself to every shell. */
const plain = /^[\w@%+:,./-]+$/
/** The same after `=`, if the word cannot be an assignment: '--jobs=4'. */
const option = /^-[\w@%+:,./-]*=[\w@%+=:,./-]*$/
/** Words with a meaning of their own where a command begins. */
const reserved = new Set(
  'case coproc do done elif else esac fi for function if in select then time until while'.split(
    ' ',
  ),
)

function quoteWord(word: string): string {
  const bare = plain.test(word) ? !reserved.has(word) : option.test(word)
  return bare ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/**
 * Quotes a word, or each of several words and joins them by spaces, so that a POSIX
 * shell reads exactly these words: for lines that run with the option `shell`, over
 * ssh, or are shown to people. Throws `ERR_INVALID_ARG_TYPE` for what is not a string,
 * and `ERR_INVALID_ARG_VALUE` for a NUL byte, which no argument can contain.
 */
export function quote(words: string | readonly string[]): string {
  if (Array.isArray(words)) return copyOfStrings('words', words).map(quoteWord).join(' ')
  if (typeof words !== 'string') {
    throw argumentError(
      'ERR_INVALID_ARG_TYPE',
      `words must be a string or an array of strings, not ${typeName(words)}`,
    )
  }
  checkString('words', words)
  return quoteWord(words)
}

/** Longer command lines are cut in messages. */
const LONG = 300

/** A command line for a message; never throws. */
export function commandLine(file: string, args: readonly string[]): string {
  let line = quoteWord(file)
  for (const arg of args) {
    if (line.length > LONG) break
    line += ` ${quoteWord(arg.slice(0, LONG))}`
  }
  return line.length > LONG ? `${line.slice(0, LONG)}…` : line
}
