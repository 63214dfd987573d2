// Where things are kept that outlive a clone: kernels, and what is measured beside ours.
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import process from 'node:process'
import { root } from './paths.mjs'

/** Whether this user can write to a folder, or make it. */
export function canWrite(folder) {
  if (!existsSync(folder)) return dirname(folder) !== folder && canWrite(dirname(folder))
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The user's home, or undefined where there is none that can be written to. */
export function home() {
  try {
    return canWrite(homedir()) ? homedir() : undefined
  } catch {
    // A user without an entry in /etc/passwd.
    return undefined
  }
}

/** An environment for npm, which keeps a cache at home: in the clone if there is no home. */
export function npmEnvironment() {
  const at = home()
  if (at && canWrite(join(at, '.npm'))) return process.env
  return {
    ...process.env,
    npm_config_cache: join(root, 'out/npm-cache'),
    HOME: at ?? join(root, 'out'),
  }
}

/**
 * Whether make(1) can build a kernel in a folder: it and its shell read the name, so
 * there must be no blank and no character that means something to them.
 */
const isPlain = (folder) => /^[\p{L}\p{N}/._+,@=-]+$/u.test(folder)

/** A folder of this user's alone where everybody may write. */
function temporary() {
  const folder = `/var/tmp/uring-spawn-${process.getuid()}`
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (statSync(folder).uid === process.getuid()) return folder
  throw new Error(`${folder} is another user's: set XDG_CACHE_HOME to a folder of your own`)
}

/**
 * `$XDG_CACHE_HOME/uring-spawn`, by default in ~/.cache; where that cannot be
 * written to, or has a blank in its name, out/cache of the clone; where that is no
 * better, a folder of this user's in /var/tmp.
 */
export function cacheFolder() {
  const named = process.env.XDG_CACHE_HOME ?? ''
  const at = isAbsolute(named) ? named : home() && join(home(), '.cache')
  const places = [...(at ? [join(at, 'uring-spawn')] : []), join(root, 'out/cache')]
  return places.find((folder) => isPlain(folder) && canWrite(folder)) ?? temporary()
}
