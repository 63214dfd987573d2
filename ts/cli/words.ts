/** Splits a line into words as a shell does, without running or expanding anything. */
import { argumentError } from '../model/argument-error.js'

const word = /\s*((?:[^\s"'\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)/y
const piece = /\\(.)|'([^']*)'|"((?:[^"\\]|\\.)*)"|([^"'\\]+)/g

const unquote = (quoted: string): string =>
  quoted.replace(
    piece,
    (_all, escaped?: string, single?: string, double?: string, bare?: string) =>
      double === undefined
        ? (escaped ?? single ?? bare ?? '')
        : double.replace(/\\(["\\$`])/g, '$1'),
  )

/** The words of `line`. Throws an argument error if a quote is not closed. */
export function splitWords(line: string): string[] {
  const words: string[] = []
  const text = line.trimEnd()
  word.lastIndex = 0
  while (word.lastIndex < text.length) {
    const at = word.lastIndex
    const match = word.exec(text)
    if (match?.[1] === undefined) {
      throw argumentError(
        'ERR_INVALID_ARG_VALUE',
        `a quote or backslash at column ${at + 1} has no end: ${JSON.stringify(text)}`,
      )
    }
    words.push(unquote(match[1]))
  }
  return words
}
