// The proof: many commands over several workers, of which one is killed, with Redis
// restarted in between. Each command appends its number and its worker to a file; each has
// one outcome, and only those that the killed worker had may be lost.
//
//   node test/cluster/proof.mjs [--count N] [--workers N] [--jobs N] [--lost-after MS]
//
// Prints lines of JSON for its progress and one for the result; exits with 1 if
// anything is wrong.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { batch } from '../../dist/cluster/index.js'
import { RedisServer } from '../../tools/redis.mjs'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '10000' },
    workers: { type: 'string', default: '4' },
    jobs: { type: 'string', default: '4' },
    'lost-after': { type: 'string' },
  },
})
const count = Number(values.count)
// Longer than a restart of Redis takes on a busy machine: it reads all that was written before.
const lostAfter = values['lost-after'] ?? `${Math.round(10_000 + count / 5)}`
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-proof-'))
// Killed, it has all that it has confirmed, however slow the disk is.
const redis = await new RedisServer(['--appendfsync', 'always']).start()
const queue = 'proof'
const began = performance.now()

async function startWorker() {
  const options = ['--queue', queue, '--jobs', values.jobs, '--lost-after', lostAfter]
  const child = spawn(
    process.execPath,
    [main, 'worker', ...options, '--allow', '/bin/sh', '--cwd', dir],
    {
      stdio: ['ignore', 'inherit', 'pipe'],
      env: { ...process.env, URING_SPAWN_REDIS: redis.url },
    },
  )
  let said = ''
  await new Promise((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      said += chunk
      if (/takes commands/.test(said)) resolve()
    })
    child.once('exit', () => reject(new Error(`the worker ended: ${said}`)))
  })
  return child
}

const workers = await Promise.all(Array.from({ length: Number(values.workers) }, startWorker))
const file = join(dir, 'ran')
let given = 0
async function* commands() {
  for (; given < count; given++) yield ['sh', '-c', `echo ${given} $PPID >> ran`]
}

/** By command: how it ended, and the worker that said so. */
const outcomes = new Map()
const tellers = new Map()
const kinds = { done: 0, lost: 0, failed: 0, twice: 0 }
const wrong = []
let step = 0
const resident = []

/** Processes in this folder, which all commands run in. */
function running() {
  const within = (pid) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === dir
    } catch {
      return false // It has ended, or is somebody else's.
    }
  }
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && within(name))
}

/** At a quarter a worker is killed, and at half Redis is restarted, in both ways. */
async function disturb(done) {
  if (step === 0 && done >= count / 4) {
    step = 1
    workers[0].kill('SIGKILL')
  } else if (step === 1 && done >= count / 2) {
    step = 2
    await redis.stop('SIGTERM')
    await sleep(500)
    await redis.start()
  } else if (step === 2 && done >= (count * 3) / 4) {
    step = 3
    await redis.stop('SIGKILL')
    await redis.start()
  }
}

let disturbing = Promise.resolve()
const errors = []
const onError = ({ message }) => void errors.push(message)
const options = { connection: redis.url, queue, waiting: 500, onError }
let spoken = 0
for await (const { index, error, result, worker } of batch(commands(), options)) {
  if (outcomes.has(index)) kinds.twice++
  const kind = error
    ? error.code === 'ERR_LOST'
      ? 'lost'
      : 'failed'
    : result.exitCode === 0
      ? 'done'
      : 'failed'
  outcomes.set(index, kind)
  if (worker) tellers.set(index, worker.pid)
  kinds[kind]++
  if (kind === 'failed' && wrong.length < 10) wrong.push(`${index}: ${error ?? result.stderr}`)
  if (outcomes.size % 100 === 0) {
    const done = outcomes.size
    disturbing = disturbing.then(() => disturb(done))
    resident.push(process.memoryUsage().rss / 2 ** 20)
  }
  if (performance.now() - spoken > 1000) {
    spoken = performance.now()
    say({ seconds: (spoken - began) / 1000, started: outcomes.size })
  }
}
await disturbing

const ended = await Promise.all(
  workers.slice(1).map(async (child) => {
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    return (await exit)[0]
  }),
)
// What a killed worker has started ends with it.
const late = performance.now() + 60_000
while (running().length > 0 && performance.now() < late) await sleep(50)
const alive = running()
/** By command: the workers that have run it. */
const runs = new Map()
for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) {
  const [index, pid] = line.split(' ').map(Number)
  runs.set(index, [...(runs.get(index) ?? []), pid])
}
const { default: ioredis } = await import('ioredis')
const client = new ioredis(redis.url)
const keys = await client.keys(`uring-spawn:${queue}:*`)
client.disconnect()
await redis.remove()
rmSync(dir, { recursive: true, force: true })

const lasting = ['events', 'id', 'marker', 'meta', 'stalled', 'stalled-check', 'version']
const left = keys.filter((key) => !lasting.includes(key.split(':')[2]))
const check = (ok, what) => {
  if (!ok) wrong.push(what)
}
check(outcomes.size === count, `${count - outcomes.size} commands have no outcome`)
check(kinds.twice === 0, `${kinds.twice} commands have two outcomes`)
check(kinds.failed === 0, `${kinds.failed} commands failed`)
check(step === 3, `it was over after ${step} of 3 disturbances`)
const twice = [...runs].filter(([, pids]) => pids.length > 1).map(([at]) => at)
check(twice.length === 0, `run twice: ${twice.slice(0, 10)}`)
const unrun = [...outcomes].filter(([at, kind]) => kind === 'done' && !runs.has(at))
check(unrun.length === 0, `done, but not run: ${unrun.slice(0, 10)}`)
const told = [...tellers].filter(([at, pid]) => runs.get(at)?.[0] !== pid)
check(told.length === 0, `told by another worker than ran it: ${told.slice(0, 10)}`)
const lostOnes = [...outcomes].filter(([, kind]) => kind === 'lost').map(([at]) => at)
const jobs = Number(values.jobs)
check(lostOnes.length <= jobs, `${lostOnes.length} lost, and the killed worker had at most ${jobs}`)
const elsewhere = lostOnes.filter((at) => runs.has(at) && runs.get(at)[0] !== workers[0].pid)
check(elsewhere.length === 0, `lost, though their workers live: ${elsewhere.slice(0, 10)}`)
check(alive.length === 0, `processes that are left: ${alive}`)
check(left.length === 0, `left in Redis: ${left.slice(0, 10)}`)
check(
  ended.every((status) => status === 0),
  `the workers ended with ${ended}`,
)
const seconds = (performance.now() - began) / 1000
const { done, lost } = kinds
say({
  result: {
    ...{ seconds, commands: count, done, lost, left: left.length },
    'lost, but had run': [...outcomes].filter(([at, kind]) => kind === 'lost' && runs.has(at))
      .length,
    'resident memory of the submitter, MiB': {
      'after a tenth': resident[Math.floor(resident.length / 10)],
      'at the end': resident.at(-1),
      most: Math.max(...resident),
    },
    errors: [...new Set(errors)],
  },
  failed: wrong.length > 0 ? wrong.join('; ') : undefined,
})
process.exit(wrong.length > 0 ? 1 : 0)
