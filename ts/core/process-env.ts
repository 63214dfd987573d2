/** The environment variables of this process: what a child gets without the option `env`. */
import * as v8 from 'node:v8'
import { isMainThread } from 'node:worker_threads'
import { loadBinding } from '../binding/load.js'
import { type EnvVars, envVarsOf } from '../model/envvars.js'
import { isNode } from './runtime.js'

/** Whether V8 reports that native code made `object`: no program can make such an object. */
function isNative(object: object): boolean {
  let native = false
  const serializer = new v8.Serializer()
  // The method that V8 calls for objects of native code, according to its
  // documentation.
  Object.assign(serializer, {
    _writeHostObject(host: object) {
      native ||= host === object
    },
  })
  try {
    serializer.writeValue(object)
  } catch {}
  return native
}

/**
 * Whether process.env may be the C library's environment. In a worker it is a
 * copy, or shared with threads that write at any time; Bun and Deno keep their own.
 */
const mayBeNative = isMainThread && isNode

const noVariables: NodeJS.ProcessEnv = Object.freeze({})

/** process.env; a program may have deleted it. */
export const currentEnv = (): NodeJS.ProcessEnv => process.env ?? noVariables

/** The last object in process.env, and whether it shows the C library's environment. */
let last: { env: object; native: boolean } | undefined
/**
 * The contents of `last` when the C library's environment had that version; without
 * `environ`, process.env does not show what is there: bytes that are not UTF-8, or a
 * name that is there twice.
 */
let cached: { version: number; environ: EnvVars | undefined } | undefined

/** Reading the real process.env takes a call into C++ for each variable. */
function readNative(env: object): EnvVars {
  const names = Object.keys(env)
  const envp: string[] = []
  for (const name of names) {
    const value = (env as Record<string, string | undefined>)[name]
    if (value !== undefined) envp.push(`${name}=${value}`)
  }
  return { envp, path: (env as NodeJS.ProcessEnv).PATH }
}

/** Whether `env`, what process.env is now, shows the C library's environment. */
function showsNative(env: object): boolean {
  if (last?.env !== env) {
    last = { env, native: mayBeNative && isNative(env) }
    cached = undefined
  }
  return last.native
}

/**
 * The contents of the real process.env. They are cached while the C library's
 * environment still has the same bytes.
 */
function nativeEnvVars(env: object): EnvVars {
  const binding = loadBinding()
  const version = binding.envVarsVersion()
  if (version !== 0 && cached?.version === version && cached.environ) return cached.environ
  const environ = readNative(env)
  cached = undefined
  if (version === 0) return environ
  // Another thread may have changed it meanwhile; then don't cache this.
  const same = binding.envVarsAre(environ.envp.join('\0'))
  if (same) Object.freeze(environ.envp)
  cached = { version, environ: same ? environ : undefined }
  return environ
}

/**
 * The current contents of process.env, whichever object that is, or nothing if a
 * program has deleted it. Throws an argument error for a bad object that a program has
 * put in its place.
 */
export function inheritedEnvVars(): EnvVars {
  const env = currentEnv()
  return showsNative(env) ? nativeEnvVars(env) : envVarsOf('process.env', env, true)
}

/** The same if it can be had without reading process.env each time; otherwise undefined. */
export function cachedEnvVars(): EnvVars | undefined {
  const env = currentEnv()
  if (!showsNative(env)) return undefined
  const version = loadBinding().envVarsVersion()
  if (version === 0) return undefined
  if (cached?.version !== version) nativeEnvVars(env)
  return cached?.version === version ? cached.environ : undefined
}

/** Whether `env` is the copy of the C library's environment that is kept. */
export const isKept = (env: EnvVars): boolean => cached?.environ === env
