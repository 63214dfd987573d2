/** The options of a cluster's calls, as a caller writes them, and how they are read. */
import { isAnyArrayBuffer } from 'node:util/types'
import type { BatchResult } from '../batch/result.js'
import { argumentError } from '../model/argument-error.js'
import { MAX_MILLISECONDS } from '../model/limits.js'
import { checkInteger, checkObject, checkString, own, show } from '../model/values.js'
import { readBatch, readRun } from '../options/check.js'
import type {
  BatchOptions,
  BatchProgress,
  InputChunk,
  OutputEncoding,
  RunOptions,
  StdioEntry,
} from '../options/options.js'
import type { BatchSettings } from '../options/settings.js'
import { readConnection, readQueue, type Target } from './connection.js'
import type { ClusterError } from './errors.js'
import {
  PROTOCOL,
  toText,
  type WireCommand,
  type WireFile,
  type WireOptions,
  type WireStdio,
  type WorkerName,
  wireChecks,
} from './protocol.js'

/** Where Redis is: a URL, redis:// or with TLS rediss://, or options of ioredis. */
export type Connection = string | URL | Readonly<Record<string, unknown>>

/** What both sides of a queue say. */
export interface ClusterOptions {
  /** Where Redis, or Valkey, is. */
  connection: Connection
  /** The name of the queue: letters, digits, dots, underscores and hyphens. */
  queue: string
  /** Spans and metrics by BullMQ's own hook, as `new BullMQOtel('name')` of the package bullmq-otel. */
  telemetry?: object | undefined
}

/** A program that a worker may run. */
export type AllowedProgram =
  | string
  | {
      /** Its absolute path. */
      file: string
      /**
       * A pattern for each argument, in order; without it any arguments are allowed. A text
       * has to be the same, where `*` stands for any characters; a RegExp has to match the
       * whole argument. After the last one, '...' says that it is for any number of arguments.
       */
      args?: readonly (string | RegExp)[] | undefined
    }

/** What every command of a worker is bound by. */
export interface WorkerLimits
  extends Pick<
    RunOptions,
    'uid' | 'gid' | 'groups' | 'rlimits' | 'cgroup' | 'nice' | 'umask' | 'noNewPrivs'
  > {
  /** Milliseconds that a command may take at most; default: no limit. */
  timeout?: number | undefined
  /** How many bytes of stdout and of stderr to keep at most; default 1 MiB. */
  maxBuffer: number
}

/** The options of worker(). */
export interface WorkerOptions extends ClusterOptions {
  /** How many commands run at once, 1 to 65536; default: one per processor. */
  concurrency?: number | undefined
  /** The programs that may run; default: none. */
  allow?: readonly AllowedProgram[] | undefined
  /** The base folder: commands run in it, or in a folder within it that they name. Default: the worker's own, and commands may name none. */
  cwd?: string | undefined
  /**
   * The names of variables that commands may have, `*` standing for any characters: with the
   * command's value, otherwise with the worker's. Default: none, so that they have PATH alone.
   */
  env?: readonly string[] | undefined
  /** What every command is bound by. `noNewPrivs` is true by default. */
  limits?: Partial<WorkerLimits> | undefined
  /**
   * Milliseconds without a word from a worker after which it is taken for dead, 1000 or more;
   * the same for all workers of a queue. Default 30 000.
   */
  lostAfter?: number | undefined
  /** Called with what goes wrong between this worker and Redis; it goes on by itself. */
  onError?: ((error: ClusterError) => void) | undefined
}

/** The options of a command that go with it to another machine. */
export type PortableOptions = Omit<
  Pick<RunOptions, Extract<keyof RunOptions, keyof WireOptions>>,
  'input'
> & {
  /** Written to the program's stdin, which is then closed. */
  input?: InputChunk | undefined
}

/** One command for a cluster: its words, the program first, or an object with options, which go before the batch's. */
export type ClusterCommand =
  | readonly string[]
  | (PortableOptions & {
      /** An absolute path, or the last part of that of a program that workers allow. */
      file: string
      /** The arguments after argv[0]. */
      args?: readonly string[] | undefined
      /**
       * How often the command may be run again, if it fails or is lost: it must be safe to
       * run it twice, even at the same time. Default: the batch's.
       */
      retries?: number | undefined
    })

/** The options of batch() on a cluster. */
export interface ClusterBatchOptions
  extends ClusterOptions,
    Omit<PortableOptions, 'input'>,
    Pick<BatchOptions<OutputEncoding>, 'bail' | 'signal' | 'encoding' | 'total'> {
  /** How many commands may be in Redis at once, waiting or running, 1 to 65536; default 1000. */
  waiting?: number | undefined
  /** As a command's own; default 0: each command is run at most once. */
  retries?: number | undefined
  /** Called after each command; `running` is how many run anywhere. */
  onProgress?: ((progress: BatchProgress) => void) | undefined
  /**
   * Called with what commands write while they run: for people who watch, as a command that
   * writes faster than its worker sends has the rest in its result alone, and so has one
   * with `all` or another `keep` than 'head'. What it throws ends the batch.
   */
  onOutput?: ((output: LiveOutput) => void) | undefined
  /** Called when the connection to Redis is lost; the batch goes on once it is back. */
  onError?: ((error: ClusterError) => void) | undefined
}

/** Some of what a command has written. */
export interface LiveOutput {
  /** The command's place in the input, from 0. */
  index: number
  /** The command, as it was given. */
  command: ClusterCommand
  /** Which run of it this is: 1, and more if it is retried. */
  attempt: number
  /** Where the command wrote it. */
  from: 'stdout' | 'stderr'
  /** How many bytes it had written there before, all of which were told. */
  at: number
  /** The bytes; they may end within a character. */
  bytes: Buffer
}

/** The outcome of one command on a cluster. */
export type ClusterResult<C = ClusterCommand, T = string> = BatchResult<C, T> & {
  /** Where it ran; undefined if it was lost, or is invalid. */
  worker: WorkerName | undefined
  /** Milliseconds that it waited for a worker, by the clocks of both machines. */
  queuedMs: number | undefined
}

export interface ClusterSettings {
  target: Target
  queue: string
  waiting: number
  retries: number
  encoding: string
  telemetry: object | undefined
  onError: ((error: ClusterError) => void) | undefined
  onOutput: ((output: LiveOutput) => void) | undefined
  bail: boolean
  signal: BatchSettings['signal']
  onProgress: BatchSettings['onProgress']
  total: number | undefined
  /** The batch's options for each command. */
  shared: Record<string, unknown>
}

const MAX_RETRIES = 1000

const noVariables = {}

function checkFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return
  throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a function`)
}

function refuseUnknown(call: string, names: Iterable<string>): void {
  const [name] = names
  if (name === undefined) return
  throw argumentError('ERR_UNKNOWN_OPTION', `unknown option ${show(name)} of ${call}`)
}

const isPortable = (name: string): boolean => Object.hasOwn(wireChecks, name)

/** Reads the options of batch() on a cluster. Throws an argument error. */
export function readClusterBatch(options: unknown): ClusterSettings {
  checkObject('options', options)
  const { connection, queue, waiting, retries, telemetry, onError, onOutput, ...rest } = {
    ...(options as Partial<ClusterBatchOptions>),
  }
  const { bail, signal, onProgress, encoding, total, ...shared } =
    rest as Partial<ClusterBatchOptions>
  const target = readConnection(connection)
  checkFunction('onError', onError)
  checkFunction('onOutput', onOutput)
  if (waiting !== undefined) checkInteger('waiting', waiting, 1, 65536)
  if (retries !== undefined) checkInteger('retries', retries, 0, MAX_RETRIES)
  refuseUnknown(
    'batch() on a cluster',
    Object.keys(shared).filter((name) => !isPortable(name) || name === 'input'),
  )
  // Says what is wrong with the values.
  const known = { bail, signal, onProgress, encoding, total }
  const set = Object.entries(known).filter(([, value]) => value !== undefined)
  const settings = readBatch({ ...Object.fromEntries(set), ...shared })
  return {
    target,
    queue: readQueue(queue),
    waiting: waiting ?? 1000,
    retries: retries ?? 0,
    encoding: encoding ?? 'utf8',
    telemetry,
    onError,
    onOutput,
    bail: settings.bail === true,
    signal: settings.signal,
    onProgress: settings.onProgress,
    total,
    shared: copied(shared),
  }
}

/** Whoever called may change nested objects later. */
function copied(options: Record<string, unknown>): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (name === 'stdio' && Array.isArray(value)) copy[name] = value.map(copyOfEntry)
    else if (name === 'env') copy[name] = { ...(value as object) }
    else copy[name] = value
  }
  return copy
}

const copyOfEntry = (entry: unknown): unknown =>
  typeof entry === 'object' && entry !== null && own(entry, 'path') !== undefined
    ? { ...entry }
    : entry

function wireEntry(entry: StdioEntry, index: number): WireStdio {
  if (entry === undefined || entry === null || entry === 'pipe') return 'pipe'
  if (entry === 'ignore') return 'ignore'
  const file = entry as WireFile
  if (typeof file === 'object' && wireChecks.stdio([file])) return file
  throw argumentError(
    'ERR_INVALID_ARG_VALUE',
    `stdio[${index}] must be 'pipe', 'ignore', or a file with the flags r, w, wx, a or ax: ` +
      'other descriptors do not reach another machine',
  )
}

function wireStdio(value: unknown): WireStdio[] {
  const entries = Array.isArray(value) ? (value as StdioEntry[]) : [value, value, value]
  if (entries.length > 3) {
    throw argumentError('ERR_OUT_OF_RANGE', 'on a cluster, stdio has at most 3 entries')
  }
  return entries.map((entry, index) => wireEntry(entry as StdioEntry, index))
}

function wireOptions(options: Record<string, unknown>): WireOptions {
  const wire: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue
    if (name === 'stdio') wire.stdio = wireStdio(value)
    else if (name === 'input') wire.input = inputOf(value)
    else if (name === 'env') wire.env = variablesOf(value as Record<string, string | undefined>)
    else if (name === 'cwd')
      wire.cwd = value instanceof URL ? decodeURIComponent(value.pathname) : value
    else if (name === 'maxBuffer') wire.maxBuffer = finite(value)
    else wire[name] = value
  }
  if (typeof wire.cwd === 'number') {
    throw argumentError(
      'ERR_INVALID_ARG_TYPE',
      'on a cluster, cwd must be a path: a descriptor does not reach another machine',
    )
  }
  return wire
}

/** JSON has no Infinity: it means the worker's own limit. */
function finite(value: unknown): unknown {
  if (typeof value !== 'object') return value === Number.POSITIVE_INFINITY ? undefined : value
  const kept = Object.entries(value as object).filter(([, one]) => Number.isFinite(one))
  return Object.fromEntries(kept)
}

const variablesOf = (env: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >

/** Redis would have to take it in one piece, and so would the text of a job. */
const MAX_INPUT = 64 * 1024 * 1024

function textOf(bytes: Uint8Array): WireOptions['input'] & {} {
  if (bytes.length <= MAX_INPUT) return toText(bytes)
  throw argumentError(
    'ERR_OUT_OF_RANGE',
    'on a cluster, input has at most 64 MiB: for more, use stdio: [{ path }]',
  )
}

function inputOf(value: unknown): WireOptions['input'] & {} {
  if (typeof value === 'string') {
    return value.length > MAX_INPUT / 3 ? textOf(Buffer.from(value)) : value
  }
  if (ArrayBuffer.isView(value)) {
    return textOf(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  }
  if (isAnyArrayBuffer(value)) return textOf(new Uint8Array(value))
  throw argumentError(
    'ERR_INVALID_ARG_TYPE',
    'on a cluster, input must be text or bytes: for a file there, use stdio: [{ path }]',
  )
}

/** A command as it is sent, and how often it may be run again. */
export interface ReadCommand {
  wire: WireCommand
  retries: number
}

/** Reads one command. Throws an argument error, as the local batch() does. */
export function readClusterCommand(command: unknown, settings: ClusterSettings): ReadCommand {
  let file: unknown
  let args: unknown = []
  let retries: unknown
  let own: Record<string, unknown> = {}
  if (Array.isArray(command)) {
    file = command[0]
    args = command.slice(1)
  } else {
    if (typeof command !== 'object' || command === null) {
      throw argumentError(
        'ERR_INVALID_ARG_TYPE',
        'a command of a batch must be an array of words, or an object with a file',
      )
    }
    ;({ file, args = [], retries, ...own } = { ...command } as Record<string, unknown>)
  }
  const options = { ...settings.shared, ...copied(own) }
  for (const name of Object.keys(options)) {
    if (isPortable(name)) continue
    // It knows the right one, if this is a misspelling.
    readRun('x', [], { env: noVariables, [name]: options[name] })
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `the option ${name} cannot be sent to another machine: a worker has limits of its own`,
    )
  }
  if (retries !== undefined && retries !== null) checkInteger('retries', retries, 0, MAX_RETRIES)
  // Without an env of its own, this program's would be read.
  const read = readRun(file, args, { env: noVariables, ...options })
  const wire: WireCommand = {
    ...{ v: PROTOCOL, file: read.file, args: [...read.args], options: wireOptions(options) },
    ...(settings.onOutput && { live: true }),
  }
  return { wire, retries: typeof retries === 'number' ? retries : settings.retries }
}

const limitNames: readonly (keyof WorkerLimits)[] = [
  ...(['uid', 'gid', 'groups', 'rlimits', 'cgroup', 'nice', 'umask', 'noNewPrivs'] as const),
  ...(['timeout', 'maxBuffer'] as const),
]

const MAX_BUFFER = 1024 * 1024

/** Reads the option `limits`. */
export function readLimits(value: unknown = {}): WorkerLimits {
  checkObject('limits', value)
  const given = Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== undefined),
  ) as Partial<WorkerLimits>
  refuseUnknown(
    "a worker's limits",
    Object.keys(given).filter((name) => !(limitNames as string[]).includes(name)),
  )
  readRun('x', [], { env: noVariables, ...given })
  const limits = { noNewPrivs: true, maxBuffer: MAX_BUFFER, ...given }
  // Twice as much, with what else an outcome has, must fit into a text of JavaScript.
  checkInteger('limits.maxBuffer', limits.maxBuffer, 0, 64 * MAX_BUFFER)
  return limits
}

export interface WorkerSettings {
  target: Target
  queue: string
  concurrency: number | undefined
  telemetry: object | undefined
  lostAfter: number
  onError: (error: ClusterError) => void
}

const workerNames = [
  ...['connection', 'queue', 'telemetry', 'concurrency', 'allow', 'cwd', 'env', 'limits'],
  ...['lostAfter', 'onError'],
]

/** Reads the options of worker(), except for what it allows. Throws an argument error. */
export function readWorker(options: unknown): WorkerSettings {
  checkObject('options', options)
  const given = { ...(options as Partial<WorkerOptions>) }
  refuseUnknown(
    'worker()',
    Object.keys(given).filter((name) => !workerNames.includes(name)),
  )
  const { connection, queue, concurrency, telemetry, lostAfter = 30_000, onError, cwd } = given
  const target = readConnection(connection)
  if (concurrency !== undefined) checkInteger('concurrency', concurrency, 1, 65536)
  checkInteger('lostAfter', lostAfter, 1000, MAX_MILLISECONDS)
  checkFunction('onError', onError)
  if (cwd !== undefined) checkString('cwd', cwd)
  const settings = { target, queue: readQueue(queue), concurrency, telemetry, lostAfter }
  return { ...settings, onError: onError ?? (() => {}) }
}
