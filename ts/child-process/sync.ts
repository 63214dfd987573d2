/**
 * Stands in for the native function behind spawnSync(), execSync() and execFileSync():
 * starts the program, talks to it and waits for its end.
 */
import {
  Answer,
  type Binding,
  type Decide,
  LaunchFlags,
  News,
  PipeBits,
  RunField,
  type RunResult,
} from '../binding/addon.js'
import { pack } from '../chain/pack.js'
import { ENOBUFS, ESRCH, ETIMEDOUT } from '../model/errno.js'
import { type Exit, exitOf } from '../model/exit.js'
import { SIGKILL, SIGTERM } from '../model/signals.js'
import type { Told } from '../process/told.js'
import { chainOf, type Launcher, nativeName, type SpawnOptions, whyNode } from './start.js'
import { ChildStdio, type PipeEntry, type StdioEntry } from './stdio.js'

/** The options of the native function, after normalization by spawnSync(). */
export interface SyncOptions extends SpawnOptions {
  stdio: readonly StdioEntry[]
  /** Milliseconds. */
  timeout?: number | null
  /** Bytes of all outputs together. */
  maxBuffer?: number | null
  killSignal?: number | null
}

/** What the native function returns; Node's JavaScript adds to it. */
export interface SyncResult {
  /** -errno */
  error?: number
  status: number | null
  signal: string | null
  output: (Buffer | null)[] | null
  pid: number
}

/** Node's native function aborts the program for the others. */
const types = ['ignore', 'pipe', 'inherit', 'fd']

function isKnown(entry: unknown): boolean {
  const { type, readable, input } = entry as PipeEntry
  const plain = !readable || input === undefined || input === null || ArrayBuffer.isView(input)
  return types.includes(type) && plain
}

const isLimit = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'number' && value >= 0)

/** Why Node has to do it: its native function would get something else from these options. */
export function whyNodeSync(options: unknown): string | undefined {
  const reason = whyNode(options)
  if (reason !== undefined) return reason
  const { stdio, timeout, maxBuffer, killSignal } = options as SyncOptions
  if (!Array.isArray(stdio) || !stdio.every(isKnown)) return 'an unknown kind of stdio'
  if (![timeout, maxBuffer, killSignal].every(isLimit)) return 'a limit that is no number'
  return undefined
}

function inputOf({ readable, input }: PipeEntry): Uint8Array | undefined {
  if (!readable || !ArrayBuffer.isView(input)) return undefined
  return new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
}

/** Of a program that has not started. */
function failure(error: number): SyncResult {
  return { error, status: null, signal: null, output: null, pid: 0 }
}

/** Tells what has happened, all of it after the end. */
function tell(told: Told, run: RunResult, exit: Exit): void {
  const pid = run[RunField.pid]
  told.called()
  if (pid === 0) {
    told.failed(-run[RunField.error], told.steps[run[RunField.failed]])
    return
  }
  told.started(pid)
  told.ended(exit)
}

/**
 * The rules of Node's spawnSync(): a limit that is exceeded signals the process and closes
 * the pipes, and after the end of the process no timeout counts.
 */
class Limits {
  /** -errno of the first one that was exceeded, or 0. */
  exceeded = 0
  readonly #binding: Binding
  readonly #signal: number
  #over = false
  #killed = false

  constructor(binding: Binding, signal: number) {
    this.#binding = binding
    this.#signal = signal
  }

  readonly decide: Decide = (news, id) => {
    if (news === News.due) return this.#end(id, ETIMEDOUT)
    if (news === News.much) return this.#end(id, ENOBUFS)
    this.#over = true
    return Answer.never
  }

  #end(id: number, errno: number): number {
    this.exceeded ||= -errno
    if (!this.#over && !this.#killed) {
      this.#killed = true
      const ret = this.#binding.kill(id, this.#signal)
      // No such signal.
      if (ret < 0 && ret !== -ESRCH) this.#binding.kill(id, SIGKILL)
    }
    return Answer.cut
  }
}

function resultOf(
  made: ChildStdio,
  options: SyncOptions,
  run: RunResult,
  exit: Exit,
  exceeded: number,
): SyncResult {
  const pid = run[RunField.pid]
  const error = exceeded || run[RunField.error]
  if (pid === 0) return failure(error)
  const output = options.stdio.map((entry) => {
    const at = made.pipes.findIndex((pipe) => pipe.entry === entry)
    const isOutput = entry.type === 'pipe' && entry.writable
    return isOutput ? (run[RunField.outputs + at] as Buffer) : null
  })
  return {
    ...(error !== 0 && { error }),
    status: exit.code,
    signal: exit.signal === null ? null : nativeName(exit.signal),
    output,
    pid,
  }
}

/** Throws, with nothing begun, if the launcher cannot do it. */
export function runSync(
  launcher: Launcher,
  options: SyncOptions,
  told: Told | undefined,
): SyncResult {
  const { core, kind, inheritFds } = launcher
  const { timeout, maxBuffer, killSignal } = options
  const made = new ChildStdio(core.binding, inheritFds)
  let over = false
  try {
    let ret = made.make(options.stdio)
    if (ret === 0) ret = made.openCwd(options.cwd)
    if (ret < 0) {
      if (told) told.refusal = -ret
      told?.called()
      return failure(ret)
    }
    const pipes = made.pipes.flatMap(({ entry, fd }) => [
      (entry.readable ? PipeBits.input : 0) | (entry.writable ? PipeBits.output : 0),
      fd,
      Number.POSITIVE_INFINITY,
      0,
    ])
    const inputs = made.pipes.map(({ entry }) => inputOf(entry))
    const ops = chainOf(launcher, options, made)
    if (told) told.steps = ops.map(({ step }) => step)
    const { buffer, size } = pack(ops)
    const limits = new Limits(core.binding, killSignal ?? SIGTERM)
    const run = core.binding.run(
      kind,
      buffer,
      size,
      made.childFds,
      pipes,
      inputs,
      LaunchFlags.likeUvSpawn,
      maxBuffer ?? 0,
      timeout || Answer.never,
      limits.decide,
    )
    over = true
    const exit = exitOf(run[RunField.code], run[RunField.status], run[RunField.usage], 0)
    if (told) tell(told, run, exit)
    return resultOf(made, options, run, exit, limits.exceeded)
  } finally {
    if (!over) made.close()
  }
}
