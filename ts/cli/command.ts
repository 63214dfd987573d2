/** Parses a line of `batch`. */

import { argumentError } from '../model/argument-error.js'
import type { BatchCommand } from '../options/options.js'
import { splitWords } from './words.js'

const bad = (message: string) => argumentError('ERR_INVALID_ARG_VALUE', message)

const isWords = (value: unknown): value is [string, ...string[]] =>
  Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === 'string')

function parseJson(text: string): { value: unknown } | { error: Error } {
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    return { error: error as Error }
  }
}

function objectCommand(text: string): BatchCommand {
  const json = parseJson(text)
  if ('error' in json) throw bad(`not a JSON object: ${json.error.message}`)
  const command = json.value as { file?: unknown; args?: unknown; encoding?: unknown }
  if (typeof command.file !== 'string') {
    throw bad('an object needs "file", the name of the program: {"file": "ls", "args": ["-l"]}')
  }
  if (command.args !== undefined && command.args !== null && !Array.isArray(command.args)) {
    throw bad('"args" must be an array of strings')
  }
  if (command.encoding !== undefined) {
    throw bad('"encoding" is not for commands here: output is passed on as bytes')
  }
  return command as BatchCommand
}

/**
 * A line that begins with `{` is a JSON object with `file`, `args` and the options
 * of run(). One that begins with `[` is a JSON array of words, or, if it is not
 * one and a blank follows, the command `[`. All other lines are words, as a
 * shell splits them. Throws an argument error for a bad line.
 */
export function parseCommand(text: string): BatchCommand {
  if (text.startsWith('{')) return objectCommand(text)
  if (!text.startsWith('[')) return splitWords(text) as unknown as BatchCommand
  const json = parseJson(text)
  if ('value' in json && isWords(json.value)) return json.value
  if (/^\[(\s|$)/.test(text)) return splitWords(text) as unknown as BatchCommand
  throw bad(
    `not a JSON array of words: ${'error' in json ? json.error.message : 'its entries must be strings'}`,
  )
}
