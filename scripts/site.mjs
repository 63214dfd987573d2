// How TypeDoc is run, wherever the clone lies.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'

const typedoc = join(
  createRequire(import.meta.url).resolve('typedoc/package.json'),
  '../bin/typedoc',
)

/**
 * A pattern that matches this path alone. TypeDoc escapes what is special in the path of
 * its configuration, and then takes the backslashes for a part of the folder's name. So each
 * such character becomes a set of characters, with the same one twice: a set of one is
 * a plain character again.
 */
const patternOf = (path) =>
  path.replaceAll(/[?*()[\]{}\\]/g, (character) => `[${`\\${character}`.repeat(2)}]`)

/**
 * The command that makes the site of the project in `folder`, as its typedoc.json says;
 * to be run there.
 * @param {string} folder
 * @param {string[]} [args]  more for TypeDoc
 * @returns {string[]}
 */
export function siteCommand(folder, args = []) {
  const options = JSON.parse(readFileSync(join(folder, 'typedoc.json'), 'utf8'))
  const patterns = ['entryPoints', 'projectDocuments'].flatMap((name) =>
    (options[name] ?? []).flatMap((path) => [`--${name}`, patternOf(join(folder, path))]),
  )
  return [process.execPath, typedoc, ...patterns, ...args]
}
