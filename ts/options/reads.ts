/**
 * How each option is read: checked, and copied into a form that the caller can no
 * longer change. A new option of spawn() begins with a line in `spawnReads`; what
 * that line returns is the type of the checked option in Settings.
 */
import { Buffer } from 'node:buffer'
import { type BackendName, backends, currentName } from '../backend/backends.js'
import type { Abortable } from '../core/abort.js'
import { isTemplate, type TemplateLike } from '../executable/template-like.js'
import { argumentError } from '../model/argument-error.js'
import { type EnvVars, envVarsOf } from '../model/envvars.js'
import { MAX_FD, MAX_ID, MAX_MILLISECONDS, MAX_PID } from '../model/limits.js'
import { type RlimitName, rlimitNames } from '../model/rlimits.js'
import { signalNumber } from '../model/signals.js'
import {
  checkInteger,
  checkObject,
  checkOneOf,
  checkString,
  copyOf,
  own,
  show,
  typeName,
} from '../model/values.js'
import { isUrl, pathOf, readInput } from './input.js'
import type { BatchProgress, MaxBuffer } from './options.js'
import { planStdio, type StdioPlan } from './stdio.js'

/** Throws an argument error, or returns the checked value of the option `name`. */
export type Read<T = unknown> = (name: string, value: unknown) => T

/** The readers of a call's options, by name. */
export type Reads = Readonly<Record<string, Read>>

/** What the readers `R` return; undefined for an option that the call does not have. */
export type Checked<R extends Reads> = {
  readonly [Name in keyof R]: ReturnType<R[Name]> | undefined
}

const boolean: Read<boolean> = (name, value) => {
  if (typeof value !== 'boolean') {
    throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a boolean, not ${typeName(value)}`)
  }
  return value
}
const string: Read<string> = (name, value) => {
  checkString(name, value)
  return value
}
const oneOf =
  <const T extends string>(...known: readonly T[]): Read<T> =>
  (name, value) => {
    checkOneOf(name, value, known)
    return value as T
  }
const integer =
  (min: number, max: number): Read<number> =>
  (name, value) => {
    checkInteger(name, value, min, max)
    return value
  }
const stringOrFd: Read<string | number> = (name, value) => {
  if (typeof value === 'number') checkInteger(name, value, 0, MAX_FD)
  else checkString(name, value)
  return value as string | number
}

const size: Read<number> = (name, value) => {
  if (value !== Number.POSITIVE_INFINITY) checkInteger(name, value, 0, Number.MAX_SAFE_INTEGER)
  return value as number
}
const callback =
  <A extends unknown[]>(): Read<(...args: A) => unknown> =>
  (name, value) => {
    if (typeof value !== 'function') {
      throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a function`)
    }
    return value as (...args: A) => unknown
  }

const outputNames = ['stdout', 'stderr', 'all'] as const

/** `what` says what the array's elements are. */
const integers =
  (what: string, max: number): Read<readonly number[]> =>
  (name, value) => {
    if (!Array.isArray(value)) {
      throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be an array of ${what}`)
    }
    const copy = copyOf(value)
    copy.forEach((number, index) => {
      checkInteger(`${name}[${index}]`, number, 0, max)
    })
    return copy as number[]
  }

const currentBackend = oneOf<BackendName | 'auto'>('auto', ...backends.map(({ name }) => name))

/** Recognised as in Node: by its property `aborted` and its events. */
function isAbortSignal(value: unknown): value is Abortable {
  return (
    typeof value === 'object' &&
    value !== null &&
    'aborted' in value &&
    typeof (value as Abortable).addEventListener === 'function' &&
    typeof (value as Abortable).removeEventListener === 'function'
  )
}

/** A resource limit. */
export interface Limit {
  readonly soft: number
  readonly hard: number
}

function readLimit(name: string, value: unknown): Limit {
  const bag = typeof value === 'object' && value !== null ? value : { soft: value, hard: value }
  const limit = { soft: own(bag, 'soft'), hard: own(bag, 'hard') }
  for (const number of [limit.soft, limit.hard]) {
    if (number !== Number.POSITIVE_INFINITY) {
      checkInteger(name, number, 0, Number.MAX_SAFE_INTEGER)
    }
  }
  const { soft, hard } = limit as Limit
  if (soft > hard) {
    throw argumentError('ERR_OUT_OF_RANGE', `${name}: soft ${soft} is above hard ${hard}`)
  }
  return { soft, hard }
}

/** The options of spawn(), which every other call that starts a program has, too. */
export const spawnReads = {
  /** A path, or a directory's descriptor. */
  cwd(name: string, value: unknown): string | number {
    if (!isUrl(value)) return stringOrFd(name, value)
    return pathOf(name, value)
  },
  env(name: string, value: unknown): EnvVars {
    checkObject(name, value)
    return envVarsOf(name, value)
  },
  argv0: string,
  stdio: (_name: string, value: unknown): readonly StdioPlan[] => planStdio(value),
  timeout: integer(0, MAX_MILLISECONDS),
  killSignal(name: string, value: unknown): number {
    const number = signalNumber(name, value)
    if (number === 0) {
      throw argumentError(
        'ERR_OUT_OF_RANGE',
        `${name} must be a signal that can end a child: 0 sends none`,
      )
    }
    return number
  },
  killGrace(name: string, value: unknown): number | false {
    if (value === false) return false
    checkInteger(name, value, 0, MAX_MILLISECONDS)
    return value
  },
  killTarget: oneOf('child', 'group'),
  onParentExit: oneOf('kill', 'leave'),
  signal(name: string, value: unknown): Abortable {
    if (!isAbortSignal(value)) {
      throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be an AbortSignal`)
    }
    return value
  },
  detached: boolean,
  processGroup: integer(0, MAX_PID),
  uid: integer(0, MAX_ID),
  gid: integer(0, MAX_ID),
  groups: integers('numbers', MAX_ID),
  noNewPrivs: boolean,
  umask: integer(0, 0o777),
  nice: integer(-20, 19),
  rlimits(name: string, value: unknown): Readonly<Partial<Record<RlimitName, Limit>>> {
    checkObject(name, value)
    const limits = Object.create(null)
    for (const resource of Object.keys(value)) {
      checkOneOf(`${name}: a limit's name`, resource, rlimitNames)
      const limit = (value as Record<string, unknown>)[resource]
      limits[resource] = readLimit(`${name}.${resource}`, limit)
    }
    return limits
  },
  /** A path, or a directory's descriptor. */
  cgroup: stringOrFd,
  inheritFds: boolean,
  shell(name: string, value: unknown): boolean | string {
    if (typeof value !== 'boolean') checkString(name, value)
    return value
  },
  template(name: string, value: unknown): TemplateLike {
    if (!isTemplate(value)) {
      throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a result of template()`)
    }
    return value
  },
  backend(name: string, value: unknown): BackendName | 'auto' {
    return currentBackend(name, typeof value === 'string' ? currentName(value) : value)
  },
}

/** The options of run(). */
export const runReads = {
  ...spawnReads,
  input: readInput,
  encoding(name: string, value: unknown): BufferEncoding | 'buffer' {
    if (value !== 'buffer' && (typeof value !== 'string' || !Buffer.isEncoding(value))) {
      throw argumentError(
        'ERR_INVALID_ARG_VALUE',
        `${name} must be a known encoding: ${show(value)}`,
      )
    }
    return value
  },
  maxBuffer(name: string, value: unknown): number | Readonly<MaxBuffer> {
    if (typeof value !== 'object' || value === null) return size(name, value)
    const sizes: MaxBuffer = {}
    for (const output of Object.keys(value)) {
      checkOneOf(`${name}: an output's name`, output, outputNames)
      const most = own(value, output)
      if (most !== undefined) sizes[output as keyof MaxBuffer] = size(`${name}.${output}`, most)
    }
    return sizes
  },
  keep: oneOf('head', 'tail', 'both'),
  all: boolean,
  onStdout: callback<[Buffer]>(),
  onStderr: callback<[Buffer]>(),
  onLine: callback<[string, 'stdout' | 'stderr' | 'all']>(),
  overflow: oneOf('truncate', 'kill'),
  settle: oneOf('exit', 'close'),
  drainGrace: integer(0, MAX_MILLISECONDS),
  check: boolean,
}

/** An option that `what` cannot have, which says why. */
const refused =
  (what: string, why: string): Read<never> =>
  (name) => {
    throw argumentError('ERR_INVALID_ARG_VALUE', `${name} is not for ${what}: ${why}`)
  }

const notCalled = 'no function is called while it blocks; read the result, or use run()'

/** The options of runSync(). */
export const runSyncReads = {
  ...runReads,
  signal: refused('runSync()', 'nothing can abort it while it blocks; use timeout, or run()'),
  onStdout: refused('runSync()', notCalled),
  onStderr: refused('runSync()', notCalled),
  onLine: refused('runSync()', notCalled),
}

/** What a command of a batch has besides the options of run(). */
const retries = integer(0, Number.MAX_SAFE_INTEGER)

/** The options of a command of a batch. */
export const commandReads = {
  ...runReads,
  retries,
  encoding: refused('a command', 'all of a batch have one encoding; give it to batch()'),
}

/** The options of batch(). */
export const batchReads = {
  ...runReads,
  retries,
  input: refused('a whole batch', 'give each command its own'),
  concurrency: integer(1, 65536),
  total: integer(0, Number.MAX_SAFE_INTEGER),
  bail: boolean,
  jobserver(name: string, value: unknown): boolean | 'fifo' | 'pipe' {
    if (typeof value !== 'boolean') checkOneOf(name, value, ['fifo', 'pipe'])
    return value as boolean | 'fifo' | 'pipe'
  },
  onProgress: callback<[BatchProgress]>(),
}

/** The options of template(). */
export const templateReads = { onStale: oneOf('recreate', 'error'), learn: boolean }

/** The options of a Ring. */
export const ringReads = { backend: spawnReads.backend }

/** The options of Ring.submit(). */
export const submitReads = { closeFds: integers('descriptors', MAX_FD) }
