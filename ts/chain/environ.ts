/** The program's own environment as a child gets it. */
import { isMainThread } from 'node:worker_threads'
import { loadBinding } from '../binding/load.js'

export interface Environ {
  /** `NAME=value`, always the same array where it is the same environment. */
  readonly envp: readonly string[]
  readonly path: string | undefined
}

/** `NAME=value` of what is not undefined. */
export function environmentOf(env: Readonly<Record<string, string | undefined>>): string[] {
  const list: string[] = []
  for (const name of Object.keys(env)) {
    const value = env[name]
    if (value !== undefined) list.push(`${name}=${value}`)
  }
  return list
}

function read(): Environ {
  return { envp: Object.freeze(environmentOf(process.env)), path: process.env.PATH }
}

/** In workers, and elsewhere than on Node, process.env is not the C library's. */
const cacheable = isMainThread && process.versions.bun === undefined && !('Deno' in globalThis)

let cached: { version: number; environ: Environ } | undefined

export function inheritedEnviron(): Environ {
  if (!cacheable) return read()
  const version = loadBinding().environVersion()
  if (cached?.version !== version) cached = { version, environ: read() }
  return cached.environ
}
