/** Workers, submitters and a Redis that die, stop, or go away for a while. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { LostError, worker } from '../../dist/cluster/index.js'
import { PROTOCOL } from '../../dist/cluster/protocol.js'
import { run as runHere } from '../../dist/index.js'
import { RedisServer } from '../../tools/redis.mjs'
import { HANG, until } from '../support.js'
import { nothingQueued, runOn, startProxy } from './support.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'cluster-failures-'))
const redis = new RedisServer()
beforeAll(() => redis.start())
const children: ChildProcess[] = []
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const exit = once(child, 'exit')
    child.kill('SIGCONT')
    child.kill('SIGKILL')
    await exit
  }
})
afterAll(async () => {
  await redis.remove()
  rmSync(dir, { recursive: true })
})

let queues = 0
const newQueue = () => `test-${queues++}`

/** Milliseconds that only a proof that hangs takes. */
const PROOF = 5 * HANG

/** A worker in a process of its own, which is taken for dead after a second of silence. */
async function startWorker(
  queue: string,
  jobs = 2,
  url = redis.url,
  lostAfter = 1000,
): Promise<ChildProcess> {
  const options = ['--queue', queue, '--jobs', `${jobs}`, '--cwd', dir]
  options.push('--lost-after', `${lostAfter}`)
  const child = spawn(process.execPath, [main, 'worker', ...options, '--allow', '/bin/sh'], {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: { ...process.env, URING_SPAWN_REDIS: url },
  })
  children.push(child)
  let said = ''
  child.stderr?.on('data', (chunk) => {
    said += chunk
  })
  await until(() => /takes commands/.test(said))
  return child
}

const run = runOn(redis)

/** Says in a file that it began, and ends once the file NAME.go is there. */
const held = (name: string) =>
  [
    'sh',
    '-c',
    `echo x >> ${name}.ran; until [ -e ${name}.go ]; do sleep 0.05; done; echo end`,
  ] as const
const at = (name: string) => join(dir, name)
/** What is in the file, which the shell makes before it writes to it. */
const written = (file: string) => (existsSync(at(file)) ? readFileSync(at(file), 'utf8') : '')
const times = (name: string) => written(`${name}.ran`).length / 2
const began = (name: string) => until(() => times(name) > 0)
const go = (name: string) => writeFileSync(at(`${name}.go`), '')

test('the commands of a worker that is killed are lost, once, and no others', async () => {
  const queue = newQueue()
  const dead = await startWorker(queue)
  const commands = [held('killed-1'), held('killed-2'), ['sh', '-c', 'echo other'] as const]
  const all = run(commands, queue).all()
  await Promise.all([began('killed-1'), began('killed-2')])
  dead.kill('SIGKILL')
  await startWorker(queue)
  const [first, second, third] = await all
  for (const one of [first, second]) {
    expect(one?.error).toBeInstanceOf(LostError)
    expect(one?.result).toBeUndefined()
  }
  expect(third?.result?.stdout).toBe('other\n')
  go('killed-1')
  go('killed-2')
  expect([times('killed-1'), times('killed-2')]).toEqual([1, 1])
  await nothingQueued(redis.url, queue)
})

test('a command that may be run twice is, if its worker is killed', async () => {
  const queue = newQueue()
  const dead = await startWorker(queue)
  const [file, ...args] = held('again')
  const all = run([{ file, args, retries: 1 }], queue).all()
  await began('again')
  dead.kill('SIGKILL')
  await startWorker(queue)
  await until(() => times('again') === 2)
  go('again')
  const [only] = await all
  expect(only).toMatchObject({ attempts: 2, result: { stdout: 'end\n' }, error: undefined })
  await nothingQueued(redis.url, queue)
})

test('a worker that stood still, and goes on, ends what was lost meanwhile', async () => {
  const queue = newQueue()
  const still = await startWorker(queue)
  // No other process of this machine has this name in its arguments.
  const name = `still-${process.pid}`
  const all = run([held(name)], queue).all()
  await began(name)
  still.kill('SIGSTOP')
  await startWorker(queue)
  const [only] = await all
  expect(only?.error).toBeInstanceOf(LostError)
  still.kill('SIGCONT')
  // Its shell would wait for ever.
  await until(() => {
    const out = execFileSync('sh', ['-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null || true'])
    return !out.toString().includes(`${name}.ran`)
  })
  expect(times(name)).toBe(1)
  // It works on.
  const more = await run(
    [...Array(8)].map((_, at) => ['sh', '-c', `echo ${at}`] as const),
    queue,
  ).all()
  expect(more.map(({ result }) => result?.exitCode)).toEqual(Array(8).fill(0))
  await nothingQueued(redis.url, queue)
})

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'a command that runs while Redis is ended by %s has its result',
  async (signal) => {
    const queue = newQueue()
    await startWorker(queue)
    const all = run(
      [held(`over-${signal}`), ['sh', '-c', 'sleep 0.2; echo 2'] as const],
      queue,
    ).all()
    await began(`over-${signal}`)
    await redis.stop(signal)
    await redis.start()
    go(`over-${signal}`)
    const outcomes = await all
    for (const { error, result } of outcomes) {
      // A busy machine may take longer than the second after which a worker is taken for dead.
      if (error) expect(error).toBeInstanceOf(LostError)
      else expect(result?.exitCode).toBe(0)
    }
    expect(times(`over-${signal}`)).toBe(1)
    await nothingQueued(redis.url, queue)
  },
)

test('a command whose worker could not reach Redis for long is lost', async () => {
  const queue = newQueue()
  await startWorker(queue)
  const all = run([held('away')], queue).all()
  await began('away')
  await redis.stop('SIGTERM')
  await sleep(1500)
  await redis.start()
  const [only] = await all
  expect(only?.error).toBeInstanceOf(LostError)
  go('away')
  expect(times('away')).toBe(1)
  await nothingQueued(redis.url, queue)
})

test('commands that are given while Redis is away are sent when it is back', async () => {
  const queue = newQueue()
  await startWorker(queue)
  const errors: string[] = []
  async function* commands() {
    yield ['sh', '-c', 'echo 0'] as const
    await sleep(200)
    await redis.stop('SIGTERM')
    for (let index = 1; index < 20; index++) yield ['sh', '-c', `echo ${index}`] as const
    await sleep(300)
    await redis.start()
    yield ['sh', '-c', 'echo 20'] as const
  }
  const onError = ({ message }: Error) => void errors.push(message)
  const outcomes = await run(commands(), queue, { onError }).all()
  expect(outcomes.map(({ result }) => result?.stdout)).toEqual(
    Array.from({ length: 21 }, (_, index) => `${index}\n`),
  )
  expect(errors.join()).toContain(`Redis at 127.0.0.1:${redis.port}`)
  await nothingQueued(redis.url, queue)
})

test('the commands of a submitter that is killed run once, and disturb no other', async () => {
  const queue = newQueue()
  const library = new URL('../../dist/cluster/index.js', import.meta.url).href
  const code = `
    import { batch } from '${library}'
    const commands = Array.from({ length: 20 }, (_, at) => ['sh', '-c', 'echo x >> dead.' + at])
    const options = { connection: '${redis.url}', queue: '${queue}' }
    for await (const one of batch(commands, options)) console.log(one)`
  const submitter = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: 'ignore',
  })
  children.push(submitter)
  const { Redis } = await import('ioredis')
  const client = new Redis(redis.url)
  let waiting = 0
  await until(() => {
    client.llen(`uring-spawn:${queue}:wait`).then((length) => {
      waiting = length
    })
    return waiting === 20
  })
  submitter.kill('SIGKILL')
  await startWorker(queue)
  const mine = await run([['sh', '-c', 'echo mine'] as const], queue).all()
  expect(mine[0]?.result?.stdout).toBe('mine\n')
  const files = Array.from({ length: 20 }, (_, index) => `dead.${index}`)
  await until(() => files.every((file) => written(file) !== ''))
  expect(files.map(written)).toEqual(Array(20).fill('x\n'))
  client.disconnect()
})

test('a batch that is aborted while nobody works ends, and leaves nothing', async () => {
  const queue = newQueue()
  const abort = new AbortController()
  const all = run([['sh', '-c', 'echo x >> never']], queue, { signal: abort.signal }).all()
  const end = all.then(
    () => 'resolved',
    ({ name }) => name,
  )
  await sleep(100)
  abort.abort()
  expect(await end).toBe('AbortError')
  await nothingQueued(redis.url, queue)
  expect(existsSync(at('never'))).toBe(false)
})

test(
  'ten thousand commands, a worker killed, Redis restarted: each has one outcome',
  async () => {
    const proof = fileURLToPath(new URL('proof.mjs', import.meta.url))
    const count = 10_000
    const child = spawn(process.execPath, [proof, '--count', `${count}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: PROOF,
    })
    let said = ''
    child.stdout.on('data', (chunk) => {
      said += chunk
    })
    const [status] = await once(child, 'exit')
    const { failed, result } = JSON.parse(said.trimEnd().split('\n').at(-1) as string)
    expect(failed).toBeUndefined()
    expect(result).toMatchObject({ commands: count, left: 0 })
    expect(result.done + result.lost).toBe(count)
    expect(status).toBe(0)
  },
  PROOF,
)

test('what has run is not run again by its worker, if Redis has lost that', async () => {
  const queue = newQueue()
  await startWorker(queue, 1, redis.url, 10_000)
  const { Queue } = await import('bullmq')
  const bull = new Queue(queue, {
    connection: { port: redis.port as number },
    prefix: 'uring-spawn',
  })
  const data = { v: PROTOCOL, file: 'sh', args: ['-c', 'echo x >> rolled-back.ran'], options: {} }
  const add = () => bull.add('command', data, { jobId: 'x.0.0' })
  await add()
  const all = async (kind: 'completed' | 'failed') => (await bull.getJobs([kind])).length
  let count = 0
  let failed = 0
  await until(() => {
    all('completed').then((found) => {
      count = found
    })
    return count === 1
  })
  // As it was before the worker took it.
  await bull.remove('x.0.0')
  await add()
  await until(() => {
    all('failed').then((found) => {
      failed = found
    })
    return failed === 1
  })
  expect((await bull.getJobs(['failed']))[0]?.failedReason).toMatch(
    /^ERR_LOST: the command is lost: Redis has forgotten/,
  )
  expect(times('rolled-back')).toBe(1)
  await bull.close()
})

test('a job whose worker never learnt of it is given back, and runs once', async () => {
  const queue = newQueue()
  const proxy = await startProxy(redis.port as number)
  // Each worker has one slot: the answer to the first command's end has the second one.
  await startWorker(queue, 1, `redis://127.0.0.1:${proxy.port}`, 10_000)
  const commands = ['first', 'second', 'third'].map(
    (name) => ['sh', '-c', `echo x >> ${name}-given.ran; echo ${name}`] as const,
  )
  proxy.breakAt('second-given.ran')
  const outcomes = await run(commands, queue).all()
  expect(proxy.broken).toBe(1)
  expect(outcomes.map(({ result, error }) => [result?.stdout, error])).toEqual([
    ['first\n', undefined],
    ['second\n', undefined],
    ['third\n', undefined],
  ])
  for (const name of ['first', 'second', 'third']) expect(times(`${name}-given`)).toBe(1)
  await nothingQueued(redis.url, queue)
  proxy.close()
})

test('a Redis that takes only a little at once has any output, whole', async () => {
  const small = await new RedisServer(['--proto-max-bulk-len', '1mb']).start()
  const limits = { maxBuffer: 2 ** 26 }
  const one = await worker({ connection: small.url, queue: 'x', allow: ['/bin/sh'], limits })
  const sh = (script: string, ...args: string[]) => ['-c', script, 'sh', ...args]
  const line = 'aä€😀\n'
  const lists = [
    // One byte in front of each kind of character: no row ends where the last one did.
    ...[0, 1, 2, 3].map((shift) =>
      sh('printf %s "$2"; yes "$1" | head -c 3000000', line.trim(), 'x'.repeat(shift)),
    ),
    sh('head -c 1048576 /dev/zero; echo e >&2'),
    sh('yes e | head -c 5000000 >&2; yes o | head -c 5000000; exit 3'),
    sh('i=0; while [ $i -lt 5000 ]; do printf "\\377%s\\200" $i$i$i$i$i$i; i=$((i+1)); done'),
    sh('echo small'),
  ]
  const maxBuffer = 2 ** 26
  const commands = lists.map((args) => ({ file: 'sh', args, maxBuffer }))
  const results = await runOn(small)(commands, 'x', { encoding: 'buffer' }).all()
  for (const [at, { result, error }] of results.entries()) {
    const here = await runHere('sh', lists[at] as string[], { encoding: 'buffer', maxBuffer })
    expect(error).toBeUndefined()
    expect(result?.exitCode).toBe(here.exitCode)
    // Not by toEqual(): it takes a second for a megabyte.
    expect(here.stdout.equals(result?.stdout as never)).toBe(true)
    expect(here.stderr.equals(result?.stderr as never)).toBe(true)
  }
  // An error names the whole command, twice.
  const args = sh('exit 3', ...Array(6).fill('y'.repeat(100_000)))
  const [failed, all] = await runOn(small)(
    [
      { file: 'sh', args, check: true },
      { file: 'sh', args: sh('yes | head -c 2000000 >&2'), all: true, maxBuffer },
    ],
    'x',
  ).all()
  expect(failed?.error).toMatchObject({ name: 'RunError', exitCode: 3, spawnargs: args })
  expect(all?.result?.all.length).toBe(2_000_000)
  expect(one.running).toBe(0)
  await nothingQueued(small.url, 'x')
  await one.close()
  await small.remove()
})

test.each(['short', 'long'])(
  'a Redis that is full when commands end, for a %s time',
  async (how) => {
    const full = await new RedisServer().start()
    const isLong = how === 'long'
    const errors: string[] = []
    const one = await worker({
      ...{ connection: full.url, queue: 'x', allow: ['/bin/sh'], cwd: dir, concurrency: 3 },
      lostAfter: isLong ? 2000 : 600_000,
      onError: ({ message }) => void errors.push(message),
    })
    const { Redis } = await import('ioredis')
    const client = new Redis(full.url)
    const names = [0, 1, 2].map((at) => `full-${how}-${at}`)
    const held = (at: number, then: string) => [
      'sh',
      '-c',
      `echo x >> ${names[at]}.ran; until [ -e full-${how}.go ]; do sleep 0.05; done; ${then}`,
    ]
    const commands = [
      held(0, 'echo small; exit 3'),
      held(1, 'yes | head -c 1000000'),
      held(2, 'yes | head -c 900000 >&2'),
      ['sh', '-c', 'echo next'],
    ] as [string, ...string[]][]
    const found: Awaited<ReturnType<ReturnType<typeof run>['all']>> = []
    const end = (async () => {
      for await (const result of runOn(full)(commands, 'x')) found[result.index] = result as never
    })()
    await Promise.all(names.map(began))
    await client.config('SET', 'maxmemory', '1mb')
    go(`full-${how}`)
    // What takes no room is delivered.
    await until(() => found[0] !== undefined)
    await until(() => errors.some((message) => /OOM command not allowed/.test(message)))
    if (isLong) await until(() => found[1] !== undefined && found[2] !== undefined)
    else expect([found[1], found[2]]).toEqual([undefined, undefined])
    await client.config('SET', 'maxmemory', '0')
    await end
    expect(found[0]).toMatchObject({ result: { exitCode: 3, stdout: 'small\n' } })
    expect(found[3]?.result?.stdout).toBe('next\n')
    for (const [index, from] of [[1, 'stdout'] as const, [2, 'stderr'] as const]) {
      const { result, error } = found[index] as (typeof found)[number]
      const size = index === 1 ? 1_000_000 : 900_000
      if (!isLong) {
        expect([error, result?.[from].length]).toEqual([undefined, size])
        // Redis may be full for so long that the worker is taken for dead.
      } else if (!(error instanceof LostError)) {
        expect(error).toMatchObject({ name: 'ClusterError', code: 'ERR_REDIS' })
        expect(error?.message).toContain(
          `the command has run, but its output of ${size} bytes cannot be delivered: Redis at 127`,
        )
        expect(result).toMatchObject({ exitCode: 0, stdout: '', stderr: '', truncated: true })
      }
    }
    expect(names.map(times)).toEqual([1, 1, 1])
    await nothingQueued(full.url, 'x')
    client.disconnect()
    await one.close()
    await full.remove()
  },
)

test('commands that are given while Redis is full are sent once it is not', async () => {
  const full = await new RedisServer().start()
  const one = await worker({ connection: full.url, queue: 'x', allow: ['/bin/sh'], cwd: dir })
  const { Redis } = await import('ioredis')
  const client = new Redis(full.url)
  const errors: string[] = []
  async function* commands() {
    yield ['sh', '-c', 'echo 0'] as const
    await client.config('SET', 'maxmemory', '1mb')
    for (let at = 1; at < 250; at++) yield ['sh', '-c', `echo ${at}`] as const
    await until(() => errors.some((message) => /OOM command not allowed/.test(message)))
    await client.config('SET', 'maxmemory', '0')
  }
  const onError = ({ message }: Error) => void errors.push(message)
  const results = await runOn(full)(commands(), 'x', { onError }).all()
  expect(results.map(({ result }) => result?.stdout)).toEqual(
    Array.from({ length: 250 }, (_, at) => `${at}\n`),
  )
  await nothingQueued(full.url, 'x')
  client.disconnect()
  await one.close()
  await full.remove()
})
