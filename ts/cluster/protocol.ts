/** What submitters and workers tell each other: a job is a command, its value an outcome. */
import { Buffer, isUtf8 } from 'node:buffer'
import { AbortError } from '../model/abort-error.js'
import { SpawnError } from '../model/spawn-error.js'
import { typeName } from '../model/values.js'
import { RunError, type RunResult } from '../run-result.js'
import { ClusterError, type ClusterErrorCode } from './errors.js'

/** Its version. A change that one side would misunderstand takes another number. */
export const PROTOCOL = 1

/** The name of every job: the command line may contain secrets, and names are logged. */
export const JOB_NAME = 'command'

/** Bytes: as text if they are UTF-8. */
export type Text = string | { base64: string }

/** A file on storage that all machines share, relative to the command's folder. */
export interface WireFile {
  path: string
  flags?: string
  mode?: number
}

export type WireStdio = 'pipe' | 'ignore' | WireFile

/** The options of a command that make sense on another machine. */
export interface WireOptions {
  cwd?: string
  env?: Record<string, string>
  input?: Text
  stdio?: WireStdio[]
  timeout?: number
  killSignal?: string | number
  killGrace?: number | false
  killTarget?: 'child' | 'group'
  umask?: number
  nice?: number
  maxBuffer?: number | { stdout?: number; stderr?: number; all?: number }
  keep?: 'head' | 'tail' | 'both'
  all?: boolean
  overflow?: 'truncate' | 'kill'
  check?: boolean
  settle?: 'exit' | 'close'
  drainGrace?: number
}

/** The data of a job. */
export interface WireCommand {
  v: number
  file: string
  args: string[]
  options: WireOptions
}

export const toText = (bytes: Uint8Array): Text => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return isUtf8(buffer) ? buffer.toString() : { base64: buffer.toString('base64') }
}

export const toBytes = (text: Text): Buffer =>
  typeof text === 'string' ? Buffer.from(text) : Buffer.from(text.base64, 'base64')

const invalid = (message: string) =>
  new ClusterError('ERR_INVALID_JOB', `the job is no command: ${message}`)

type Check = (value: unknown) => boolean

const isString: Check = (value) => typeof value === 'string' && !value.includes('\0')
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const isBag = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isText: Check = (value) =>
  typeof value === 'string' ||
  (isBag(value) && typeof value.base64 === 'string' && Object.keys(value).length === 1)
const isFile: Check = (value) =>
  isBag(value) &&
  isString(value.path) &&
  Object.keys(value).every((name) => ['path', 'flags', 'mode'].includes(name)) &&
  (value.flags === undefined || ['r', 'w', 'wx', 'a', 'ax'].includes(value.flags as string)) &&
  (value.mode === undefined || isNumber(value.mode))
const isStdio: Check = (value) => value === 'pipe' || value === 'ignore' || isFile(value)

const outputs = ['stdout', 'stderr', 'all']

/** How each option of a job is checked; run() checks its limits once more. */
export const wireChecks: Readonly<Record<keyof WireOptions, Check>> = {
  cwd: isString,
  env: (value) => isBag(value) && Object.values(value).every(isString),
  input: isText,
  stdio: (value) => Array.isArray(value) && value.length <= 3 && value.every(isStdio),
  timeout: isNumber,
  killSignal: (value) => isString(value) || isNumber(value),
  killGrace: (value) => value === false || isNumber(value),
  killTarget: (value) => value === 'child' || value === 'group',
  umask: isNumber,
  nice: isNumber,
  maxBuffer: (value) =>
    isNumber(value) ||
    (isBag(value) &&
      Object.entries(value).every(([name, one]) => outputs.includes(name) && isNumber(one))),
  keep: (value) => value === 'head' || value === 'tail' || value === 'both',
  all: (value) => typeof value === 'boolean',
  overflow: (value) => value === 'truncate' || value === 'kill',
  check: (value) => typeof value === 'boolean',
  settle: (value) => value === 'exit' || value === 'close',
  drainGrace: isNumber,
}

/** Reads the data of a job, from whoever can write to Redis. Throws a ClusterError. */
export function readWire(data: unknown): WireCommand {
  if (!isBag(data)) throw invalid(`its data is ${typeName(data)}`)
  const { v, file, args, options, ...more } = data
  if (v !== PROTOCOL) {
    throw new ClusterError(
      'ERR_CLUSTER_VERSION',
      `the job is of version ${isNumber(v) ? v : typeName(v)} of the protocol, and the worker of version ${PROTOCOL}`,
    )
  }
  const [unknown] = Object.keys(more)
  if (unknown !== undefined) throw invalid(`it has the unknown part ${JSON.stringify(unknown)}`)
  if (!isString(file) || file === '') throw invalid('"file" must be the name of a program')
  if (!Array.isArray(args) || !args.every(isString)) {
    throw invalid('"args" must be strings without NUL bytes')
  }
  if (!isBag(options)) throw invalid('"options" must be an object')
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(wireChecks, name)
      ? wireChecks[name as keyof WireOptions]
      : undefined
    if (!check) throw invalid(`it has the unknown option ${JSON.stringify(name)}`)
    if (!check(value)) throw invalid(`the option ${name} has no such value`)
  }
  return { v, file: file as string, args, options }
}

/** Where a command ran. */
export interface WorkerName {
  /** The name of its host. */
  host: string
  /** The worker's process id, there. */
  pid: number
}

/** An output within the outcome, or the row of the job's log that has it. */
export type WireOutput = Text | { row: number }

interface WireError {
  name: string
  message: string
  fields: Record<string, unknown>
}

/** The value of a job. */
export interface WireOutcome {
  v: number
  worker: WorkerName
  queuedMs: number
  result?: Record<string, unknown> & { stdout: WireOutput; stderr: WireOutput; all: WireOutput }
  error?: WireError
}

/** Everything that can be said in JSON; stack and result are not for other machines. */
function wireError(error: Error): WireError {
  const { name, message, stack, result, cause, stdout, stderr, ...fields } = error as Error &
    Record<string, unknown>
  return { name, message, fields }
}

const classes: Record<string, { prototype: Error }> = {
  SpawnError,
  AbortError,
  RunError,
  TypeError,
  RangeError,
  ClusterError,
}

function errorOf(
  { name, message, fields }: WireError,
  result: RunResult<string | Buffer> | undefined,
): Error {
  const error = new Error(message)
  const { prototype } = (Object.hasOwn(classes, name) && classes[name]) || Error
  Object.setPrototypeOf(error, prototype)
  Object.assign(error, { name }, fields)
  if (!result) return error
  const { stdout, stderr } = result
  return Object.assign(error, { result }, name === 'RunError' ? { stdout, stderr } : {})
}

/** Of both outputs together, what may stand in the outcome itself. */
const INLINE = 8 * 1024

/** A row of the log of a job. */
export type Log = (row: string) => Promise<number>

async function wireOutput(bytes: Buffer, log: Log): Promise<WireOutput> {
  const text = toText(bytes)
  if (bytes.length <= INLINE) return text
  const rows = await log(typeof text === 'string' ? `t${text}` : `b${text.base64}`)
  return { row: rows - 1 }
}

/**
 * The value of a job whose command ended with this result, this error, or both. Large
 * output becomes a row of the job's log: values are repeated in a stream of events that
 * every submitter reads.
 */
export async function wireOutcome(
  about: Pick<WireOutcome, 'worker' | 'queuedMs'>,
  outcome: { result?: RunResult<Buffer> | undefined; error?: Error | undefined },
  log: Log,
): Promise<WireOutcome> {
  const { result, error } = outcome
  const wire: WireOutcome = { v: PROTOCOL, ...about }
  if (result) {
    const { stdout, stderr, all, stdio, killError, ...rest } = result
    wire.result = {
      ...rest,
      // Which descriptors were pipes: these have the same bytes as stdout and stderr.
      pipes: stdio.map((output) => output !== null),
      killError: killError && wireError(killError),
      stdout: await wireOutput(stdout, log),
      stderr: await wireOutput(stderr, log),
      all: await wireOutput(all, log),
    }
  }
  if (error) wire.error = wireError(error)
  return wire
}

const isRow = (output: WireOutput): output is { row: number } =>
  typeof output === 'object' && 'row' in output

/** Whether outputs are in the job's log. */
export const hasRows = ({ result }: WireOutcome): boolean =>
  result !== undefined && [result.stdout, result.stderr, result.all].some(isRow)

function outputOf(output: WireOutput, rows: readonly string[], encoding: string): string | Buffer {
  let text: Text
  if (isRow(output)) {
    const row = rows[output.row]
    if (row === undefined) throw new ClusterError('ERR_LOST', 'the output of the command is gone')
    text = row.startsWith('b') ? { base64: row.slice(1) } : row.slice(1)
  } else {
    text = output
  }
  if (encoding === 'buffer') return toBytes(text)
  if (typeof text === 'string' && /^utf-?8$/i.test(encoding)) return text
  return toBytes(text).toString(encoding as BufferEncoding)
}

/** An outcome, as the caller of batch() gets it. */
export interface Outcome {
  worker: WorkerName | undefined
  queuedMs: number | undefined
  result: RunResult<string | Buffer> | undefined
  error: Error | undefined
}

/** Reads the value of a job. Throws a ClusterError if another version has written it. */
export function readOutcome(wire: WireOutcome, rows: readonly string[], encoding: string): Outcome {
  if (!isBag(wire) || wire.v !== PROTOCOL) {
    const code: ClusterErrorCode = 'ERR_CLUSTER_VERSION'
    throw new ClusterError(code, 'the command was run by a worker of another version')
  }
  const { worker, queuedMs } = wire
  let result: RunResult<string | Buffer> | undefined
  if (wire.result) {
    const { stdout, stderr, all, pipes, killError, ...rest } = wire.result
    const read = (output: WireOutput) => outputOf(output, rows, encoding)
    const texts = { stdout: read(stdout), stderr: read(stderr), all: read(all) }
    // With `all`, both are one.
    const first = texts.all.length > 0 ? texts.all : texts.stdout
    const byFd = [undefined, first, texts.stderr]
    result = {
      ...rest,
      ...texts,
      stdio: (pipes as boolean[]).map((isPipe, fd) => (isPipe ? (byFd[fd] ?? null) : null)),
      killError: killError ? errorOf(killError as WireError, undefined) : null,
    } as unknown as RunResult<string | Buffer>
  }
  const error = wire.error && errorOf(wire.error, result)
  return { worker, queuedMs, result, error }
}
