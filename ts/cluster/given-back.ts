/** Jobs that Redis has given to a worker in an answer that never came: the connection broke. */
import { delay } from '../core/runtime.js'
import { LostError } from './errors.js'
import type { BullWorker, Job, Redis } from './peers.js'

/**
 * A Redis that is killed may have lost what it had confirmed in the last seconds: jobs that
 * have run are where they were before. Nothing ends while it is away, so this need not be
 * longer.
 */
const REMEMBERED_MS = 10_000
/** Milliseconds between two looks for what may be forgotten. */
const FORGET_MS = 1_000

/**
 * Knows which jobs a worker has, and gives those back that it has never heard of. Without,
 * each would be lost once its lock has expired, though its worker lives and nothing ran.
 */
export class GivenBack {
  readonly #client: Redis
  readonly #bull: BullWorker
  readonly #gap: number
  /** Jobs that have been taken, for a while after they have ended. */
  readonly #taken = new Set<string>()
  /** When those ended, by Date.now(), the oldest first. */
  readonly #ended = new Map<string, number>()
  /** When jobs were given back, by Date.now(). */
  readonly #given = new Map<string, number>()
  #forgotAt = 0
  #times = 0

  constructor(client: Redis, bull: BullWorker, lostAfter: number) {
    this.#client = client
    this.#bull = bull
    this.#gap = Math.min(500, lostAfter / 10)
    const ended = (job: Job | undefined) => this.#end(job?.id ?? '')
    bull.on('completed', ended as never)
    bull.on('failed', ended as never)
    // The first time, nothing has been given yet.
    client.on('ready', () => {
      if (this.#times++ > 0) void this.#look(this.#times).catch(() => {})
    })
  }

  /** Whether the worker has jobs whose end it has not been able to tell. */
  get holds(): boolean {
    for (const id of this.#taken) if (!this.#ended.has(id)) return true
    return false
  }

  #end(id: string): void {
    const now = Date.now()
    this.#given.delete(id)
    this.#ended.set(id, now)
    // Each walk through a Map passes over what has been deleted at its beginning.
    if (now - this.#forgotAt < FORGET_MS) return
    this.#forgotAt = now
    for (const [old, at] of this.#ended) {
      if (now - at < REMEMBERED_MS) break
      this.#ended.delete(old)
      this.#taken.delete(old)
    }
  }

  /**
   * The worker has this job now, which it asked for at this time. Throws if it has given it
   * back since, as it may be another's, and a LostError if it has run it.
   */
  taken(id: string, askedAt: number): void {
    const given = this.#given.get(id)
    if (given !== undefined && askedAt < given) {
      throw new Error('the job came after it had been given back')
    }
    if (this.#taken.has(id)) throw new LostError('Redis has forgotten that it was run')
    this.#taken.add(id)
  }

  /** `times`: which of the connections this is; another one looks again. */
  async #look(times: number): Promise<void> {
    await delay(this.#gap)
    const before = await this.#unknown()
    // One that came just now is taken in a moment.
    await delay(this.#gap)
    const still = await this.#unknown()
    for (const [id, lock] of still) {
      if (times !== this.#times || before.get(id) !== lock) continue
      await this.give(id, lock)
    }
  }

  /**
   * Gives a job back that has not begun. Rejects if the lock has expired: BullMQ then has
   * the job fail.
   */
  async give(id: string, lock: string): Promise<void> {
    this.#given.set(id, Date.now())
    this.#taken.delete(id)
    // It has been given out twice then, which a worker refuses: this time does not count.
    await this.#client.hincrby(this.#bull.toKey(id), 'ats', -1)
    await this.#bull.getBackend().moveJobFromActiveToWait(id, lock)
  }

  /** Jobs that are locked by this worker, which it does not know, and their locks. */
  async #unknown(): Promise<Map<string, string>> {
    const bull = this.#bull
    const active = await this.#client.lrange(bull.toKey('active'), 0, -1)
    const ids = active.filter((id) => !this.#taken.has(id))
    if (ids.length === 0) return new Map()
    const locks = await this.#client.mget(ids.map((id) => `${bull.toKey(id)}:lock`))
    const found = new Map<string, string>()
    for (const [at, id] of ids.entries()) {
      const lock = locks[at]
      if (lock?.startsWith(`${bull.id}:`) && !this.#taken.has(id)) found.set(id, lock)
    }
    return found
  }
}
