/** A worker: takes commands from a queue, runs those that it allows, and says how they ended. */
import { statSync } from 'node:fs'
import { availableParallelism, hostname } from 'node:os'
import { Ending } from '../core/abort.js'
import { delay, later, type Timer } from '../core/runtime.js'
import { argumentError } from '../model/argument-error.js'
import type { CommandSettings } from '../options/settings.js'
import { isCollected } from '../options/stdio.js'
import { maxOf } from '../process/outputs.js'
import { runWith } from '../run.js'
import type { RunResult } from '../run-result.js'
import { Policy, readAllow, readNames } from './allow.js'
import {
  Complaints,
  endConnection,
  notNow,
  PREFIX,
  patient,
  reach,
  redisError,
} from './connection.js'
import { ClusterError, LostError, reasonOf } from './errors.js'
import { Base, whyNot } from './folder.js'
import { GivenBack } from './given-back.js'
import { Live } from './live.js'
import { readLimits, readWorker, type WorkerOptions, type WorkerSettings } from './options.js'
import { type BullWorker, type Job, type Peers, peers, type Redis } from './peers.js'
import {
  readWire,
  type WireLive,
  type WireOutcome,
  type WorkerName,
  wireOutcome,
} from './protocol.js'
import { discreet } from './telemetry.js'

/** Seconds for which Redis keeps outcomes that nobody takes: their submitter is gone. */
const KEPT = { age: 24 * 3600 }

/** Milliseconds after which a worker that has nothing to deliver is closed without Redis. */
const LEAVE_MS = 1_000
/** Milliseconds between two looks for Redis. */
const LOOK_MS = 100
/** Milliseconds after which Redis is offered again what it could not take. */
const AGAIN_MS = 200

/** Where submitters say which batches have been given up. */
export const cancelChannel = (queue: string): string => `${PREFIX}:${queue}:cancel`

/** The batch of a job, from the job's id. */
export const batchOf = (id: string): string => id.slice(0, id.indexOf('.'))

type Send = (live: WireLive) => Promise<unknown>

/** run()'s callbacks that send the output meanwhile, where the result has its beginning. */
function liveOf(settings: CommandSettings, send: Send) {
  const { all, keep = 'head', stdio } = settings
  if (all || keep !== 'head') return undefined
  const live = new Live({ stdout: maxOf(settings, 1), stderr: maxOf(settings, 2) }, send)
  const callbacks = {
    ...(isCollected(stdio[1]) && { onStdout: (bytes: Buffer) => live.add('stdout', bytes) }),
    ...(isCollected(stdio[2]) && { onStderr: (bytes: Buffer) => live.add('stderr', bytes) }),
  }
  return { callbacks, end: () => live.end() }
}

const noBytes = Buffer.alloc(0)

/** `result`, whose output is missing. */
const withoutOutput = (result: RunResult<Buffer>): RunResult<Buffer> => ({
  ...result,
  ...{ stdout: noBytes, stderr: noBytes, all: noBytes, truncated: true },
})

interface Running {
  stop: Ending
  /** Why it was stopped, if that is not for the submitter to know already. */
  why: ClusterError | undefined
}

/** A worker that takes commands until it is closed. */
export class Worker {
  /** Where it is, as results tell. */
  readonly name: WorkerName = { host: hostname(), pid: process.pid }
  /** Whether Redis writes to a file what it is told; without, a crash of Redis can run commands twice. */
  readonly durable: boolean
  readonly #peers: Peers
  readonly #policy: Policy
  readonly #bull: BullWorker
  readonly #client: Redis
  readonly #listener: Redis
  readonly #givenBack: GivenBack
  readonly #lostAfter: number
  readonly #hear: (cause: unknown) => void
  readonly #where: string
  readonly #running = new Map<string, Running>()
  #closed: Promise<void> | undefined
  /** Since when there is no connection, by Date.now(). */
  #cutSince: number | undefined
  /** Whether Redis is there, while it is being closed. */
  #looks: Timer | undefined

  /** @internal */
  constructor(peers: Peers, settings: WorkerSettings, policy: Policy, durable: boolean) {
    this.#peers = peers
    this.#policy = policy
    this.durable = durable
    this.#lostAfter = settings.lostAfter
    const { target, queue, lostAfter, telemetry } = settings
    const { concurrency = availableParallelism() } = settings
    const { hear } = new Complaints(target.where, settings.onError)
    this.#hear = hear
    this.#where = target.where
    const connection = patient(target)
    this.#client = new peers.Redis(connection)
    this.#client.on('error', (() => {}) as never)
    this.#client.on('close', () => {
      this.#cutSince ??= Date.now()
    })
    this.#client.on('ready', () => {
      this.#cutSince = undefined
    })
    this.#bull = new peers.Worker(queue, (job) => this.#take(job), {
      connection: this.#client,
      prefix: PREFIX,
      concurrency,
      name: `${this.name.host}:${this.name.pid}`,
      autorun: false,
      lockDuration: lostAfter,
      stalledInterval: Math.ceil(lostAfter / 2),
      // A job whose worker is gone is never given to another: it fails, as lost.
      maxStalledCount: 0,
      removeOnComplete: KEPT,
      removeOnFail: KEPT,
      ...(telemetry && { telemetry: discreet(telemetry) }),
    })
    this.#bull.on('error', ((error: Error) => {
      // What becomes of these commands, their submitters are told.
      if (
        !/could not renew lock|Missing (lock|key)|not owned|not in the active/.test(error.message)
      ) {
        hear(error)
      }
    }) as never)
    this.#bull.on('lockRenewalFailed', ((ids: string[]) => {
      for (const id of ids) this.#stop(id, new LostError('its worker was out of touch with Redis'))
    }) as never)
    this.#givenBack = new GivenBack(this.#client, this.#bull, lostAfter)
    this.#listener = new peers.Redis({ ...connection, lazyConnect: true })
    this.#listener.on('error', hear as never)
    this.#listener.on('message', ((_channel: string, batch: string) => {
      for (const id of this.#running.keys()) if (batchOf(id) === batch) this.#stop(id, undefined)
    }) as never)
  }

  /** @internal */
  async begin(queue: string): Promise<void> {
    // First, as what is closed while it connects leaves connections behind.
    await this.#bull.waitUntilReady()
    await this.#listener.subscribe(cancelChannel(queue))
    this.#bull.run().catch(() => {})
  }

  /** How many commands run now. */
  get running(): number {
    return this.#running.size
  }

  /**
   * The value of a job. If Redis does not take its output, not even later, the submitter learns
   * of that, and how the command ended.
   */
  async #outcome(
    job: Job,
    about: Pick<WireOutcome, 'worker' | 'queuedMs'>,
    { result, error }: { result: RunResult<Buffer> | undefined; error: Error | undefined },
  ): Promise<WireOutcome> {
    const late = Date.now() + this.#lostAfter / 2
    const log = async (row: string): Promise<number> => {
      for (;;) {
        try {
          return await job.log(row)
        } catch (cause) {
          if (!notNow.test((cause as Error).message) || Date.now() > late) throw cause
          this.#hear(cause)
          await delay(AGAIN_MS)
        }
      }
    }
    try {
      return await wireOutcome(about, { result, error }, log)
    } catch (cause) {
      this.#hear(cause)
      const { message } = redisError(this.#where, cause)
      const size = result ? result.stdout.length + result.stderr.length + result.all.length : 0
      const why = new ClusterError(
        'ERR_REDIS',
        `the command has run, but its output of ${size} bytes cannot be delivered: ${message}: ` +
          'have large output written to a file by stdio, or give Redis more room',
      )
      const bare = result && withoutOutput(result)
      return wireOutcome(about, { result: bare, error: why }, log)
    }
  }

  #stop(id: string, why: ClusterError | undefined): void {
    const running = this.#running.get(id)
    if (!running) return
    running.why ??= why
    running.stop.abort(running.why)
  }

  /** Runs the command of a job. What it throws becomes the reason for which the job failed. */
  async #take(job: Job): Promise<WireOutcome> {
    const { id = '', token: lock = '' } = job
    try {
      const { processedOn = 0 } = job
      this.#givenBack.taken(id, processedOn)
      // However the job came back into the queue: it may have run.
      if (job.attemptsStarted !== 1) throw new LostError('another worker has had it before')
      // It asked long ago: it stood still, or Redis was away. Its lock may be about to expire.
      if (Date.now() - processedOn >= this.#lostAfter / 2) {
        await this.#givenBack.give(id, lock)
        throw new this.#peers.WaitingError()
      }
      return await this.#run(job, id)
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error
      throw new this.#peers.UnrecoverableError(reasonOf(error))
    }
  }

  async #run(job: Job, id: string): Promise<WireOutcome> {
    const command = readWire(job.data)
    const running: Running = { stop: new Ending(), why: undefined }
    this.#running.set(id, running)
    const queuedMs = Math.max(0, (job.processedOn ?? job.timestamp) - job.timestamp)
    let result: RunResult<Buffer> | undefined
    let error: Error | undefined
    try {
      const { settings, release } = await this.#policy.admit(command)
      const live = command.live ? liveOf(settings, (piece) => job.updateProgress(piece)) : undefined
      try {
        const asked = { ...settings, ...live?.callbacks, signal: running.stop }
        result = (await runWith(asked)) as RunResult<Buffer>
      } finally {
        live?.end()
        await release()
      }
    } catch (thrown) {
      if (thrown instanceof ClusterError) throw thrown
      error = thrown as Error
      result = (thrown as { result?: RunResult<Buffer> }).result
      if (running.why) error = running.why
    } finally {
      this.#running.delete(id)
    }
    const about = { worker: this.name, queuedMs }
    return await this.#outcome(job, about, { result, error })
  }

  /**
   * Takes no more commands, and resolves when those that run have ended and their results
   * are delivered. With `force` it ends them: killSignal, and SIGKILL after killGrace.
   * Without Redis for `lostAfter` it ends them as well: their results count no longer.
   */
  async close({ force = false }: { force?: boolean } = {}): Promise<void> {
    this.#closed ??= this.#close()
    if (force) {
      const why = `the worker ${this.name.host}:${this.name.pid} was stopped`
      for (const id of this.#running.keys()) {
        this.#stop(id, new ClusterError('ERR_WORKER_STOPPED', why))
      }
    }
    await this.#closed
  }

  async #close(): Promise<void> {
    const closed = this.#bull.close()
    this.#closeWithoutRedis()
    await closed
    this.#looks?.cancel()
    this.#client.disconnect()
    this.#listener.disconnect()
  }

  /** BullMQ waits for Redis as long as it takes; a result counts no longer than the lock is held. */
  #closeWithoutRedis(): void {
    const away = this.#cutSince === undefined ? 0 : Date.now() - this.#cutSince
    if (away > (this.#givenBack.holds ? this.#lostAfter : LEAVE_MS)) {
      for (const id of this.#running.keys()) {
        this.#stop(id, new LostError('its worker was closed, out of touch with Redis'))
      }
      endConnection(this.#client)
      this.#bull.getBackend().blockingClient?.then(endConnection, () => {})
      return
    }
    this.#looks = later(LOOK_MS, () => this.#closeWithoutRedis())
  }

  /** close(): `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** The base folder must be there at the start; it may be another one later. */
function readBase(cwd: string | undefined): Base | undefined {
  if (cwd === undefined) return undefined
  try {
    if (statSync(cwd).isDirectory()) return new Base(cwd)
  } catch (error) {
    throw argumentError('ERR_INVALID_ARG_VALUE', `cwd cannot be used: ${whyNot(error)}`)
  }
  throw argumentError('ERR_INVALID_ARG_VALUE', 'cwd must be a directory')
}

/**
 * Takes commands from a queue and runs those that its options allow, each as run() does.
 * Nothing is allowed by default. Resolves once it is connected.
 *
 * Rejects with an argument error, and within five seconds with a ClusterError: ERR_REDIS
 * if Redis cannot be reached or refuses, ERR_CLUSTER_VERSION if the queue belongs to
 * another version, ERR_PEER_MISSING if a package is not installed. Once it has been
 * connected it waits for Redis as long as it takes.
 */
export async function worker(options: WorkerOptions): Promise<Worker> {
  const settings = readWorker(options)
  const { allow = [], env = [], cwd, limits } = { ...options }
  const policy = new Policy(
    ...([
      readAllow(allow),
      readNames(env),
      readBase(cwd),
      readLimits(limits),
      process.env,
    ] as const),
  )
  const loaded = await peers()
  const { durable } = await reach(loaded, settings.target, settings.queue)
  const made = new Worker(loaded, settings, policy, durable)
  try {
    await made.begin(settings.queue)
  } catch (error) {
    await made.close()
    throw redisError(settings.target.where, error)
  }
  return made
}
