import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, URL } from 'node:url'
import { BINDING_VERSION, type Binding } from './addon.js'

const places = (): string[] => [
  fileURLToPath(new URL('../../build/Release/uring_spawn.node', import.meta.url).href),
  fileURLToPath(
    new URL(`../../prebuilds/linux-${process.arch}/uring_spawn.node`, import.meta.url).href,
  ),
]

let loaded: Binding | undefined

/** An error that tells the user what to do, with one of Node's codes. */
const unusable = (message: string, cause?: unknown): Error =>
  Object.assign(new Error(`uring-spawn ${message}`, cause === undefined ? {} : { cause }), {
    code: 'ERR_DLOPEN_FAILED',
  })

/** Opens the addon, if there is one. */
function open(file: string): Binding {
  try {
    return createRequire(import.meta.url)(file) as Binding
  } catch (error) {
    // Another libc, another machine's file, a truncated copy: the loader's message
    // shows which.
    const { message } = error as Error
    throw unusable(
      `cannot load its addon: ${message}. It was built for another system (libc, architecture): build it with npm run build`,
      error,
    )
  }
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
  const file = places().find((place) => existsSync(place))
  if (file === undefined) {
    throw unusable(
      `has no addon for linux on ${process.arch}: looked for ${places().join(' and ')}; build it with npm run build`,
    )
  }
  const binding = open(file)
  if (binding.version !== BINDING_VERSION) {
    throw unusable(
      `has an addon of another version at ${file}, perhaps loaded before an update: restart the program, or build it with npm run build`,
    )
  }
  loaded = binding
  return loaded
}
