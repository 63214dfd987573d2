/** What submitters and workers tell each other: a job is a command, its value an outcome. */
import { Buffer, isUtf8 } from 'node:buffer'
import { AbortError } from '../model/abort-error.js'
import type { ResourceUsage } from '../model/exit.js'
import { SpawnError } from '../model/spawn-error.js'
import { typeName } from '../model/values.js'
import { RunError, type RunResult } from '../run-result.js'
import { ClusterError, type ClusterErrorCode } from './errors.js'

/** Its version. A change that one side would misunderstand takes another number. */
export const PROTOCOL = 2

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
  /** Whether the submitter wants the output while the command runs. */
  live?: boolean
}

/** The progress of a job: what its command has written since the last one, and where that begins. */
export interface WireLive {
  stdout?: WirePiece
  stderr?: WirePiece
}

export interface WirePiece {
  at: number
  text: Text
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
  const { v, file, args, options, live, ...more } = data
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
  if (live !== undefined && typeof live !== 'boolean') throw invalid('"live" must be a boolean')
  return { v, file: file as string, args, options, live: live === true }
}

const isPiece = (value: unknown): boolean =>
  value === undefined ||
  (isBag(value) &&
    Number.isSafeInteger(value.at) &&
    Object.keys(value).length === 2 &&
    isText(value.text))

/** Reads the progress of a job; undefined if it is something else. */
export function readLive(json: string): WireLive | undefined {
  let live: unknown
  try {
    live = JSON.parse(json)
  } catch {
    return undefined
  }
  return isBag(live) && isPiece(live.stdout) && isPiece(live.stderr)
    ? (live as WireLive)
    : undefined
}

/** Where a command ran. */
export interface WorkerName {
  /** The name of its host. */
  host: string
  /** The worker's process id, there. */
  pid: number
}

/** What is in the job's log: the numbers of its rows. */
interface Rows {
  rows: number[]
}

/** An output within the outcome, or in the job's log. */
export type WireOutput = Text | Rows

interface WireError {
  name: string
  message: string
  fields: Record<string, unknown>
}

/** What a result has if nothing is unusual: an outcome leaves it out, as every submitter of a queue reads it. */
const usual = {
  ...{ exitCode: 0, signal: null, signalDescription: null, coreDumped: false, truncated: false },
  ...{ timedOut: false, aborted: false, step: null, fromTemplate: false, killError: null },
  ...{ stdout: '', stderr: '', all: '' },
} as const

/** The order of `usage`. */
const usageNames = [
  ...(['userCPUTime', 'systemCPUTime', 'maxRSS', 'minorPageFault', 'majorPageFault'] as const),
  ...(['fsRead', 'fsWrite', 'voluntaryContextSwitches', 'involuntaryContextSwitches'] as const),
] satisfies (keyof ResourceUsage)[]

/** How a program ended. */
interface WireResult extends Partial<Record<keyof typeof usual, unknown>> {
  pid: number | null
  durationMs: number
  backend: string
  usage: number[]
  /** Which descriptors were pipes, 1 << each: these have the same bytes as stdout and stderr. */
  pipes: number
}

/** The value of a job. */
export interface WireOutcome {
  v: number
  worker: WorkerName
  queuedMs: number
  result?: WireResult
  error?: WireError | Rows
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

/** Bytes of an output, or characters of an error, that may stand in the outcome itself. */
const INLINE = 8 * 1024
/** Characters of a row. Redis takes at least 1 MiB at once (`proto-max-bulk-len`), whatever it is set to. */
const ROW = 256 * 1024

/** Adds a row to the log of a job. Resolves to how many there are. */
export type Log = (row: string) => Promise<number>

/** Others may lie between them: a row is there twice if the connection broke before the answer. */
async function rowsOf(text: string, log: Log): Promise<Rows> {
  const rows: number[] = []
  for (let from = 0; from < text.length; ) {
    let end = from + ROW
    // The halves of a character are none in UTF-8.
    if (/[\ud800-\udbff]/.test(text.charAt(end - 1))) end--
    rows.push((await log(text.slice(from, end))) - 1)
    from = end
  }
  return { rows }
}

function wireOutput(bytes: Buffer, log: Log): WireOutput | Promise<WireOutput> {
  if (bytes.length === 0) return ''
  const text = toText(bytes)
  if (bytes.length <= INLINE) return text
  return rowsOf(typeof text === 'string' ? `t${text}` : `b${text.base64}`, log)
}

/**
 * The value of a job whose command ended with this result, this error, or both. Large
 * output becomes rows of the job's log: values are repeated in a stream of events that
 * every submitter reads, and Redis bounds what it takes at once.
 */
export async function wireOutcome(
  about: Pick<WireOutcome, 'worker' | 'queuedMs'>,
  outcome: { result?: RunResult<Buffer> | undefined; error?: Error | undefined },
  log: Log,
): Promise<WireOutcome> {
  const { result, error } = outcome
  const wire: WireOutcome = { v: PROTOCOL, ...about }
  if (result) {
    const { pid, durationMs, backend, rusage, stdio } = result
    const usage = usageNames.map((name) => rusage[name])
    const pipes = stdio.reduce((bits, output, fd) => (output === null ? bits : bits | (1 << fd)), 0)
    const brief: WireResult = { pid, durationMs, backend, usage, pipes }
    for (const name of Object.keys(usual) as (keyof typeof usual)[]) {
      const value = result[name]
      if (value === usual[name]) continue
      if (name === 'killError') brief.killError = wireError(value as Error)
      else if (name === 'stdout' || name === 'stderr' || name === 'all') {
        const output = wireOutput(value as Buffer, log)
        const written = output instanceof Promise ? await output : output
        if (written !== '') brief[name] = written
      } else brief[name] = value
    }
    wire.result = brief
  }
  if (error) {
    const brief = wireError(error)
    // It names the command, all of it.
    const text = JSON.stringify(brief)
    wire.error = text.length <= INLINE ? brief : await rowsOf(text, log)
  }
  return wire
}

const inRows = (part: unknown): part is Rows => isBag(part) && Array.isArray(part.rows)

/** Whether a part is in the job's log. */
export function hasRows(wire: WireOutcome | undefined): boolean {
  const { result, error } = isBag(wire) ? wire : ({} as Partial<WireOutcome>)
  const outputs = isBag(result) ? [result.stdout, result.stderr, result.all] : []
  return [...outputs, error].some(inRows)
}

function textIn({ rows }: Rows, log: readonly string[], what: string): string {
  return rows
    .map((row) => {
      const text = log[row]
      if (text === undefined) throw new ClusterError('ERR_LOST', `${what} of the command is gone`)
      return text
    })
    .join('')
}

function outputOf(output: WireOutput, rows: readonly string[], encoding: string): string | Buffer {
  let text: Text
  if (inRows(output)) {
    const found = textIn(output, rows, 'the output')
    text = found.startsWith('b') ? { base64: found.slice(1) } : found.slice(1)
  } else {
    text = output
  }
  if (encoding === 'buffer') return toBytes(text)
  if (text === '') return text
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

const usageOf = (usage: readonly number[]): ResourceUsage => {
  const named: Partial<ResourceUsage> = {}
  for (let at = 0; at < usageNames.length; at++) {
    named[usageNames[at] as keyof ResourceUsage] = usage[at] as number
  }
  return named as ResourceUsage
}

/** Each field by its name: to spread the usual ones and those of the outcome takes far longer. */
function resultOf(
  wire: WireResult,
  rows: readonly string[],
  encoding: string,
): RunResult<string | Buffer> {
  const of = (name: keyof typeof usual): unknown => {
    const value = wire[name]
    return value === undefined ? usual[name] : value
  }
  const read = (name: 'stdout' | 'stderr' | 'all') =>
    outputOf(of(name) as WireOutput, rows, encoding)
  const { pid, durationMs, backend, usage, pipes } = wire
  const [stdout, stderr, all] = [read('stdout'), read('stderr'), read('all')]
  const killError = of('killError')
  // With `all`, both are one.
  const byFd = [null, all.length > 0 ? all : stdout, stderr]
  return {
    pid,
    exitCode: of('exitCode'),
    signal: of('signal'),
    signalDescription: of('signalDescription'),
    coreDumped: of('coreDumped'),
    stdout,
    stderr,
    all,
    stdio: byFd.map((output, fd) => (pipes & (1 << fd) ? output : null)),
    truncated: of('truncated'),
    timedOut: of('timedOut'),
    aborted: of('aborted'),
    step: of('step'),
    killError: killError && errorOf(killError as WireError, undefined),
    durationMs,
    rusage: usageOf(usage),
    backend,
    fromTemplate: of('fromTemplate'),
  } as RunResult<string | Buffer>
}

/** Reads the value of a job. Throws a ClusterError if another version has written it. */
export function readOutcome(
  wire: WireOutcome | undefined,
  rows: readonly string[],
  encoding: string,
): Outcome {
  if (!isBag(wire) || wire.v !== PROTOCOL) {
    const code: ClusterErrorCode = 'ERR_CLUSTER_VERSION'
    throw new ClusterError(code, 'the command was run by a worker of another version')
  }
  const { worker, queuedMs } = wire
  const result = wire.result && resultOf(wire.result, rows, encoding)
  const brief = inRows(wire.error)
    ? (JSON.parse(textIn(wire.error, rows, 'the error')) as WireError)
    : wire.error
  const error = brief && errorOf(brief, result)
  return { worker, queuedMs, result, error }
}
