/** The way to Redis: how it is described, found out to be wrong, and kept. */
import { readFileSync } from 'node:fs'
import { argumentError } from '../model/argument-error.js'
import { checkString, typeName } from '../model/values.js'
import { ClusterError } from './errors.js'
import type { Peers, Redis, RedisOptions } from './peers.js'
import { PROTOCOL } from './protocol.js'

/** All keys in Redis begin with it. */
export const PREFIX = 'uring-spawn'

/** Milliseconds for the first connection, and for its first answer. */
const FIRST_MS = 5_000
/** Milliseconds between two attempts to connect again, at most. */
const AGAIN_MS = 2_000

export interface Target {
  readonly options: RedisOptions
  /** For messages: no secrets. */
  readonly where: string
}

function fromUrl(text: string): Record<string, unknown> {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    // The text may contain a password.
    throw argumentError('ERR_INVALID_ARG_VALUE', 'connection is not a URL: redis://host:6379')
  }
  const { protocol, hostname, port, username, password, pathname } = url
  if (protocol !== 'redis:' && protocol !== 'rediss:') {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      'connection must be a URL that begins with redis://, or rediss:// for TLS',
    )
  }
  const db = pathname.replace(/^\//, '')
  if (!/^\d*$/.test(db)) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      'the path of the connection must be the number of a database: redis://host:6379/0',
    )
  }
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1',
    port: Number(port) || 6379,
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    ...(db && { db: Number(db) }),
    ...(protocol === 'rediss:' && { tls: {} }),
  }
}

/** Reads the option `connection`: a URL, or the options of ioredis. */
export function readConnection(value: unknown): Target {
  let options: Record<string, unknown>
  if (typeof value === 'string' || value instanceof URL) options = fromUrl(String(value))
  else if (typeof value === 'object' && value !== null) options = { ...value }
  else {
    throw argumentError(
      'ERR_INVALID_ARG_TYPE',
      `connection must be a URL or the options of ioredis, not ${typeName(value)}`,
    )
  }
  const { path, host = '127.0.0.1', port = 6379 } = options
  return { options, where: typeof path === 'string' ? path : `${host}:${port}` }
}

/** For TLS with a certificate authority of one's own. */
export function withCa(target: Target, file: string): Target {
  const tls = { ...(target.options.tls as object | undefined), ca: readFileSync(file) }
  return { ...target, options: { ...target.options, tls } }
}

/** Reads the option `queue`: a part of the names of keys. */
export function readQueue(value: unknown): string {
  checkString('queue', value)
  if (!/^[\w.-]{1,100}$/.test(value)) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      'queue must be a name of up to 100 letters, digits, dots, underscores and hyphens',
    )
  }
  return value
}

/** What ioredis reports may have the arguments of AUTH with it: only the message is taken. */
export function redisError(where: string, error: unknown): ClusterError {
  const { code, message } = error as NodeJS.ErrnoException
  const why = message || code || String(error)
  return new ClusterError('ERR_REDIS', `Redis at ${where}: ${why}`)
}

/** What BullMQ's errors say when Redis can do something later that it cannot do now. */
export const notNow =
  /^(OOM|LOADING|BUSY|READONLY|MASTERDOWN|TRYAGAIN|CLUSTERDOWN|NOREPLICAS|MISCONF)\b/

/** Options for a connection that is opened again as long as it takes. */
export const patient = ({ options }: Target): RedisOptions => ({
  ...options,
  maxRetriesPerRequest: null,
  retryStrategy: (times: number) => Math.min(AGAIN_MS, 50 * 2 ** Math.min(times, 10)),
})

/**
 * Ends a connection, and what waits for it. Between two tries to connect, ioredis only stops
 * to try: whoever waits would wait for ever.
 */
export function endConnection(client: Redis): void {
  client.disconnect()
  if (client.status !== 'reconnecting') return
  client.connect().catch(() => {})
  client.disconnect()
}

async function versionOf(client: Redis, queue: string): Promise<string | null> {
  const key = `${PREFIX}:${queue}:version`
  await client.set(key, String(PROTOCOL), 'NX')
  return client.get(key)
}

export interface Found {
  /** Whether Redis writes what it is told to a file, before it answers. */
  durable: boolean
}

/**
 * Connects once, to find out at the start what is wrong. Rejects with a ClusterError,
 * ERR_REDIS or ERR_CLUSTER_VERSION, within bounded time.
 */
export async function reach({ Redis }: Peers, target: Target, queue: string): Promise<Found> {
  const client = new Redis({
    ...target.options,
    ...{ lazyConnect: true, retryStrategy: null, maxRetriesPerRequest: 0 },
    connectTimeout: FIRST_MS,
  })
  let reported: unknown
  client.on('error', (error: unknown) => {
    reported ??= error
  })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${FIRST_MS / 1000} s`)), FIRST_MS)
  })
  try {
    const ask = async () => {
      await client.connect()
      const info = await client.info()
      return { info, version: await versionOf(client, queue) }
    }
    const { info, version } = await Promise.race([ask(), late])
    if (version !== String(PROTOCOL)) {
      throw new ClusterError(
        'ERR_CLUSTER_VERSION',
        `the queue ${queue} belongs to version ${version} of the protocol, and this is version ` +
          `${PROTOCOL}: use the same uring-spawn everywhere, or a queue of another name`,
      )
    }
    return { durable: /^aof_enabled:1/m.test(info) }
  } catch (error) {
    if (error instanceof ClusterError) throw error
    throw redisError(target.where, reported ?? error)
  } finally {
    clearTimeout(timer)
    client.disconnect()
  }
}

/** Tells of the errors of a connection, but of the same one only once in a while. */
export class Complaints {
  readonly #where: string
  readonly #tell: (error: ClusterError) => void
  #last = ''
  #at = 0

  constructor(where: string, tell: (error: ClusterError) => void) {
    this.#where = where
    this.#tell = tell
  }

  readonly hear = (cause: unknown): void => {
    const error = redisError(this.#where, cause)
    const now = Date.now()
    if (error.message === this.#last && now - this.#at < 60_000) return
    this.#last = error.message
    this.#at = now
    this.#tell(error)
  }
}
