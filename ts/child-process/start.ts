/** What asynchronous and synchronous starts share: the options and the chain made from them. */
import { constants } from 'node:os'
import { assemble } from '../chain/assemble.js'
import type { Core } from '../core/core.js'
import type { Chain } from '../model/operations.js'
import { inheritedBy } from './inherited.js'
import { type ChildStdio, UnknownEntry } from './stdio.js'

/** What Node's JavaScript hands to its native code. */
export interface SpawnOptions {
  file: string
  args: string[]
  cwd?: string | null
  envPairs: string[]
  detached?: boolean
  stdio?: unknown
  env?: unknown
}

/** How and where children start, for all of an environment. */
export interface Launcher {
  core: Core
  /** The number of the backend's launcher. */
  kind: number
  /** Whether children get the descriptors of ours that are not close-on-exec. */
  inheritFds: boolean
  /** The launcher cannot start it, but Node may. */
  cannot(error: unknown): void
}

/**
 * Why Node has to start it: its native code would get something else from these
 * options, or more.
 */
export function whyNode(options: unknown): string | undefined {
  if (typeof options !== 'object' || options === null) return 'no options'
  const { file, args, envPairs, uid, gid } = options as SpawnOptions & Record<string, unknown>
  if (typeof file !== 'string' || file === '') return 'no file name'
  if (!Array.isArray(args) || args.length === 0) return 'no args'
  if (!args.every((arg) => typeof arg === 'string')) return 'args that are not strings'
  if (!Array.isArray(envPairs)) return 'no envPairs'
  if (!envPairs.every((pair) => typeof pair === 'string')) return 'envPairs that are not strings'
  if ((uid ?? undefined) !== undefined || (gid ?? undefined) !== undefined) return 'uid or gid'
  return undefined
}

/** Why Node starts it after all, for those who follow it. */
export const reasonOf = (error: unknown): string =>
  error instanceof UnknownEntry ? 'an unknown kind of stdio' : (error as Error).message

/** A signal as Node's native code names it, which knows no names of real-time signals. */
export const nativeName = (signal: string): string =>
  Object.hasOwn(constants.signals, signal) ? signal : ''

/** Where glibc's execvp(3) searches if PATH is not set, and so Node; run() looks in more places. */
const EXECVP_PATH = '/bin:/usr/bin'

const PATH = 'PATH='

/** As getenv(3) finds it. */
function pathOf(envPairs: readonly string[]): string {
  for (const pair of envPairs) if (pair.startsWith(PATH)) return pair.slice(PATH.length)
  return EXECVP_PATH
}

/** The chain that starts it with these descriptors. */
export function chainOf(
  { inheritFds }: Launcher,
  options: SpawnOptions,
  { fds, cwd, cwdFd }: ChildStdio,
): Chain {
  const { file, args, envPairs, detached } = options
  const inherited = inheritedBy(options)
  const env = {
    envp: inherited?.envp ?? envPairs,
    path: inherited ? (inherited.path ?? EXECVP_PATH) : pathOf(envPairs),
  }
  const settings = { argv0: args[0], env, inheritFds, detached: detached === true, cwd }
  const rest = args.slice(1)
  return assemble({ file, args: rest, settings, fds, files: [], cwdFd, shell: true })
}
