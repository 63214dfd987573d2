/**
 * The search of PATH, as execvp(3) has it: the one place that knows where a
 * program is looked for, for chains and for template().
 */
import { constants } from 'node:os'

/** Where PATH is not set. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin'
/** Directories with a longer name are left out: nothing in them can be opened. */
const PATH_MAX = 4096

const { EACCES, ENODEV, ENOENT, ENOTDIR, ESTALE, ETIMEDOUT } = constants.errno
const goOn: ReadonlySet<number> = new Set([EACCES, ENODEV, ENOENT, ENOTDIR, ESTALE, ETIMEDOUT])

/**
 * Whether a search goes on to the next directory after this error (positive).
 * Any other error ends it: a file that is there and cannot be run must not make
 * another program run. The core has the same list: chain_goes_on().
 */
export const searchGoesOn = (errno: number): boolean => goOn.has(errno)

/** As a path begins: '' stands for the working directory. */
const prefixOf = (dir: string): string =>
  dir === '' ? './' : dir.replace(/\/{2,}/g, '/').replace(/\/?$/, '/')

/**
 * What to put before a name, one entry for each directory. A path that comes
 * again is left out: what was not found there is not found by looking twice.
 *
 * Directories that do not exist, or that a symbolic link makes the same, stay:
 * the child may see them otherwise than we do now (other credentials, another
 * time), and looking at them anew for every start would cost more than the
 * failed lookups that it saves.
 */
function prefixesOf(path: string): readonly string[] {
  const dirs = path.split(':').filter((dir) => Buffer.byteLength(dir) < PATH_MAX)
  return [...new Set(dirs.map(prefixOf))]
}

let cachedPath: string | undefined
let cachedPrefixes: readonly string[] = []

/** Whether `file` is looked for in PATH. */
export const isSearched = (file: string): boolean => !file.includes('/')

/**
 * The paths at which `file` may be, in the order of the search: `file` itself
 * where it has a slash. The empty path, which is ENOENT to run, where every
 * directory's name is too long.
 * @param path the child's PATH; undefined where it is not set
 */
export function candidatesOf(file: string, path = DEFAULT_PATH): string[] {
  if (!isSearched(file)) return [file]
  // Depends on nothing but the string.
  if (path !== cachedPath) {
    cachedPrefixes = prefixesOf(path)
    cachedPath = path
  }
  return cachedPrefixes.length === 0 ? [''] : cachedPrefixes.map((prefix) => prefix + file)
}
