/** Environment variables, as a child gets them. */
import { argumentError } from './argument-error.js'
import { checkString, show } from './values.js'

export interface EnvVars {
  /** `NAME=value`; the same frozen array as long as it is the same environment. */
  readonly envp: readonly string[]
  /** PATH, if it is set. */
  readonly path: string | undefined
}

/**
 * The variables of `env`, each read once, inherited names included as with
 * node:child_process. Undefined values are left out, and so are inherited ones that
 * are not strings: some library has added them to Object.prototype.
 * @param name what messages call it
 * @param coerce whether other values become strings, as in the real process.env
 */
export function envVarsOf(name: string, env: object, coerce = false): EnvVars {
  const envp: string[] = []
  let path: string | undefined
  for (const key in env) {
    let value = (env as Record<string, unknown>)[key]
    if (value === undefined) continue
    if (typeof value !== 'string') {
      if (!Object.hasOwn(env, key)) continue
      if (coerce) value = `${value}`
    }
    checkString(`${name}.${key}`, value)
    if (key === '' || key.includes('=') || key.includes('\0')) badName(name, key)
    envp.push(`${key}=${value}`)
    if (key === 'PATH') path = value
  }
  return { envp, path }
}

function badName(name: string, key: string): never {
  checkString(`${name}: a variable's name`, key)
  throw argumentError('ERR_INVALID_ARG_VALUE', `${name}: ${show(key)} cannot be a name`)
}
