/** Options are checked before anything is created. */
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { rlimitNames } from '../chain/assemble.js'
import { argumentError } from './errors.js'
import { isTemplate } from './template.js'
import type { RunOptions, SpawnOptions } from './types.js'

export { argumentError }

const show = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value) : String(value)

/** A string without NUL, which would end it early. */
export function checkString(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') {
    throw argumentError(
      'ERR_INVALID_ARG_TYPE',
      `${name} must be a string, not ${value === null ? 'null' : typeof value}`,
    )
  }
  const nul = value.indexOf('\0')
  if (nul >= 0) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${name} has a NUL byte at index ${nul}: ${show(value)}`,
    )
  }
}

export function checkInteger(name: string, value: unknown, min: number, max: number): void {
  if (typeof value !== 'number') {
    throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a number, not ${typeof value}`)
  }
  if (!Number.isInteger(value) || value < min || value > max) {
    throw argumentError(
      'ERR_OUT_OF_RANGE',
      `${name} must be an integer from ${min} to ${max}, not ${value}`,
    )
  }
}

const MAX_TIMER = 2 ** 31 - 1
const MAX_ID = 2 ** 32 - 2

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

const boolean = (name: string, value: unknown): void => {
  if (typeof value !== 'boolean') {
    throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a boolean, not ${typeof value}`)
  }
}
const oneOf =
  (...known: readonly string[]) =>
  (name: string, value: unknown): void => {
    if (typeof value !== 'string' || !known.includes(value)) {
      throw argumentError(
        'ERR_INVALID_ARG_VALUE',
        `${name} must be one of ${known.map(show).join(', ')}, not ${show(value)}`,
      )
    }
  }
const integer =
  (min: number, max: number) =>
  (name: string, value: unknown): void =>
    checkInteger(name, value, min, max)
const object = (name: string, value: unknown): void => {
  if (!isObject(value)) {
    throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be an object, not ${typeof value}`)
  }
}

/** The number of a signal given by name or number; 0 only asks. */
export function signalNumber(name: string, value: unknown): number {
  if (typeof value === 'number') {
    checkInteger(name, value, 0, 64)
    return value
  }
  checkString(name, value)
  const number = (constants.signals as Record<string, number>)[value]
  if (number === undefined) {
    throw argumentError('ERR_INVALID_ARG_VALUE', `${name} names no signal: ${show(value)}`)
  }
  return number
}

interface Limits {
  soft?: unknown
  hard?: unknown
}

const checkLimit = (name: string, value: unknown): void => {
  if (value !== Number.POSITIVE_INFINITY) checkInteger(name, value, 0, Number.MAX_SAFE_INTEGER)
}

const stringOrFd = (name: string, value: unknown): void => {
  if (typeof value === 'number') checkInteger(name, value, 0, MAX_TIMER)
  else checkString(name, value)
}

const checks: Record<string, (name: string, value: unknown) => void> = {
  cwd(name, value) {
    if (value instanceof URL) fileURLToPath(value)
    else stringOrFd(name, value)
  },
  env(name, value) {
    object(name, value)
    for (const [key, entry] of Object.entries(value as object)) {
      checkString(`${name}: a variable's name`, key)
      if (key === '' || key.includes('=')) {
        throw argumentError('ERR_INVALID_ARG_VALUE', `${name}: ${show(key)} cannot be a name`)
      }
      if (entry !== undefined) checkString(`${name}.${key}`, entry)
    }
  },
  argv0: checkString,
  stdio(name, value) {
    if (!Array.isArray(value)) oneOf('pipe', 'ignore', 'inherit')(name, value)
  },
  timeout: integer(0, MAX_TIMER),
  killSignal(name, value) {
    if (signalNumber(name, value) === 0) {
      throw argumentError(
        'ERR_OUT_OF_RANGE',
        `${name} must be a signal that can end a child: 0 sends none`,
      )
    }
  },
  killGrace: integer(0, MAX_TIMER),
  signal(name, value) {
    if (!(value instanceof AbortSignal)) {
      throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be an AbortSignal`)
    }
  },
  detached: boolean,
  processGroup: integer(0, MAX_TIMER),
  uid: integer(0, MAX_ID),
  gid: integer(0, MAX_ID),
  groups(name, value) {
    if (!Array.isArray(value)) {
      throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be an array of numbers`)
    }
    value.forEach((gid, index) => {
      checkInteger(`${name}[${index}]`, gid, 0, MAX_ID)
    })
  },
  umask: integer(0, 0o777),
  nice: integer(-20, 19),
  rlimits(name, value) {
    object(name, value)
    for (const [resource, limit] of Object.entries(value as object)) {
      oneOf(...rlimitNames)(`${name}: a limit's name`, resource)
      const { soft, hard } = isObject(limit) ? (limit as Limits) : { soft: limit, hard: limit }
      checkLimit(`${name}.${resource}`, soft)
      checkLimit(`${name}.${resource}`, hard)
      if ((soft as number) > (hard as number)) {
        throw argumentError(
          'ERR_OUT_OF_RANGE',
          `${name}.${resource}: soft ${soft} is above hard ${hard}`,
        )
      }
    }
  },
  cgroup: stringOrFd,
  inheritFds: boolean,
  shell(name, value) {
    if (typeof value !== 'boolean') checkString(name, value)
  },
  template(name, value) {
    if (!isTemplate(value)) {
      throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be what template() makes`)
    }
  },
  backend: oneOf('auto', 'uring', 'template', 'vfork', 'fork'),
}

const runChecks: typeof checks = {
  ...checks,
  input(name, value) {
    if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
      throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a string or bytes`)
    }
  },
  encoding(name, value) {
    if (value !== 'buffer' && (typeof value !== 'string' || !Buffer.isEncoding(value))) {
      throw argumentError('ERR_INVALID_ARG_VALUE', `${name} names no encoding: ${show(value)}`)
    }
  },
  maxBuffer(name, value) {
    if (value !== Number.POSITIVE_INFINITY) checkInteger(name, value, 0, Number.MAX_SAFE_INTEGER)
  },
  overflow: oneOf('truncate', 'kill'),
  check: boolean,
}

/** How many letters must change to make `a` of `b`. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** What each call takes, for the message about an option that another call has. */
const takenBy: Readonly<Record<string, () => typeof checks>> = {
  spawn: () => checks,
  run: () => runChecks,
  batch: () => batchChecks,
  template: () => templateChecks,
}

/** The known name that `name` was probably meant to be: with two wrong letters, or one in three. */
function nearest(name: string, known: typeof checks): string | undefined {
  const near = Object.keys(known)
    .map((other) => ({ other, changes: distance(name.toLowerCase(), other.toLowerCase()) }))
    .sort((a, b) => a.changes - b.changes)[0]
  const most = Math.min(name.length - 1, Math.max(2, Math.floor(name.length / 3)))
  return near && near.changes <= most ? near.other : undefined
}

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

function unknownOption(name: string, call: string, known: typeof checks): string {
  const others = Object.entries(takenBy)
    .filter(([, checksOf]) => Object.hasOwn(checksOf(), name))
    .map(([other]) => `${other}()`)
  if (others.length > 0) {
    return `unknown option ${show(name)} of ${call}(): it is an option of ${listed(others)}`
  }
  const meant = nearest(name, known)
  const hint = meant === undefined ? '' : `; the nearest known one is ${show(meant)}`
  return `unknown option ${show(name)} of ${call}()${hint}`
}

function checkAll(call: string, known: typeof checks, options: object): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    const check = Object.hasOwn(known, name) ? known[name] : undefined
    if (check === undefined) {
      throw argumentError('ERR_UNKNOWN_OPTION', unknownOption(name, call, known))
    }
    check(name, value)
  }
}

function checkTogether({ shell, template }: SpawnOptions): void {
  if (shell && template) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      'shell and template exclude each other: the shell would be run, not the template',
    )
  }
}

/** Throws what is wrong with the arguments of spawn(). */
export function checkSpawn(file: unknown, args: unknown, options: SpawnOptions): void {
  checkCommand(file, args)
  object('options', options)
  checkAll('spawn', checks, options)
  checkTogether(options)
}

/** Throws what is wrong with the arguments of run(). */
export function checkRun(file: unknown, args: unknown, options: RunOptions): void {
  checkCommand(file, args)
  object('options', options)
  checkAll('run', runChecks, options)
  checkTogether(options)
}

const batchChecks: typeof checks = {
  ...runChecks,
  concurrency: integer(1, 65536),
  bail: boolean,
  onProgress(name, value) {
    if (typeof value !== 'function') {
      throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a function`)
    }
  },
}

/** Throws what is wrong with the options of batch(). */
export function checkBatch(options: object): void {
  object('options', options)
  checkAll('batch', batchChecks, options)
  checkTogether(options)
}

const templateChecks: typeof checks = { onStale: oneOf('recreate', 'error') }

/** Throws what is wrong with the options of template(). */
export function checkTemplate(options: object): void {
  object('options', options)
  checkAll('template', templateChecks, options)
}

function checkCommand(file: unknown, args: unknown): void {
  checkString('file', file)
  if (file === '') {
    throw argumentError('ERR_INVALID_ARG_VALUE', 'file must not be empty: name a program to run')
  }
  if (!Array.isArray(args)) {
    throw argumentError('ERR_INVALID_ARG_TYPE', `args must be an array, not ${typeof args}`)
  }
  args.forEach((arg, index) => {
    checkString(`args[${index}]`, arg)
  })
}
