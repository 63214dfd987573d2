import { existsSync } from 'node:fs'
import nodeModule from 'node:module'
import { isAbsolute } from 'node:path'
import { BINDING_VERSION, type Binding } from './addon.js'

/**
 * This file, or the bundle that it is in. A bundler that makes CommonJS has no
 * import.meta.url, or puts in the address that the file had on its machine. In a worker
 * whose code is a string, every module sees a global `__filename`, '[worker eval]'.
 */
const here = typeof __filename === 'string' && isAbsolute(__filename) ? __filename : import.meta.url

/** webpack puts undefined wherever it sees that name imported. */
const requireOf = (file: string): NodeJS.Require => nodeModule.createRequire(file)

/** For paths from this file, and for packages that it can see. */
const from = requireOf(here)

/** The packages that have the addon for this machine, by libc. Where both are, one loads. */
const platformPackages = ['glibc', 'musl'].map(
  (libc) => `@uring-spawn/linux-${process.arch}-${libc}`,
)

/** Where the addon can be, in the order in which it is looked for. */
const places = (): string[] => [
  // Built here.
  '../../build/Release/uring_spawn.node',
  ...platformPackages.map((name) => `${name}/uring_spawn.node`),
  // Of the machine that packed this.
  `../../prebuilds/linux-${process.arch}/uring_spawn.node`,
  // The library is in a bundle, and the addon lies beside it.
  './uring_spawn.node',
]

/** The paths of those that exist. */
const present = (names: readonly string[]): string[] =>
  names.flatMap((name) => {
    try {
      const file = from.resolve(name)
      return existsSync(file) ? [file] : []
    } catch {
      return []
    }
  })

const requirements = 'g++ make cmake pkg-config liburing-dev'
const advice = `build it with: npx uring-spawn build (on Debian, that needs ${requirements})`

let loaded: Binding | undefined

/** An error that tells the user what to do, with one of Node's codes. */
const unusable = (message: string, cause?: unknown): Error =>
  Object.assign(new Error(`uring-spawn ${message}`, cause === undefined ? {} : { cause }), {
    code: 'ERR_DLOPEN_FAILED',
  })

/** The file that URING_SPAWN_ADDON names, or those found. Throws if there is none. */
function files(): string[] {
  const named = process.env.URING_SPAWN_ADDON
  if (named) {
    if (isAbsolute(named) && existsSync(named)) return [named]
    throw unusable(
      `has no addon at ${named}: URING_SPAWN_ADDON must be the absolute path of a file`,
    )
  }
  const found = present(places())
  if (found.length > 0) return found
  throw unusable(
    `has no addon for linux on ${process.arch}: neither ${platformPackages.join(' nor ')} is installed, ` +
      `and there is none in build/Release or prebuilds; ${advice}. ` +
      'In a bundle, put uring_spawn.node beside it, or its path into URING_SPAWN_ADDON',
  )
}

/** Opens the first that loads here. */
function open(candidates: readonly string[]): { file: string; binding: Binding } {
  const failures: Error[] = []
  for (const file of candidates) {
    try {
      return { file, binding: requireOf(file)(file) as Binding }
    } catch (error) {
      failures.push(error as Error)
    }
  }
  // Another libc, another machine's file, a truncated copy: the loader's message
  // shows which.
  const why = failures.map(({ message }) => message).join('; ')
  throw unusable(
    `cannot load its addon: ${why}. It was built for another system (libc, architecture): ${advice}`,
    failures[0],
  )
}

/**
 * The addon of this environment. Throws, with the code ERR_DLOPEN_FAILED, if there
 * is none for this platform or it cannot be loaded.
 */
export function loadBinding(): Binding {
  if (loaded) return loaded
  if (process.platform !== 'linux') {
    throw unusable(`needs Linux on x64 or arm64; this is ${process.platform} on ${process.arch}`)
  }
  const { file, binding } = open(files())
  if (binding.version !== BINDING_VERSION) {
    throw unusable(
      `has an addon of another version at ${file}, perhaps loaded before an update: restart the program, or ${advice}`,
    )
  }
  loaded = binding
  return loaded
}
