/** The commands of a batch on their way through Redis, a bounded number at a time. */
import { randomBytes } from 'node:crypto'
import { failed } from '../batch/result.js'
import type { Engine } from '../batch/results.js'
import type { AnyResult, Commands, SchedulerEvents } from '../batch/scheduler.js'
import { whenAborted } from '../core/abort.js'
import { delay, later, now, soon, type Timer } from '../core/runtime.js'
import { AbortError } from '../model/abort-error.js'
import { argumentError } from '../model/argument-error.js'
import type { BatchCommand, BatchProgress } from '../options/options.js'
import { reach } from './connection.js'
import { errorOfReason, LostError } from './errors.js'
import { Interrupted, Link } from './link.js'
import {
  type ClusterCommand,
  type ClusterSettings,
  type ReadCommand,
  readClusterCommand,
} from './options.js'
import { peers } from './peers.js'
import {
  hasRows,
  JOB_NAME,
  type Outcome,
  readLive,
  readOutcome,
  toBytes,
  type WireOutcome,
} from './protocol.js'

/** How many jobs are added, and forgotten, with one message to Redis. */
const CHUNK = 100
/** Milliseconds after which Redis is asked what has become of a job, whatever the events say. */
const ASK_MS = 5_000
/** Milliseconds between two calls to end the commands of a batch that has been given up. */
const CANCEL_MS = 500
/** Milliseconds for which that goes on, at most, and without a connection. */
const GIVE_UP_MS = 60_000
const GIVE_UP_CUT_MS = 5_000
/** Characters from which a command may be what Redis closes the connection for. */
const LARGE = 256 * 1024
/** How often such a command is sent, if the connection breaks each time. */
const TRIES = 4

interface Task {
  index: number
  command: BatchCommand
  read: ReadCommand
  /** How often it has been sent before. */
  attempt: number
  /** Its job, from Date.now() on. */
  id: string
  since: number
  /** Redis has said that it has the job. */
  isAdded: boolean
  /** Redis may execute a message that adds it once more: it must find the job there. */
  keep: boolean
  isActive: boolean
  /** The outcome is being read. */
  isSettling: boolean
  /** It came before Redis had said that it has the job. */
  early: (() => void) | undefined
  /** How much of its output has been told meanwhile. */
  told: { stdout: number; stderr: number }
}

const noOutcome = { worker: undefined, queuedMs: undefined, result: undefined }

export class Submission implements Engine {
  readonly #settings: ClusterSettings
  readonly #events: SchedulerEvents
  readonly #source: Iterator<BatchCommand> | AsyncIterator<BatchCommand>
  readonly #total: number | undefined
  /** A part of the ids of its jobs, which Redis repeats often. */
  readonly #batch = randomBytes(12).toString('base64url')
  readonly #begin = now()
  readonly #link: Promise<Link>
  /** By the ids of their jobs. */
  readonly #pending = new Map<string, Task>()
  /** To be added next. */
  readonly #chunk: Task[] = []
  readonly #ended: string[] = []
  readonly #keptToTheEnd: string[] = []
  #unlisten: (() => void) | undefined
  #timer: Timer | undefined
  #wake = () => {}
  #adding = 0
  #next = 0
  #running = 0
  #done = 0
  #failures = 0
  #flushing = false
  #exhausted = false
  #fed = false
  #over = false
  #stoppedAt: number | undefined
  #error: Error | undefined

  constructor(commands: Commands, settings: ClusterSettings, events: SchedulerEvents) {
    this.#settings = settings
    this.#events = events
    this.#total = Array.isArray(commands) ? commands.length : settings.total
    this.#source =
      Symbol.asyncIterator in commands
        ? commands[Symbol.asyncIterator]()
        : commands[Symbol.iterator]()
    this.#link = this.#connect()
    const { signal } = settings
    if (signal?.aborted) this.stop(new AbortError(signal))
    else if (signal) {
      this.#unlisten = whenAborted(signal, () => this.stop(new AbortError(signal)))
    }
    this.#link.then(
      (link) => this.#live(link),
      (error) => {
        this.stop(error)
        this.#end()
      },
    )
  }

  async #connect(): Promise<Link> {
    const settings = this.#settings
    const loaded = await peers()
    await reach(loaded, settings.target, settings.queue)
    return Link.open(settings, loaded, this.#batch)
  }

  #live(link: Link): void {
    link.listen({
      active: (id) => {
        const task = this.#pending.get(id)
        if (task && !task.isActive) {
          task.isActive = true
          this.#running++
        }
      },
      completed: (id, value) => this.#ended1(id, (task) => this.#completed(link, task, value)),
      progress: (id, data) => {
        const task = this.#pending.get(id)
        if (task && !task.isSettling) this.#tell(task, data)
      },
      pending: () => this.#pending.size,
      failed: (id, reason) => this.#ended1(id, (task) => this.#failed(task, reason)),
      removed: (id) =>
        this.#ended1(id, (task) => this.#vanished(task, 'somebody has removed its job')),
      gap: () => void this.#ask(link, 0),
    })
    this.#tick(link)
    void this.#feed(link)
  }

  fill(): void {
    this.#wake()
  }

  get #isStopped(): boolean {
    return this.#stoppedAt !== undefined
  }

  #hasRoom(): boolean {
    const used = this.#pending.size + this.#chunk.length
    return used < this.#settings.waiting && !this.#events.full()
  }

  /** Takes commands from the source as long as there is room. */
  async #feed(link: Link): Promise<void> {
    while (!this.#exhausted) {
      if (!this.#hasRoom()) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      try {
        const next = await this.#source.next()
        if (this.#isStopped) break
        if (typeof next !== 'object' || next === null) {
          throw argumentError(
            'ERR_INVALID_ARG_TYPE',
            `next() of the iterator of commands must return an object, not ${next}`,
          )
        }
        const { done, value } = next
        if (done) this.#exhausted = true
        else this.#submit(link, this.#next++, value)
      } catch (error) {
        this.#exhausted = true
        this.stop((error || new Error(`${error} was thrown`)) as Error)
      }
    }
    this.#fed = true
    this.#wake = () => {}
    this.#endIfOver(link)
  }

  #submit(link: Link, index: number, command: BatchCommand): void {
    let read: ReadCommand
    try {
      read = readClusterCommand(command, this.#settings)
    } catch (error) {
      this.#report({ index, command, attempts: 1, ...noOutcome, error: error as Error } as never)
      return
    }
    this.#send(link, { index, command, read, attempt: 0 })
  }

  #send(link: Link, what: Pick<Task, 'index' | 'command' | 'read' | 'attempt'>): void {
    const { index, command, read, attempt } = what
    const id = `${this.#batch}.${index}.${attempt}`
    const told = { stdout: 0, stderr: 0 }
    const none = { isAdded: false, keep: false, isActive: false, isSettling: false }
    this.#chunk.push({
      index,
      command,
      read,
      attempt,
      id,
      told,
      since: 0,
      early: undefined,
      ...none,
    })
    if (this.#chunk.length >= CHUNK) this.#flush(link)
    else if (!this.#flushing) {
      this.#flushing = true
      soon(() => this.#flush(link))
    }
  }

  #flush(link: Link): void {
    this.#flushing = false
    const tasks = this.#chunk.splice(0)
    if (tasks.length === 0) return
    if (this.#isStopped) {
      this.#endIfOver(link)
      return
    }
    for (const task of tasks) {
      task.since = Date.now()
      this.#pending.set(task.id, task)
    }
    this.#adding++
    this.#add(link, tasks)
      .catch((error) => {
        for (const task of tasks) if (!task.isAdded) this.#drop(task)
        this.stop(error)
      })
      .then(() => {
        this.#adding--
        this.#endIfOver(link)
      })
  }

  /** Adds jobs. Those of which it is unknown whether Redis has them are asked for, and added if not. */
  async #add(link: Link, tasks: readonly Task[]): Promise<void> {
    let left = tasks
    for (let tries = 1; left.length > 0; tries++) {
      try {
        await link.add(
          left.map(({ id, read }) => ({ name: JOB_NAME, data: read.wire, opts: { jobId: id } })),
        )
        for (const task of left) this.#added(task)
        return
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error
      }
      left = await this.#missing(link, left)
      if (this.#isStopped) {
        for (const task of left) this.#drop(task)
        return
      }
      const large = left.filter(isLarge)
      if (large.length > 0 && left.length > 1) {
        // One that Redis does not take is not to keep the others from it.
        await this.#add(
          link,
          left.filter((task) => !isLarge(task)),
        )
        for (const task of large) await this.#add(link, [task])
        return
      }
      if (large.length > 0 && tries === TRIES) {
        const why = `it closes the connection whenever a command of ${sizeOf(large[0] as Task)} characters is sent`
        this.#settle(link, large[0] as Task, { ...noOutcome, error: link.error(new Error(why)) })
        return
      }
    }
  }

  #added(task: Task): void {
    task.isAdded = true
    task.early?.()
  }

  /** Which of these jobs Redis does not have, so that they can be added again. */
  async #missing(link: Link, tasks: readonly Task[]): Promise<Task[]> {
    for (;;) {
      await delay(1_000)
      await link.connected()
      try {
        const states = await Promise.all(tasks.map(({ id }) => link.state(id)))
        const isSame = await link.isSame()
        const missing: Task[] = []
        for (const [at, task] of tasks.entries()) {
          task.keep = true
          if (states[at]?.[0] !== -1) this.#added(task)
          else if (isSame) missing.push(task)
          else {
            // It may have run before Redis lost it.
            this.#added(task)
            this.#vanished(task, 'Redis has lost its data')
          }
        }
        return missing
      } catch (error) {
        if (!(error instanceof Interrupted)) throw error
      }
    }
  }

  /** The end of a job; the first news of it counts. */
  #ended1(id: string, then: (task: Task) => void): void {
    const task = this.#pending.get(id)
    if (!task || task.isSettling) return
    task.isSettling = true
    // Its job is not removed before it is known that it won't be added once more.
    if (task.isAdded) then(task)
    else task.early = () => then(task)
  }

  /** `json`: the outcome, or what somebody else has written in its place. */
  #completed(link: Link, task: Task, json: string): void {
    let wire: WireOutcome | undefined
    try {
      wire = JSON.parse(json)
    } catch {}
    const { encoding } = this.#settings
    const settle = (rows: readonly string[]) => {
      let outcome: Outcome
      try {
        outcome = readOutcome(wire, rows, encoding)
      } catch (error) {
        outcome = { ...noOutcome, error: error as Error }
      }
      this.#settle(link, task, outcome)
    }
    if (!hasRows(wire)) {
      settle([])
      return
    }
    link.rows(task.id).then(settle, () => {
      // Redis is asked again, and then tells of the job once more.
      task.isSettling = false
    })
  }

  /** Its output meanwhile, up to the first piece that is missing. */
  #tell(task: Task, data: string): void {
    const { onOutput } = this.#settings
    const live = onOutput && readLive(data)
    if (!live) return
    const { index, command, attempt, told } = task
    for (const from of ['stdout', 'stderr'] as const) {
      const piece = live[from]
      if (piece?.at !== told[from]) continue
      const { at } = piece
      const bytes = toBytes(piece.text)
      told[from] += bytes.length
      const what = command as ClusterCommand
      try {
        onOutput({ index, command: what, attempt: attempt + 1, from, at, bytes })
      } catch (error) {
        this.stop((error || new Error(`${error} was thrown`)) as Error)
      }
    }
  }

  #failed(task: Task, reason: string): void {
    void this.#link.then((link) =>
      this.#settle(link, task, { ...noOutcome, error: errorOfReason(reason) }),
    )
  }

  #vanished(task: Task, why: string): void {
    // A batch that has been given up takes its jobs back.
    if (this.#isStopped) {
      this.#drop(task)
      void this.#link.then((link) => this.#endIfOver(link))
      return
    }
    void this.#link.then((link) =>
      this.#settle(link, task, { ...noOutcome, error: new LostError(why) }),
    )
  }

  #drop(task: Task): void {
    if (!this.#pending.delete(task.id)) return
    if (task.isActive) this.#running--
  }

  #settle(link: Link, task: Task, outcome: Outcome): void {
    if (!this.#pending.has(task.id)) return
    this.#drop(task)
    this.#forget(link, task)
    const { index, command, read, attempt } = task
    const { error, result } = outcome
    const attempts = attempt + 1
    const reported = { index, command, attempts, ...outcome } as AnyResult
    const again =
      attempt < read.retries && !this.#isStopped && failed({ error, result } as AnyResult)
    if (again && !isHopeless(error)) this.#send(link, { index, command, read, attempt: attempts })
    else this.#report(reported)
    this.#wake()
    this.#endIfOver(link)
  }

  #forget(link: Link, { id, keep }: Task): void {
    if (keep) {
      this.#keptToTheEnd.push(id)
      return
    }
    this.#ended.push(id)
    if (this.#ended.length >= CHUNK) void this.#forgetEnded(link)
  }

  async #forgetEnded(link: Link): Promise<void> {
    const ids = this.#ended.splice(0)
    if (ids.length === 0) return
    await link.forget(ids).catch(() => void this.#ended.push(...ids))
  }

  #report(result: AnyResult): void {
    const bad = failed(result)
    this.#done++
    if (bad) this.#failures++
    this.#events.result(result)
    if (bad && this.#settings.bail) this.stop()
    try {
      this.#settings.onProgress?.(this.#progress())
    } catch (error) {
      this.stop((error || new Error(`${error} was thrown`)) as Error)
    }
  }

  #progress(): BatchProgress {
    const total = this.#total ?? (this.#exhausted ? this.#next : undefined)
    const done = this.#done
    const elapsed = now() - this.#begin
    const remaining = total === undefined ? total : (elapsed / done) * Math.max(0, total - done)
    const progress = { total, running: this.#running, done, failed: this.#failures }
    return { ...progress, elapsed, remaining } as BatchProgress
  }

  stop(error?: Error): void {
    if (this.#isStopped) return
    this.#stoppedAt = Date.now()
    this.#error = error
    this.#chunk.length = 0
    if (!this.#exhausted) {
      try {
        Promise.resolve(this.#source.return?.()).catch(() => {})
      } catch {}
    }
    this.#exhausted = true
    // A source that never answers is not waited for.
    this.#fed = true
    this.#wake()
    this.#link.then(
      (link) => void this.#takeBack(link),
      () => {},
    )
  }

  /** Removes what waits, and has ended what runs, until nothing is left. */
  async #takeBack(link: Link): Promise<void> {
    const stoppedAt = this.#stoppedAt as number
    while (!this.#over) {
      const { cutSince } = link
      const isHopeless =
        Date.now() - stoppedAt > GIVE_UP_MS ||
        (cutSince !== undefined && Date.now() - Math.max(cutSince, stoppedAt) > GIVE_UP_CUT_MS)
      if (isHopeless) {
        for (const task of [...this.#pending.values()]) this.#drop(task)
        this.#adding = 0
      }
      if (this.#pending.size > 0 && link.isConnected) {
        const added = [...this.#pending.values()].filter(({ isAdded }) => isAdded)
        // One that has ended, and whose outcome is on its way, is removed as well: the news
        // of that comes after the outcome.
        await Promise.all(added.map(({ id }) => link.remove(id))).catch(() => {})
        if (this.#pending.size > 0) await link.cancel(this.#batch).catch(() => {})
      }
      this.#endIfOver(link)
      if (this.#over) return
      await delay(CANCEL_MS)
    }
  }

  #tick(link: Link): void {
    this.#timer = later(ASK_MS, () => {
      void this.#forgetEnded(link)
      void this.#ask(link, ASK_MS)
      if (!this.#over) this.#tick(link)
    })
  }

  /** Asks Redis for jobs of which nothing has been heard for so long. */
  async #ask(link: Link, age: number): Promise<void> {
    if (!link.isConnected) return
    const before = Date.now() - age
    const tasks = [...this.#pending.values()].filter(
      ({ isAdded, since, isSettling }) => isAdded && !isSettling && since <= before,
    )
    try {
      const states = await Promise.all(tasks.map(({ id }) => link.state(id)))
      for (const [at, task] of tasks.entries()) {
        const [state, value] = states[at] as [number, string?]
        if (state === 0) continue
        this.#ended1(task.id, () => {
          if (state === 1) this.#completed(link, task, value ?? '')
          else if (state === 2) this.#failed(task, value ?? '')
          else this.#vanished(task, 'Redis has lost its job')
        })
      }
    } catch {
      // It is asked again later.
    }
  }

  #endIfOver(link: Link): void {
    const isLeft = this.#pending.size > 0 || this.#chunk.length > 0 || this.#adding > 0
    if (this.#over || !this.#fed || isLeft) return
    this.#end()
    void this.#leave(link)
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#timer?.cancel()
    this.#unlisten?.()
    this.#wake()
    this.#link.then(
      () => {},
      () => this.#events.end(this.#error),
    )
  }

  async #leave(link: Link): Promise<void> {
    this.#ended.push(...this.#keptToTheEnd.splice(0))
    // Redis forgets what we leave behind, after a while.
    if (link.isConnected) await this.#forgetEnded(link)
    await link.close()
    this.#events.end(this.#error)
  }
}

const sizeOf = ({ read }: Task): number => JSON.stringify(read.wire).length
const isLarge = (task: Task): boolean => sizeOf(task) > LARGE

/** It would fare no better the next time. */
const isHopeless = (error: Error | undefined): boolean =>
  error instanceof AbortError ||
  ['ERR_NOT_ALLOWED', 'ERR_INVALID_JOB', 'ERR_CLUSTER_VERSION', 'ERR_REDIS'].includes(
    (error as NodeJS.ErrnoException | undefined)?.code ?? '',
  )
