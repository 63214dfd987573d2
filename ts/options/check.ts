/**
 * Options, read once and checked before anything is created. Everything else uses
 * only the result: own enumerable properties, so that nothing comes from a
 * prototype and a getter runs only once.
 */

import { fileURLToPath } from 'node:url'
import { isAnyArrayBuffer, isSharedArrayBuffer } from 'node:util/types'
import { inheritedEnvVars } from '../core/process-env.js'
import { isTemplate } from '../executable/template-like.js'
import { argumentError } from '../model/argument-error.js'
import { backendNames } from '../model/backend-name.js'
import { envVarsOf } from '../model/envvars.js'
import { MAX_FD, MAX_ID, MAX_MILLISECONDS, MAX_PID } from '../model/limits.js'
import { rlimitNames } from '../model/rlimits.js'
import { signalNumber } from '../model/signals.js'
import {
  checkInteger,
  checkObject,
  checkOneOf,
  checkString,
  copyOf,
  copyOfStrings,
  own,
  show,
  typeName,
} from '../model/values.js'
import type { BatchSettings, Limit, RunSettings, Settings, TemplateSettings } from './settings.js'
import { allPipes, inputAndOutput, outputOnly, planStdio, type StdioPlan } from './stdio.js'

/** Checks a value and returns a form that the caller can no longer change. */
type Read = (name: string, value: unknown) => unknown

const boolean: Read = (name, value) => {
  if (typeof value !== 'boolean') {
    throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a boolean, not ${typeName(value)}`)
  }
  return value
}
const string: Read = (name, value) => {
  checkString(name, value)
  return value
}
const oneOf =
  (...known: readonly string[]): Read =>
  (name, value) => {
    checkOneOf(name, value, known)
    return value
  }
const integer =
  (min: number, max: number): Read =>
  (name, value) => {
    checkInteger(name, value, min, max)
    return value
  }
const stringOrFd: Read = (name, value) => {
  if (typeof value === 'number') checkInteger(name, value, 0, MAX_FD)
  else checkString(name, value)
  return value
}

/** Recognised as in Node: a URL of another realm is not an instance of our class. */
function isUrl(value: unknown): value is URL {
  if (value instanceof URL) return true
  if (typeof value !== 'object' || value === null) return false
  const { href, protocol, auth, path } = value as Record<string, unknown>
  return Boolean(href && protocol) && auth === undefined && path === undefined
}

/** Recognised as in Node: by its property `aborted` and its events. */
function isAbortSignal(value: unknown): value is AbortSignal {
  return (
    typeof value === 'object' &&
    value !== null &&
    'aborted' in value &&
    typeof (value as AbortSignal).addEventListener === 'function'
  )
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

const reads: Record<string, Read> = {
  cwd(name, value) {
    if (!isUrl(value)) return stringOrFd(name, value)
    const path = fileURLToPath(value.href)
    checkString(name, path)
    return path
  },
  env(name, value) {
    checkObject(name, value)
    return envVarsOf(name, value)
  },
  argv0: string,
  stdio: (_name, value) => planStdio(value),
  timeout: integer(0, MAX_MILLISECONDS),
  killSignal(name, value) {
    const number = signalNumber(name, value)
    if (number === 0) {
      throw argumentError(
        'ERR_OUT_OF_RANGE',
        `${name} must be a signal that can end a child: 0 sends none`,
      )
    }
    return number
  },
  killGrace: integer(0, MAX_MILLISECONDS),
  signal(name, value) {
    if (!isAbortSignal(value)) {
      throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be an AbortSignal`)
    }
    return value
  },
  detached: boolean,
  processGroup: integer(0, MAX_PID),
  uid: integer(0, MAX_ID),
  gid: integer(0, MAX_ID),
  groups(name, value) {
    if (!Array.isArray(value)) {
      throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be an array of numbers`)
    }
    const groups = copyOf(value)
    groups.forEach((gid, index) => {
      checkInteger(`${name}[${index}]`, gid, 0, MAX_ID)
    })
    return groups
  },
  umask: integer(0, 0o777),
  nice: integer(-20, 19),
  rlimits(name, value) {
    checkObject(name, value)
    const limits = Object.create(null)
    for (const resource of Object.keys(value)) {
      checkOneOf(`${name}: a limit's name`, resource, rlimitNames)
      const limit = (value as Record<string, unknown>)[resource]
      limits[resource] = readLimit(`${name}.${resource}`, limit)
    }
    return limits
  },
  cgroup: stringOrFd,
  inheritFds: boolean,
  shell(name, value) {
    if (typeof value !== 'boolean') checkString(name, value)
    return value
  },
  template(name, value) {
    if (!isTemplate(value)) {
      throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be what template() makes`)
    }
    return value
  },
  backend: oneOf('auto', ...backendNames),
}

/**
 * A view of the bytes, from any realm; shared memory is copied, as other threads
 * may write to it.
 */
function bytesOf(value: ArrayBufferView | ArrayBufferLike): Uint8Array {
  const view = ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value)
  return isSharedArrayBuffer(view.buffer) ? Uint8Array.from(view) : view
}

const runReads: typeof reads = {
  ...reads,
  input(name, value) {
    if (typeof value === 'string') return Buffer.from(value)
    if (ArrayBuffer.isView(value) || isAnyArrayBuffer(value)) return bytesOf(value)
    throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a string or bytes`)
  },
  encoding(name, value) {
    if (value !== 'buffer' && (typeof value !== 'string' || !Buffer.isEncoding(value))) {
      throw argumentError('ERR_INVALID_ARG_VALUE', `${name} names no encoding: ${show(value)}`)
    }
    return value
  },
  maxBuffer(name, value) {
    if (value !== Number.POSITIVE_INFINITY) checkInteger(name, value, 0, Number.MAX_SAFE_INTEGER)
    return value
  },
  overflow: oneOf('truncate', 'kill'),
  check: boolean,
}

const batchReads: typeof reads = {
  ...runReads,
  concurrency: integer(1, 65536),
  bail: boolean,
  onProgress(name, value) {
    if (typeof value !== 'function') {
      throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a function`)
    }
    return value
  },
}

const ringReads: typeof reads = { backend: reads.backend as Read }
const submitReads: typeof reads = {
  closeFds(name, value) {
    if (!Array.isArray(value)) {
      throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be an array of descriptors`)
    }
    const fds = copyOf(value)
    fds.forEach((fd, index) => {
      checkInteger(`${name}[${index}]`, fd, 0, MAX_FD)
    })
    return fds
  },
}
const templateReads: typeof reads = { onStale: oneOf('recreate', 'error') }

/** The edit distance from `a` to `b`. */
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

/** The options of each call, for the message about another call's option. */
const takenBy: Readonly<Record<string, () => typeof reads>> = {
  spawn: () => reads,
  run: () => runReads,
  batch: () => batchReads,
  template: () => templateReads,
}

/**
 * The known name that `name` was probably meant to be: at most two wrong letters,
 * or one in three.
 */
function nearest(name: string, known: typeof reads): string | undefined {
  const near = Object.keys(known)
    .map((other) => ({ other, changes: distance(name.toLowerCase(), other.toLowerCase()) }))
    .sort((a, b) => a.changes - b.changes)[0]
  const most = Math.min(name.length - 1, Math.max(2, Math.floor(name.length / 3)))
  return near && near.changes <= most ? near.other : undefined
}

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

function unknownOption(name: string, call: string, known: typeof reads): string {
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

/** Copies the `known` ones of `options` into `settings`, which has all properties as its own. */
function readAll<T extends object>(
  call: string,
  known: typeof reads,
  options: unknown,
  settings: T,
): T {
  checkObject('options', options)
  for (const name of Object.keys(options)) {
    const value = (options as Record<string, unknown>)[name]
    if (value === undefined) continue
    const read = Object.hasOwn(known, name) ? known[name] : undefined
    if (read === undefined) {
      throw argumentError('ERR_UNKNOWN_OPTION', unknownOption(name, call, known))
    }
    ;(settings as Record<string, unknown>)[name] = read(name, value)
  }
  return settings
}

function checkTogether({ shell, template }: Pick<Settings, 'shell' | 'template'>): void {
  if (shell && template) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      'shell and template exclude each other: the shell would be run, not the template',
    )
  }
}

function readFile(file: unknown): string {
  checkString('file', file)
  if (file === '') {
    throw argumentError('ERR_INVALID_ARG_VALUE', 'file must not be empty: name a program to run')
  }
  return file
}

function readArgs(args: unknown): readonly string[] {
  if (!Array.isArray(args)) {
    throw argumentError('ERR_INVALID_ARG_TYPE', `args must be an array, not ${typeName(args)}`)
  }
  return copyOfStrings('args', args)
}

/** While it is being read. */
type Draft<T extends Settings> = {
  -readonly [K in keyof T]: K extends 'env' | 'stdio' ? T[K] | undefined : T[K]
}

/** Every option is an own property from the start: none is read from a prototype. */
const noOptions = (file: string, args: readonly string[]): Draft<RunSettings> => ({
  file,
  args,
  cwd: undefined,
  env: undefined,
  argv0: undefined,
  stdio: undefined,
  timeout: undefined,
  killSignal: undefined,
  killGrace: undefined,
  signal: undefined,
  detached: undefined,
  processGroup: undefined,
  uid: undefined,
  gid: undefined,
  groups: undefined,
  umask: undefined,
  nice: undefined,
  rlimits: undefined,
  cgroup: undefined,
  inheritFds: undefined,
  shell: undefined,
  template: undefined,
  backend: undefined,
  place: 0,
  input: undefined,
  encoding: undefined,
  maxBuffer: undefined,
  overflow: undefined,
  check: undefined,
})

/** Without an `env`, the child gets the program's current one. */
function finish(draft: Draft<RunSettings>, stdio: readonly StdioPlan[]): RunSettings {
  checkTogether(draft)
  draft.env ??= inheritedEnvVars()
  draft.stdio ??= stdio
  return Object.freeze(draft as RunSettings)
}

/** Input needs a pipe; otherwise it would be lost silently. */
function finishRun(draft: Draft<RunSettings>): RunSettings {
  const { input, stdio } = draft
  if (input !== undefined && stdio && stdio[0]?.kind !== 'pipe') {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      "input needs stdio[0] to be 'pipe': leave it out, or leave out the input",
    )
  }
  return finish(draft, input === undefined ? outputOnly : inputAndOutput)
}

/** Reads the arguments of spawn(). Throws an argument error. */
export function readSpawn(file: unknown, args: unknown, options: unknown): Settings {
  const draft = noOptions(readFile(file), readArgs(args))
  return finish(readAll('spawn', reads, options, draft), allPipes)
}

/** Reads the arguments of run(). Throws an argument error. */
export function readRun(file: unknown, args: unknown, options: unknown): RunSettings {
  return finishRun(readAll('run', runReads, options, noOptions(readFile(file), readArgs(args))))
}

/** Reads the arguments of compile(). Throws an argument error. */
export function readCompile(command: unknown): Settings {
  checkObject('the command', command)
  const { file, args = [], ...options } = { ...(command as { file?: unknown; args?: unknown }) }
  return readSpawn(file, args, options)
}

/** Reads the arguments of batch(). Throws an argument error. */
export function readBatch(options: unknown): BatchSettings {
  const batch = { concurrency: undefined, bail: undefined, onProgress: undefined }
  const shared = readAll('batch', batchReads, options, { ...noOptions('', []), ...batch })
  checkTogether(shared)
  const { concurrency, bail, onProgress, signal, ...run } = shared
  return { concurrency, bail, onProgress, signal, run: { ...run, signal: undefined } }
}

/** Reads one command of a batch, with the batch's options for all. Throws an argument error. */
export function readCommand(command: unknown, { run }: BatchSettings): RunSettings {
  if (Array.isArray(command)) {
    const [file, ...args] = copyOf(command)
    return finishRun({ ...run, file: readFile(file), args: readArgs(args) })
  }
  if (typeof command !== 'object' || command === null) {
    throw argumentError(
      'ERR_INVALID_ARG_TYPE',
      'a command of a batch must be an array of words, or an object with a file',
    )
  }
  const { file, args = [], ...options } = { ...(command as { file?: unknown; args?: unknown }) }
  const draft = { ...run, file: readFile(file), args: readArgs(args) }
  return finishRun(readAll('run', runReads, options, draft))
}

/** Reads the options of template(). Throws an argument error. */
export function readTemplate(options: unknown): TemplateSettings {
  return readAll('template', templateReads, options, { onStale: undefined })
}

/** Reads the options of a Ring. Throws an argument error. */
export function readRing(options: unknown): Pick<Settings, 'backend'> {
  return readAll('Ring', ringReads, options, { backend: undefined })
}

/** Reads the options of submit(). Throws an argument error. */
export function readSubmit(options: unknown): { closeFds: readonly number[] | undefined } {
  return readAll('submit', submitReads, options, { closeFds: undefined })
}
