/** `uring-spawn worker`: runs the commands of a queue that its options allow. */
import { readFileSync } from 'node:fs'
import type { Connection, Worker, WorkerLimits, WorkerOptions } from '../cluster/index.js'
import { splitWords } from './words.js'

/** Where Redis is, on both sides. */
export interface RedisCliOptions {
  queue?: string
  redis?: string
  redisCa?: string
}

export interface WorkerCliOptions extends RedisCliOptions {
  jobs?: number
  allow: string[]
  cwd?: string
  env: string[]
  user?: number
  group?: number
  nice?: number
  cgroup?: string
  rlimit: [name: string, value: number][]
  timeout?: number
  maxOutput?: number
  lostAfter?: number
}

/** The variable that has the connection, so that no other user of the machine sees it. */
const VARIABLE = 'URING_SPAWN_REDIS'

/** Milliseconds to wait for Redis once commands have been ended by a second signal. */
const LEAVE_MS = 10_000

const say = (text: string): void => void process.stderr.write(`uring-spawn: ${text}\n`)

/** Throws an Error that says what is missing. */
export function connectionOf({ queue, redis, redisCa }: RedisCliOptions): {
  queue: string
  connection: Connection
} {
  const url = redis ?? process.env[VARIABLE]
  if (queue === undefined) throw new Error('--queue NAME is missing')
  if (!url) throw new Error(`--redis URL is missing, and so is the variable ${VARIABLE}`)
  if (redisCa === undefined) return { queue, connection: url }
  let at: URL
  try {
    at = new URL(url)
  } catch {
    throw new Error('--redis needs a URL: rediss://host:6379')
  }
  if (at.protocol !== 'rediss:')
    throw new Error('--redis-ca needs a URL that begins with rediss://')
  const { hostname, port, username, password, pathname } = at
  return {
    queue,
    connection: {
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(port) || 6379,
      ...(username && { username: decodeURIComponent(username) }),
      ...(password && { password: decodeURIComponent(password) }),
      ...(pathname.length > 1 && { db: Number(pathname.slice(1)) }),
      tls: { ca: readFileSync(redisCa) },
    },
  }
}

/** `/usr/bin/git log ...`: a program, and patterns of its arguments. */
function allowed(text: string): { file: string; args?: string[] } {
  const [file = '', ...args] = splitWords(text)
  return args.length === 0 ? { file } : { file, args }
}

function limitsOf(options: WorkerCliOptions): Partial<WorkerLimits> {
  const { user, group, nice, cgroup, rlimit, timeout, maxOutput } = options
  const limits: Partial<WorkerLimits> = {}
  if (user !== undefined) limits.uid = user
  if (group !== undefined) limits.gid = group
  if (nice !== undefined) limits.nice = nice
  if (cgroup !== undefined) limits.cgroup = cgroup
  if (timeout !== undefined) limits.timeout = timeout
  if (maxOutput !== undefined) limits.maxBuffer = maxOutput
  if (rlimit.length > 0) limits.rlimits = Object.fromEntries(rlimit)
  return limits
}

/** Drains at the first signal, and at the second ends what runs. Resolves once it is closed. */
function untilClosed(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    let isClosing = false
    const end = (signal: NodeJS.Signals) => {
      if (isClosing) {
        say(`${signal}: ending ${worker.running} commands`)
        void worker.close({ force: true })
        // Their results cannot be delivered without Redis: they are lost.
        setTimeout(resolve, LEAVE_MS).unref()
        return
      }
      isClosing = true
      say(`${signal}: taking no more commands, waiting for ${worker.running}`)
      void worker.close().then(resolve)
    }
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end)
  })
}

/** Runs a worker until a signal ends it. Returns the exit status. Throws on invalid options. */
export async function runWorker(options: WorkerCliOptions): Promise<number> {
  const { jobs, cwd, env, lostAfter } = options
  const place = connectionOf(options)
  const all: WorkerOptions = {
    ...place,
    allow: options.allow.map(allowed),
    env,
    limits: limitsOf(options),
    onError: ({ message }) => say(message),
  }
  if (jobs !== undefined) all.concurrency = jobs
  if (cwd !== undefined) all.cwd = cwd
  if (lostAfter !== undefined) all.lostAfter = lostAfter
  const { worker: begin } = await import('../cluster/index.js')
  const worker = await begin(all)
  const { host, pid } = worker.name
  if (options.allow.length === 0) say('no program is allowed: every command will be refused')
  if (!worker.durable) {
    say('Redis has no append-only file: after a crash of Redis commands can be lost, or run twice')
  }
  say(`worker ${host}:${pid} takes commands of the queue ${place.queue}`)
  await untilClosed(worker)
  say(`worker ${host}:${pid} has ended`)
  return 0
}
