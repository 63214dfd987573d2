// The files that programs read as they start: themselves, their libraries, and
// of Python and this library what they load.
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { root } from './paths.mjs'

/** A word of a shell command. */
export const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`

/** Where a tool is in the search path `path`; undefined if nowhere. */
export function lookUp(tool, path) {
  const folder = path.split(':').find((folder) => folder && existsSync(join(folder, tool)))
  return folder && resolve(folder, tool)
}

/** Where it is; throws, and says what to do, if it is nowhere. */
export function find(tool, path) {
  const found = lookUp(tool, path)
  if (found) return found
  throw new Error(
    `${tool} is not in PATH (${path}): install it, or let npm run setup -- tools install it`,
  )
}

/** The libraries that a program or library is linked to; a script or a static program has none. */
function libraries(file) {
  try {
    const printed = execFileSync('ldd', [file], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return [...printed.matchAll(/(\/\S+) \(0x/g)].map(([, library]) => library)
  } catch {
    return []
  }
}

/** Files that Python reads for a program that imports json and subprocess. */
function pythonFiles(python) {
  const program = `
import json, os, subprocess, sys
for module in list(sys.modules.values()):
    for name in (getattr(module, '__file__', None), getattr(module, '__cached__', None)):
        if name and os.path.exists(name): print(name)
print(os.path.dirname(os.__file__) + '/lib-dynload')
`
  return execFileSync(python, ['-c', program], { encoding: 'utf8' }).trim().split('\n')
}

/**
 * The files that `programs`, given by their paths, read as they start.
 * @param {string[]} programs
 * @returns {string[]}
 */
export function filesOf(programs) {
  const python = programs.find((file) => basename(file) === 'python3')
  return [
    ...programs,
    ...programs.flatMap((file) => libraries(realpathSync(file))),
    ...(python ? pythonFiles(python) : []),
  ]
}

/**
 * The files that `tools` and this Node read as they start, found through the
 * search path `path`. Throws if a tool is missing.
 * @param {string[]} tools
 * @param {string} path
 * @returns {string[]}
 */
export function programFiles(tools, path) {
  const programs = [...tools.map((tool) => find(tool, path)), realpathSync(process.execPath)]
  return [...filesOf(programs), ...libraries(`${root}build/Release/uring_spawn.node`)]
}

/** A path, and the targets of its symbolic links, with no link among their folders. */
export function* withLinks(path) {
  const real = join(realpathSync(dirname(path)), basename(path))
  yield real
  if (lstatSync(real).isSymbolicLink()) yield* withLinks(resolve(dirname(real), readlinkSync(real)))
}
