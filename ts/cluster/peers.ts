/**
 * BullMQ and its client: optional packages, loaded when a cluster is first used, and
 * described here by what is used of them.
 */
import { ClusterError } from './errors.js'

type Listener = (...args: never[]) => void

/** Commands in one message. A Redis that is full refuses any transaction, even one that frees memory. */
export interface Pipeline {
  zrem(key: string, ...members: string[]): Pipeline
  unlink(...keys: string[]): Pipeline
  /** The error, or the answer, to each. */
  exec(): Promise<[Error | null, unknown][] | null>
}

/** A connection of ioredis. */
export interface Redis {
  readonly status: string
  connect(): Promise<void>
  /** `again`: to connect once more. */
  disconnect(again?: boolean): void
  quit(): Promise<unknown>
  on(event: string, listener: Listener): this
  once(event: string, listener: Listener): this
  off(event: string, listener: Listener): this
  info(): Promise<string>
  get(key: string): Promise<string | null>
  set(key: string, value: string, ...how: (string | number)[]): Promise<string | null>
  exists(key: string): Promise<number>
  lrange(key: string, first: number, last: number): Promise<string[]>
  mget(keys: string[]): Promise<(string | null)[]>
  hincrby(key: string, field: string, by: number): Promise<number>
  publish(channel: string, message: string): Promise<number>
  subscribe(channel: string): Promise<unknown>
  xread(...request: (string | number)[]): Promise<[string, [string, string[]][]][] | null>
  xrevrange(key: string, ...range: (string | number)[]): Promise<[string, string[]][]>
  pipeline(): Pipeline
}

export type RedisOptions = Readonly<Record<string, unknown>>

/** A job as a worker gets it. */
export interface Job {
  readonly id?: string
  readonly data: unknown
  /** When it was added, and when a worker took it: milliseconds since 1970. */
  readonly timestamp: number
  readonly processedOn?: number
  /** How often a worker has taken it, this time included. */
  readonly attemptsStarted: number
  /** What its lock contains: the worker's id and a number. */
  readonly token?: string
  log(row: string): Promise<number>
  updateProgress(progress: object): Promise<void>
}

interface Endpoint {
  on(event: string, listener: Listener): this
  waitUntilReady(): Promise<unknown>
  close(force?: boolean): Promise<void>
}

export interface NewJob {
  name: string
  data: object
  opts: object
}

export interface Queue extends Endpoint {
  toKey(name: string): string
  addBulk(jobs: NewJob[]): Promise<unknown>
  /** 1 if it was removed, 0 if a worker has it. */
  remove(id: string): Promise<number>
  getJobLogs(id: string): Promise<{ logs: string[] }>
  getBackend(): {
    /** -1: no such job, 0: not finished, 1: completed, 2: failed; and its result or the reason. */
    isFinished(id: string, withValue: true): Promise<[number, string?]>
  }
}

export interface BullWorker extends Endpoint {
  readonly id: string
  run(): Promise<void>
  toKey(name: string): string
  getBackend(): {
    moveJobFromActiveToWait(id: string, token: string): Promise<number>
    /** The connection on which it waits for jobs. */
    readonly blockingClient?: Promise<Redis>
  }
}

export interface Peers {
  Redis: new (options: RedisOptions) => Redis
  Queue: new (name: string, options: object) => Queue
  Worker: new (name: string, process: (job: Job) => Promise<unknown>, options: object) => BullWorker
  UnrecoverableError: new (message: string) => Error
  /** Says that the job has been moved back. */
  WaitingError: new () => Error
}

/** The versions that this one was tested with; package.json has the same. */
export const versions = { bullmq: '6.7.0', ioredis: '5.11.1' } as const

async function load(name: keyof typeof versions): Promise<Record<string, unknown>> {
  try {
    // The name is no literal, so that no bundler looks for it.
    const module = (await import(name as string)) as Record<string, unknown>
    return module
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    const wanted = Object.entries(versions).map((one) => one.join('@'))
    throw new ClusterError(
      'ERR_PEER_MISSING',
      `uring-spawn/cluster needs the package ${name}: npm install ${wanted.join(' ')}`,
    )
  }
}

let loaded: Promise<Peers> | undefined

/** Rejects with a ClusterError that says what to install. */
export function peers(): Promise<Peers> {
  loaded ??= (async () => {
    const [bull, { Redis }] = await Promise.all([load('bullmq'), load('ioredis')])
    return { ...bull, Redis } as unknown as Peers
  })()
  // Whoever installs them meanwhile may try again.
  loaded.catch(() => {
    loaded = undefined
  })
  return loaded
}
