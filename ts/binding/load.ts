import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Binding } from './types.js'

const places = (): string[] => [
  fileURLToPath(new URL('../../build/Release/uring_spawn.node', import.meta.url).href),
  fileURLToPath(
    new URL(`../../prebuilds/linux-${process.arch}/uring_spawn.node`, import.meta.url).href,
  ),
]

let loaded: Binding | undefined

/** The addon of this environment. Throws where it cannot work. */
export function loadBinding(): Binding {
  if (loaded) return loaded
  if (process.platform !== 'linux') {
    throw new Error(
      `uring-spawn needs Linux on x64 or arm64; this is ${process.platform} on ${process.arch}`,
    )
  }
  const file = places().find((place) => existsSync(place))
  if (file === undefined) {
    throw new Error(
      `uring-spawn has no addon for linux on ${process.arch}: looked for ${places().join(' and ')}; build it with npm run build`,
    )
  }
  loaded = createRequire(import.meta.url)(file) as Binding
  return loaded
}
