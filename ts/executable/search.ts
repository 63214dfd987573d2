/**
 * The search of PATH, as in execvp(3): the one place that decides where to look for
 * a program, for chains and for template().
 */
import { Buffer } from 'node:buffer'
import { constants } from 'node:os'

/** Used if PATH is not set. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin'
/** Directories with a longer name are left out: nothing in them can be opened. */
const PATH_MAX = 4096

const { EACCES, ENODEV, ENOENT, ENOTDIR, ESTALE, ETIMEDOUT } = constants.errno
const goOn: ReadonlySet<number> = new Set([EACCES, ENODEV, ENOENT, ENOTDIR, ESTALE, ETIMEDOUT])

/**
 * Whether a search goes on to the next directory after this error (positive). Any
 * other error ends it: if a file exists and cannot be run, no other program may run
 * instead. The core has the same list: chain_goes_on().
 */
export const searchGoesOn = (errno: number): boolean => goOn.has(errno)

/** A directory as the beginning of a path: '' stands for the working directory. */
const prefixOf = (dir: string): string =>
  dir === '' ? './' : dir.replace(/\/{2,}/g, '/').replace(/\/?$/, '/')

/**
 * What to put before a name, one entry for each directory. A repeated path is left
 * out: a second look would find no more.
 *
 * Directories that do not exist, or that a symbolic link makes the same, stay: the
 * child may see them differently (other credentials, a later time), and to check
 * them takes longer. statSync() takes 1.6 times as long as a failed execve(2), for
 * every directory, on this thread, and a cache would have to do the same to know
 * whether it is still right.
 */
function prefixesOf(path: string): readonly string[] {
  const dirs = path.split(':').filter((dir) => Buffer.byteLength(dir) < PATH_MAX)
  return [...new Set(dirs.map(prefixOf))]
}

let cachedPath: string | undefined
let cachedPrefixes: readonly string[] = []

/** Whether `file` is searched for in PATH. */
export const isSearched = (file: string): boolean => !file.includes('/')

/**
 * The paths at which `file` may be, in the order of the search: `file` itself if it
 * has a slash; the empty path, which fails with ENOENT, if every directory's name
 * is too long.
 * @param path the child's PATH; undefined if it is not set
 */
export function candidatesOf(file: string, path = DEFAULT_PATH): string[] {
  if (!isSearched(file)) return [file]
  // The prefixes depend only on the string.
  if (path !== cachedPath) {
    cachedPrefixes = prefixesOf(path)
    cachedPath = path
  }
  return cachedPrefixes.length === 0 ? [''] : cachedPrefixes.map((prefix) => prefix + file)
}
