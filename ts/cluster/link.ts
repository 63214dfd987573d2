/** A submitter's connections: what it sends, what it hears, and whether either is cut off. */
import { Complaints, notNow, PREFIX, patient, redisError } from './connection.js'
import type { ClusterError } from './errors.js'
import { Heard, type JobEvents } from './heard.js'
import type { ClusterSettings } from './options.js'
import type { NewJob, Peers, Pipeline, Queue, Redis } from './peers.js'
import { discreet } from './telemetry.js'
import { cancelChannel } from './worker.js'

/** The connection broke before an answer came: Redis may have done it, or not. */
export class Interrupted extends Error {}

/** Seconds for which Redis keeps the mark that a batch is going on. */
const MARKED = 7 * 24 * 3600

/** What BullMQ's errors say when the connection ends: what Redis cannot read, it answers and hangs up. */
const broken = /aborted|Connection is closed|^ERR Protocol error/

export class Link {
  readonly #client: Redis
  readonly #queue: Queue
  readonly #heard: Heard
  readonly #name: string
  readonly #where: string
  readonly #mark: string
  readonly #hear: (cause: unknown) => void
  #cut = new Set<() => void>()
  /** Since when there is no connection, by Date.now(). */
  cutSince: number | undefined

  private constructor(
    settings: ClusterSettings,
    peers: Peers,
    batch: string,
    from: string,
    client: Redis,
  ) {
    const { target, queue, telemetry } = settings
    this.#client = client
    this.#name = queue
    this.#where = target.where
    this.#mark = `${PREFIX}:${queue}:batch:${batch}`
    const options = { prefix: PREFIX, ...(telemetry && { telemetry: discreet(telemetry) }) }
    const defaultJobOptions = { attempts: 1 }
    this.#queue = new peers.Queue(queue, { connection: client, defaultJobOptions, ...options })
    const { hear } = new Complaints(target.where, settings.onError ?? (() => {}))
    this.#hear = hear
    this.#queue.on('error', hear as never)
    this.#heard = new Heard(peers, target, this.#queue.toKey('events'), from, hear)
    client.on('close', () => this.#isCut())
    client.on('ready', () => {
      this.cutSince = undefined
    })
  }

  /** Rejects with a ClusterError, ERR_REDIS. */
  static async open(settings: ClusterSettings, peers: Peers, batch: string): Promise<Link> {
    const client = new peers.Redis({
      ...patient(settings.target),
      // What was sent may have been done: we ask, before we send it again.
      autoResendUnfulfilledCommands: false,
    })
    client.on('error', () => {})
    try {
      // What happens to our jobs comes after this.
      const key = `${PREFIX}:${settings.queue}:events`
      const [last] = await client.xrevrange(key, '+', '-', 'COUNT', 1)
      const link = new Link(settings, peers, batch, last?.[0] ?? '0-0', client)
      await client.set(link.#mark, '1', 'EX', MARKED)
      await link.#queue.waitUntilReady()
      return link
    } catch (error) {
      client.disconnect()
      throw redisError(settings.target.where, error)
    }
  }

  listen(events: JobEvents): void {
    this.#client.on('ready', () => events.gap())
    void this.#heard.listen(events)
  }

  #isCut(): void {
    this.cutSince ??= Date.now()
    for (const cut of this.#cut) cut()
    this.#cut.clear()
  }

  get isConnected(): boolean {
    return this.#client.status === 'ready'
  }

  /** Rejects with Interrupted if the connection breaks before the answer. */
  async #answer<T>(work: () => Promise<T>): Promise<T> {
    let cut = () => {}
    const broken = new Promise<never>((_, reject) => {
      cut = () => reject(new Interrupted())
    })
    this.#cut.add(cut)
    try {
      return await Promise.race([work(), broken])
    } finally {
      this.#cut.delete(cut)
    }
  }

  /** Resolves once there is a connection. */
  async connected(): Promise<void> {
    if (this.isConnected) return
    await new Promise<void>((resolve) => this.#client.once('ready', () => resolve()))
  }

  /**
   * Rejects with Interrupted if it is unknown which were added, and with a ClusterError,
   * ERR_REDIS, if Redis refuses.
   */
  async add(jobs: NewJob[]): Promise<void> {
    try {
      await this.#answer(() => this.#queue.addBulk(jobs))
    } catch (error) {
      if (error instanceof Interrupted) throw error
      const { message } = error as Error
      const isLater = notNow.test(message)
      if (isLater) this.#hear(error)
      if (isLater || broken.test(message)) throw new Interrupted()
      throw this.error(error)
    }
  }

  /** A ClusterError, ERR_REDIS, that names this Redis. */
  error(why: unknown): ClusterError {
    return redisError(this.#where, why)
  }

  /** 1: removed, 0: a worker has it. Rejects with Interrupted. */
  remove(id: string): Promise<number> {
    return this.#answer(() => this.#queue.remove(id))
  }

  /** What Redis knows of a job. Rejects with Interrupted. */
  state(id: string): Promise<[number, string?]> {
    return this.#answer(() => this.#queue.getBackend().isFinished(id, true))
  }

  /** Whether Redis still has what it had when the batch began. Rejects with Interrupted. */
  async isSame(): Promise<boolean> {
    return (await this.#answer(() => this.#client.exists(this.#mark))) === 1
  }

  async rows(id: string): Promise<string[]> {
    const { logs } = await this.#answer(() => this.#queue.getJobLogs(id))
    return logs
  }

  /** Tells all workers to end the commands of a batch. */
  async cancel(batch: string): Promise<void> {
    await this.#answer(() => this.#client.publish(cancelChannel(this.#name), batch))
  }

  /**
   * Removes jobs that have ended, whose outcome has been delivered. BullMQ removes one at a
   * time, with a script; jobs without parents, children and schedules are only these keys.
   */
  async forget(ids: readonly string[]): Promise<void> {
    const queue = this.#queue
    const keys = ids.flatMap((id) => [queue.toKey(id), `${queue.toKey(id)}:logs`])
    await this.#remove((pipeline) =>
      pipeline
        .zrem(queue.toKey('completed'), ...ids)
        .zrem(queue.toKey('failed'), ...ids)
        .unlink(...keys),
    )
  }

  async #remove(what: (pipeline: Pipeline) => Pipeline): Promise<void> {
    const answers = await this.#answer(() => what(this.#client.pipeline()).exec())
    for (const [error] of answers ?? []) if (error) throw error
  }

  async close(): Promise<void> {
    const client = this.#client
    if (this.isConnected) {
      await this.#remove((pipeline) => pipeline.unlink(this.#mark)).catch(() => {})
    }
    this.#heard.close()
    await this.#queue.close().catch(() => {})
    client.disconnect()
  }
}
