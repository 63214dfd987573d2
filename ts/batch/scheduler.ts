/** Decides which commands run when; results are delivered elsewhere. */
import { availableParallelism } from 'node:os'
import { type Abortable, Ending, whenAborted } from '../core/abort.js'
import { getCore } from '../core/core.js'
import { inheritedEnvVars } from '../core/process-env.js'
import { later, microtask, now, soon } from '../core/runtime.js'
import { AbortError } from '../model/abort-error.js'
import { argumentError } from '../model/argument-error.js'
import type { EnvVars } from '../model/envvars.js'
import { readCommand } from '../options/check.js'
import type { BatchCommand, BatchProgress } from '../options/options.js'
import type { BatchSettings, CommandSettings } from '../options/settings.js'
import { runWith } from '../run.js'
import type { RunResult } from '../run-result.js'
import { JobServer } from './job-server.js'
import { type BatchResult, failed } from './result.js'

/** Errors that may pass once one of our children ends: too many processes, too many files. */
const waitFor = new Set(['EAGAIN', 'EMFILE', 'ENFILE'])

/** Milliseconds until a job server that has no token is asked again. */
const ASK_AGAIN = 10

/** How long starts may block the event loop in one turn, milliseconds. */
const TURN_MS = 2

export type AnyResult = BatchResult<BatchCommand, string | Buffer>
export type Commands = Iterable<BatchCommand> | AsyncIterable<BatchCommand>

interface Task {
  index: number
  command: BatchCommand
  /** Known once it has been started. */
  settings: CommandSettings | undefined
  /** How often it has been run to its end, or failed to start. */
  attempts: number
  /** Its number among the starts, and whether none of the batch ran at its start. */
  start: number
  first: boolean
}

export interface SchedulerEvents {
  result(result: AnyResult): void
  /** Nothing runs, and nothing more will start. */
  end(error: Error | undefined): void
  /** Whether too many results wait for the reader; nothing is started then. */
  full(): boolean
}

/** What was thrown, or an Error where that is undefined, null or empty and would look like success. */
const thrown = (error: unknown): Error => (error || new Error(`${error} was thrown`)) as Error

const isAsync = (commands: Commands): commands is AsyncIterable<BatchCommand> =>
  Symbol.asyncIterator in commands

/** Aborts when either signal does; must be released. */
function eitherOf(...signals: Abortable[]): { signal: Abortable; release(): void } {
  const either = new Ending()
  const undo: (() => void)[] = []
  const release = () => {
    for (const stop of undo) stop()
  }
  try {
    for (const signal of signals) {
      const abort = () => either.abort(signal.reason)
      if (signal.aborted) abort()
      else undo.push(whenAborted(signal, abort))
    }
  } catch (error) {
    release()
    throw error
  }
  return { signal: either, release }
}

export class Scheduler {
  readonly total: number | undefined
  running = 0
  done = 0
  failures = 0
  readonly #concurrency: number
  readonly #bail: boolean
  readonly #onProgress: BatchSettings['onProgress']
  readonly #settings: BatchSettings
  readonly #events: SchedulerEvents
  readonly #source: Iterator<BatchCommand> | AsyncIterator<BatchCommand>
  readonly #async: boolean
  readonly #ending = new Ending()
  readonly #unlisten: (() => void) | undefined
  /** To be retried once one of our commands has ended. */
  readonly #again: Task[] = []
  #place = 0
  #jobs: JobServer | undefined
  /** A token of the job server's for the next start; and whether it will be asked again. */
  #hasToken = false
  #asksAgain = false
  readonly #begin = now()
  #next = 0
  #starts = 0
  /** When starts have used up their share of this turn of the event loop. */
  #turnEnd: number | undefined
  /** They have, so the rest waits for the next turn. */
  #spent = false
  /** A command has to be retried: start no other before one of ours has ended. */
  #waiting = false
  /** An asynchronous source has been asked for the next command. */
  #pulling = false
  /** The source has no more, or will not be asked again. */
  #exhausted = false
  #stopped = false
  #ended = false
  #error: Error | undefined

  constructor(commands: Commands, settings: BatchSettings, events: SchedulerEvents) {
    const { concurrency = availableParallelism(), bail = false, onProgress, signal } = settings
    this.#concurrency = concurrency
    this.#bail = bail
    this.#onProgress = onProgress
    this.#events = events
    this.#async = isAsync(commands)
    this.#source = isAsync(commands)
      ? commands[Symbol.asyncIterator]()
      : commands[Symbol.iterator]()
    this.total = Array.isArray(commands) ? commands.length : settings.total
    // Nothing is held, and nobody listens, if one of these throws.
    const env = settings.run.env ?? inheritedEnvVars()
    if (signal && !signal.aborted) {
      this.#unlisten = whenAborted(signal, () => this.stop(new AbortError(signal)))
    }
    try {
      if (settings.jobserver) this.#jobs = new JobServer(this.#concurrency, settings.jobserver)
    } catch (error) {
      this.#unlisten?.()
      throw error
    }
    this.#settings = this.#atTheCall(settings, env)
    if (signal?.aborted) this.stop(new AbortError(signal))
  }

  /** Commands may start long after the call, but see the process as it was at the call. */
  #atTheCall(settings: BatchSettings, env: EnvVars): BatchSettings {
    this.#place = getCore().binding.place()
    return { ...settings, run: { ...settings.run, place: this.#place, env } }
  }

  /**
   * Starts as many as may run now, within the rest of this turn's share. It is
   * called once for each command that ends, often several times in a turn.
   */
  fill(): void {
    if (this.#spent) return
    if (this.#turnEnd === undefined) {
      this.#turnEnd = now() + TURN_MS
      soon(() => this.#nextTurn())
    }
    while (this.#mayStart() && this.#takesToken()) {
      if (now() > this.#turnEnd) {
        this.#spent = true
        return
      }
      const task = this.#again.shift()
      if (task) this.#start(task)
      else if (!this.#exhausted && !this.#pulling) this.#pull()
      else break
    }
    if (this.#hasToken) this.#jobs?.give()
    this.#hasToken = false
    this.#endIfOver()
  }

  /**
   * Whether there is a token for the next start. Makes give theirs back without telling us,
   * so we ask again. Those of makes that were killed are known to be lost once no command runs.
   */
  #takesToken(): boolean {
    const jobs = this.#jobs
    if (!jobs || this.#hasToken) return true
    if (this.running === 0) jobs.restore()
    // What a make has left behind may be quicker, but somebody has to go on.
    this.#hasToken = jobs.take() || this.running === 0
    if (!this.#hasToken && !this.#asksAgain) {
      this.#asksAgain = true
      later(ASK_AGAIN, () => {
        this.#asksAgain = false
        if (!this.#ended) this.fill()
      })
    }
    return this.#hasToken
  }

  #nextTurn(): void {
    this.#turnEnd = undefined
    if (!this.#spent) return
    this.#spent = false
    this.fill()
  }

  /** Starts no more commands and ends the running ones; the batch fails with `error`. */
  stop(error?: Error): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#error = error
    this.#again.length = 0
    this.#ending.abort(error ?? new Error('the batch has ended'))
    // Let a generator clean up, without waiting for it.
    if (!this.#exhausted) {
      try {
        Promise.resolve(this.#source.return?.()).catch(() => {})
      } catch {}
    }
    this.#exhausted = true
    microtask(() => this.#endIfOver())
  }

  #mayStart(): boolean {
    return (
      !this.#stopped && !this.#waiting && this.running < this.#concurrency && !this.#events.full()
    )
  }

  #endIfOver(): void {
    const nothingMore = this.#exhausted && this.#again.length === 0
    if (this.#ended || this.running > 0 || !nothingMore) return
    this.#ended = true
    getCore().binding.dropPlace(this.#place)
    this.#jobs?.close()
    this.#unlisten?.()
    this.#events.end(this.#error)
  }

  #pull(): void {
    if (!this.#async) {
      try {
        this.#pulled((this.#source as Iterator<BatchCommand>).next())
      } catch (error) {
        this.#sourceFailed(error)
      }
      return
    }
    this.#pulling = true
    this.#pullAsync()
  }

  /** As `for await` does: next() may throw, or return its result without a promise. */
  async #pullAsync(): Promise<void> {
    try {
      const next = await (this.#source as AsyncIterator<BatchCommand>).next()
      if (!this.#stopped) this.#pulled(next)
    } catch (error) {
      this.#sourceFailed(error)
    }
    this.#pulling = false
    this.fill()
  }

  #pulled(next: IteratorResult<BatchCommand>): void {
    if (typeof next !== 'object' || next === null) {
      throw argumentError(
        'ERR_INVALID_ARG_TYPE',
        `next() of the iterator of commands must return an object, not ${next}`,
      )
    }
    const { done, value } = next
    if (done) {
      this.#exhausted = true
      return
    }
    const index = this.#next++
    const task = { index, command: value, settings: undefined, attempts: 0, start: 0, first: false }
    // While an asynchronous source was asked, retries may have taken the room, and makes the token.
    if (!this.#async || (this.#mayStart() && !this.#jobs)) this.#start(task)
    else this.#again.push(task)
  }

  #sourceFailed(error: unknown): void {
    this.#exhausted = true
    this.stop(thrown(error))
  }

  #start(task: Task): void {
    task.start = ++this.#starts
    task.first = this.running === 0
    this.running++
    this.#hasToken = false
    this.#run(task).then(
      (result) => this.#ran(task, result, undefined),
      (error) => this.#ran(task, undefined, thrown(error)),
    )
  }

  async #run(task: Task): Promise<RunResult<string | Buffer>> {
    task.settings ??= readCommand(task.command, this.#settings)
    const asked = task.settings
    const settings = this.#jobs?.serve(asked) ?? asked
    const ending = this.#ending
    const { signal, release } = settings.signal
      ? eitherOf(ending, settings.signal)
      : { signal: ending, release() {} }
    try {
      return await runWith({ ...settings, signal })
    } finally {
      release()
    }
  }

  #ran(task: Task, result: RunResult<string | Buffer> | undefined, error: Error | undefined): void {
    this.running--
    this.#jobs?.give()
    const code = (error as NodeJS.ErrnoException | undefined)?.code
    // No other of the batch was there to use up what it lacks.
    const alone = task.first && task.start === this.#starts
    const waits = code !== undefined && waitFor.has(code) && !alone && !this.#stopped
    this.#waiting = waits
    if (waits) {
      this.#again.push(task)
      // Those that have failed together may each succeed alone.
      if (this.running === 0 && this.#takesToken()) this.#start(this.#again.shift() as Task)
      return
    }
    const { index, command } = task
    const attempts = ++task.attempts
    const known = result ?? (error as { result?: RunResult } | undefined)?.result
    // Without the job server's descriptors.
    if (this.#jobs && known) known.stdio = known.stdio.slice(0, task.settings?.stdio.length)
    const outcome: AnyResult = error
      ? { index, command, attempts, result: known, error }
      : { index, command, attempts, result: known as RunResult, error: undefined }
    if (this.#retries(task, outcome)) this.#again.push(task)
    else this.#report(outcome)
    this.fill()
  }

  /** A command that cannot be read, or was aborted, fares no better the next time. */
  #retries({ attempts, settings }: Task, outcome: AnyResult): boolean {
    return (
      settings !== undefined &&
      attempts <= (settings.retries ?? 0) &&
      !this.#stopped &&
      !(outcome.error instanceof AbortError) &&
      failed(outcome)
    )
  }

  #progress(): BatchProgress {
    const { done, running, failures } = this
    const total = this.total ?? (this.#exhausted ? this.#next : undefined)
    const elapsed = now() - this.#begin
    const remaining = total === undefined ? total : (elapsed / done) * Math.max(0, total - done)
    return { total, running, done, failed: failures, elapsed, remaining }
  }

  #report(result: AnyResult): void {
    const bad = failed(result)
    this.done++
    if (bad) this.failures++
    this.#events.result(result)
    if (bad && this.#bail) this.stop()
    try {
      this.#onProgress?.(this.#progress())
    } catch (error) {
      this.stop(thrown(error))
    }
  }
}
