/**
 * Spares spawn() the reading of process.env. Without `env`, Node before version 26 reads
 * it variable by variable at each start, which takes longer than to queue the start.
 */
import { cachedEnvVars } from '../core/process-env.js'
import type { EnvVars } from '../model/envvars.js'

/** Of what Node's JavaScript makes of the arguments. */
interface MadeOptions {
  env?: unknown
  envPairs: string[]
}

/**
 * Stands for the environment of this process in the option `env`: to Node's JavaScript
 * an object without variables.
 */
class InheritedEnv {
  readonly #vars: EnvVars

  constructor(vars: EnvVars) {
    this.#vars = vars
  }

  static varsOf(env: unknown): EnvVars | undefined {
    return typeof env === 'object' && env !== null && #vars in env ? env.#vars : undefined
  }
}

/** Node passes on what it finds in the prototype, too. */
function prototypeHasVariables(): boolean {
  for (const _ in {}) return true
  return false
}

/** Where Node looks for the options among the arguments of spawn(). */
const placeOfOptions = ([, args]: readonly unknown[]): number =>
  args === undefined || args === null || Array.isArray(args) ? 2 : 1

/**
 * The arguments of spawn(), with an InheritedEnv if there is no `env`. The same
 * arguments if Node would refuse them, or if the environment has to be read.
 */
export function withInheritedEnv(given: unknown[]): unknown[] {
  const place = placeOfOptions(given)
  const options = given[place]
  if (typeof given[0] !== 'string' || prototypeHasVariables()) return given
  if (options !== undefined && (typeof options !== 'object' || options === null)) return given
  if (Array.isArray(options)) return given
  // As Node copies them: a getter is called once, and an error of it is thrown here.
  const copy = { __proto__: null, ...options } as { env?: unknown }
  const vars = copy.env ? undefined : cachedEnvVars()
  if (vars) copy.env = new InheritedEnv(vars)
  return place === 2 ? [given[0], given[1], copy] : [given[0], copy]
}

/** Puts the variables in place, in the options that Node has made from these arguments. */
export function giveInheritedEnv(options: unknown): void {
  const made = options as MadeOptions | null | undefined
  const vars = InheritedEnv.varsOf(made?.env)
  // A copy, as Node adds variables for a channel.
  if (vars) (made as MadeOptions).envPairs = [...vars.envp]
}

/** The environment of this process, if `options` have it and nothing besides it. */
export function inheritedBy({ env, envPairs }: MadeOptions): EnvVars | undefined {
  const vars = InheritedEnv.varsOf(env)
  return vars?.envp.length === envPairs.length ? vars : undefined
}
