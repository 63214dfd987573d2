/** What a submitter hears: the events that BullMQ writes about every job of a queue. */
import { delay, later } from '../core/runtime.js'
import { patient, type Target } from './connection.js'
import type { Peers, Redis } from './peers.js'

/** A job has ended, or something else has become of it. */
export interface JobEvents {
  active(id: string): void
  /** `value`: JSON. */
  completed(id: string, value: string): void
  failed(id: string, reason: string): void
  /** What it has written meanwhile: JSON. */
  progress(id: string, data: string): void
  /** Somebody has taken it out of the queue. */
  removed(id: string): void
  /** Events may have been missed. */
  gap(): void
  /** How many jobs are waited for. */
  pending(): number
}

/** Milliseconds that one request waits for events, and after which its answer is overdue. */
const BLOCK_MS = 10_000
const OVERDUE_MS = 5_000

/**
 * Milliseconds between two requests: the more jobs there are, the longer it takes until all
 * have ended. Each event would be an answer of its own otherwise, and two processes would
 * wake for it.
 */
const PAUSE_MS = 20
const pauseOf = (pending: number): number => Math.min(PAUSE_MS, Math.floor(pending / 25))

type Entry = [id: string, fields: string[]]

/**
 * Reads the stream itself, where BullMQ's QueueEvents would: that asks again at once, tells
 * each event twice, and reads the outcomes of other submitters' jobs as well.
 */
export class Heard {
  readonly #client: Redis
  readonly #key: string
  #from: string
  #closed = false

  /** `from`: the event after which to begin. */
  constructor(
    peers: Peers,
    target: Target,
    key: string,
    from: string,
    hear: (error: unknown) => void,
  ) {
    this.#client = new peers.Redis({ ...patient(target), lazyConnect: true })
    this.#client.on('error', hear as never)
    this.#key = key
    this.#from = from
  }

  /** Resolves once it is closed. */
  async listen(events: JobEvents): Promise<void> {
    while (!this.#closed) {
      const entries = await this.#read()
      for (const [id, fields] of entries) {
        this.#from = id
        tell(events, fields)
      }
      const pause = pauseOf(events.pending())
      if (entries.length > 0 && pause > 0) {
        await delay(pause)
      }
    }
  }

  async #read(): Promise<Entry[]> {
    // A connection of which only one end is left does not tell.
    const overdue = later(BLOCK_MS + OVERDUE_MS, () => this.#client.disconnect(true))
    try {
      const read = ['BLOCK', BLOCK_MS, 'STREAMS', this.#key, this.#from]
      const found = await this.#client.xread(...read)
      return found?.[0]?.[1] ?? []
    } catch {
      // Redis is loading its data, perhaps; the client has told what it knows.
      await delay(100)
      return []
    } finally {
      overdue.cancel()
    }
  }

  close(): void {
    this.#closed = true
    this.#client.disconnect()
  }
}

function tell(events: JobEvents, fields: readonly string[]): void {
  // Name, value, name, value; few enough to look through.
  const of = (name: string): string => {
    for (let at = 0; at < fields.length; at += 2) {
      if (fields[at] === name) return fields[at + 1] as string
    }
    return ''
  }
  const kind = of('event')
  if (kind === 'active') events.active(of('jobId'))
  else if (kind === 'completed') events.completed(of('jobId'), of('returnvalue'))
  else if (kind === 'failed') events.failed(of('jobId'), of('failedReason'))
  else if (kind === 'progress') events.progress(of('jobId'), of('data'))
  else if (kind === 'removed') events.removed(of('jobId'))
}
