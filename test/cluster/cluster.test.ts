/** batch() and worker() of the cluster, against a Redis of the test's own. */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  batch,
  type ClusterCommand,
  type ClusterError,
  type LiveOutput,
  LostError,
  type Worker,
  type WorkerOptions,
  worker,
} from '../../dist/cluster/index.js'
import { PROTOCOL, readLive } from '../../dist/cluster/protocol.js'
import { BatchError, batch as localBatch, RunError, SpawnError } from '../../dist/index.js'
import { RedisServer } from '../../tools/redis.mjs'
import { HANG, rejection, until } from '../support.js'
import { leftovers, nothingQueued, runOn } from './support.js'

const dir = mkdtempSync(join(tmpdir(), 'cluster-'))
const redis = new RedisServer()
beforeAll(() => redis.start())
afterAll(async () => {
  await redis.remove()
  rmSync(dir, { recursive: true })
})

let queues = 0
/** A queue of its own for each test. */
const newQueue = () => `test-${queues++}`

const open: Worker[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close({ force: true })))
})

const programs = ['true', 'false', 'echo', 'cat', 'sleep', 'sh', 'head', 'printf', 'pwd', 'env']
const allow = programs.map((name) => `/bin/${name}`)

async function workOn(queue: string, options: Partial<WorkerOptions> = {}): Promise<Worker> {
  const all = { connection: redis.url, queue, concurrency: 4, allow, cwd: dir, ...options }
  const one = await worker(all)
  open.push(one)
  return one
}

const run = runOn(redis)

describe('a result', () => {
  const commands: ClusterCommand[] = [
    ['echo', 'a b', '*', ''],
    ['sh', '-c', 'echo out; echo err >&2; exit 7'],
    ['sh', '-c', 'kill -9 $$'],
    ['head', '-c', '300000', '/dev/zero'],
    ['printf', 'häß€😀\\0\\n'],
    { file: 'cat', input: 'in\n' },
    { file: 'cat', input: Buffer.from([0, 255, 128, 10]) },
    { file: 'head', args: ['-c', '1000', '/dev/zero'], maxBuffer: 10 },
    { file: '/bin/false', check: true },
    { file: 'env', env: { A: 'x', B: undefined } },
    { file: 'pwd', cwd: dir },
    { file: 'sh', args: ['-c', 'umask; ulimit -n'], umask: 0o27 },
    { file: 'echo', args: ['x'], stdio: 'ignore' },
    { file: 'sh', args: ['-c', 'echo 1; echo 2 >&2; echo 3'], all: true },
    { file: 'echo', args: ['12345'], all: true, maxBuffer: { all: 3 } },
    { file: 'head', args: ['-c', '50', '/etc/passwd'], maxBuffer: { stdout: 20 }, keep: 'both' },
  ]

  test.each(['utf8', 'buffer', 'hex', 'latin1'] as const)(
    'is the same as of a local batch, with encoding %s',
    async (encoding) => {
      const queue = newQueue()
      await workOn(queue, { env: ['A'], limits: { noNewPrivs: false } })
      const there = await run(commands, queue, { encoding }).all()
      const env = { PATH: '/usr/local/bin:/usr/bin:/bin' }
      const here = await localBatch(
        commands.map((one) =>
          Array.isArray(one) ? one : { ...one, env: { ...env, ...(one as { env?: object }).env } },
        ) as never[],
        { encoding, cwd: dir, env, killGrace: 5000 } as object,
      ).all()
      const seen = (all: typeof there | typeof here) =>
        all.map(({ result, error }) => {
          expect(result, error?.message).toBeDefined()
          const { pid, rusage, durationMs, ...same } = result as never as Record<string, unknown>
          return { same, error: error && { name: error.name, message: error.message } }
        })
      expect(seen(there)).toEqual(seen(here))
      for (const { result, worker, queuedMs, index, command } of there) {
        expect(worker).toEqual({ host: open[0]?.name.host, pid: process.pid })
        expect(queuedMs).toBeGreaterThanOrEqual(0)
        expect(command).toBe(commands[index])
        expect(result?.pid).toBeGreaterThan(0)
      }
      expect(there.filter(({ error }) => error instanceof RunError).length).toBe(1)
      await nothingQueued(redis.url, queue)
    },
  )

  test('of a program that does not start is a SpawnError', async () => {
    const queue = newQueue()
    await workOn(queue, { allow: ['/no/such/program', '/etc/passwd', ...allow] })
    const there = await run(
      [['program'], ['passwd'], { file: 'echo', cwd: 'none' }] as ClusterCommand[],
      queue,
    ).all()
    const seen = there.map(({ error }) => {
      expect(error).toBeInstanceOf(SpawnError)
      const { code, step, file, errno } = error as SpawnError
      return { code, step, file, errno }
    })
    expect(seen).toEqual([
      { code: 'ENOENT', step: 'exec', file: '/no/such/program', errno: -2 },
      { code: 'EACCES', step: 'exec', file: '/etc/passwd', errno: -13 },
      { code: 'ENOENT', step: 'cwd', file: 'echo', errno: -2 },
    ])
  })

  test('comes when it is there; all() has the order of the input', async () => {
    const queue = newQueue()
    await workOn(queue)
    const commands = [['sleep', '0.5'] as const, ['true'] as const]
    const order: number[] = []
    for await (const { index } of run(commands, queue)) order.push(index)
    expect(order).toEqual([1, 0])
    expect((await run(commands, queue).all()).map(({ index }) => index)).toEqual([0, 1])
  })

  test('of a program that takes too long says so', async () => {
    const queue = newQueue()
    await workOn(queue, { limits: { timeout: 100 } })
    const slow = { file: 'sleep', args: ['60'] }
    const commands = [slow, { ...slow, timeout: 50 }, { ...slow, killTarget: 'child' as const }]
    for (const { result, error } of await run(commands, queue).all()) {
      expect([result?.timedOut, result?.exitCode, error]).toEqual([true, null, undefined])
    }
  })

  test('keeps to a bound, and more goes to a file', async () => {
    const queue = newQueue()
    await workOn(queue)
    const file = { path: 'big' }
    const [kept, written] = await run(
      [
        ['head', '-c', '3000000', '/dev/zero'],
        { file: 'head', args: ['-c', '3000000', '/dev/zero'], stdio: ['ignore', file] },
      ] as ClusterCommand[],
      queue,
    ).all()
    expect(kept?.result).toMatchObject({ truncated: true, exitCode: 0 })
    expect(kept?.result?.stdout.length).toBe(1024 * 1024)
    expect(written?.result).toMatchObject({ truncated: false, stdout: '', exitCode: 0 })
    expect(readFileSync(join(dir, 'big')).length).toBe(3_000_000)
    await nothingQueued(redis.url, queue)
  })
})

describe('output while a command runs', () => {
  test('comes in order, and the result has all of it', async () => {
    const queue = newQueue()
    await workOn(queue)
    const told: LiveOutput[] = []
    const commands: ClusterCommand[] = [
      [
        'sh',
        '-c',
        'echo 1; echo e >&2; until [ -e live-go ]; do sleep 0.05; done; printf "2\\377"',
      ],
      ['sh', '-c', 'head -c 3000000 /dev/zero; until [ -e live-go ]; do sleep 0.05; done'],
      { file: 'sh', args: ['-c', 'echo all; echo too >&2'], all: true },
      { file: 'sh', args: ['-c', 'echo x'], stdio: ['ignore', 'ignore', 'pipe'] },
      { file: 'sh', args: ['-c', 'echo too much'], maxBuffer: 3, keep: 'tail' },
    ]
    const all = run(commands, queue, {
      encoding: 'buffer',
      onOutput: (output) => void told.push(output),
    }).all()
    const of = (index: number, from: string) =>
      Buffer.concat(
        told.filter((one) => one.index === index && one.from === from).map(({ bytes }) => bytes),
      )
    await until(() => of(0, 'stdout').length > 0 && of(0, 'stderr').length > 0)
    await until(() => of(1, 'stdout').length > 50_000)
    writeFileSync(join(dir, 'live-go'), '')
    const results = await all
    for (const { result, index, command } of results) {
      expect(result?.exitCode).toBe(0)
      for (const from of ['stdout', 'stderr'] as const) {
        const whole = result?.[from] as unknown as Buffer
        const seen = of(index, from)
        expect(whole.subarray(0, seen.length).equals(seen)).toBe(true)
      }
      const ours = told.filter((one) => one.index === index)
      for (const one of ours) expect(one).toMatchObject({ command, attempt: 1 })
    }
    const at = { stdout: 0, stderr: 0 }
    for (const one of told.filter(({ index }) => index === 0)) {
      expect(one.at).toBe(at[one.from])
      at[one.from] += one.bytes.length
    }
    // Only the first two, as the documentation says.
    expect(Math.max(...told.map(({ index }) => index))).toBe(1)
    await nothingQueued(redis.url, queue)
  })

  test('begins anew when a command is run again', async () => {
    const queue = newQueue()
    await workOn(queue)
    const told: [number, number, string][] = []
    const script = 'echo a; sleep 0.3; [ -e again-mark ] || { touch again-mark; exit 1; }'
    const [only] = await run([{ file: 'sh', args: ['-c', script], retries: 1 }], queue, {
      onOutput: ({ attempt, at, bytes }) => void told.push([attempt, at, String(bytes)]),
    }).all()
    expect(only).toMatchObject({ attempts: 2, result: { exitCode: 0, stdout: 'a\n' } })
    for (const one of told)
      expect([
        [1, 0, 'a\n'],
        [2, 0, 'a\n'],
      ]).toContainEqual(one)
  })

  test('ends the batch if its reader fails', async () => {
    const queue = newQueue()
    await workOn(queue)
    const onOutput = () => {
      throw new Error('cannot be shown')
    }
    const all = run([['sh', '-c', 'echo x; sleep 60']] as const, queue, { onOutput }).all()
    expect(await rejection(all)).toMatchObject({ message: 'cannot be shown' })
    await nothingQueued(redis.url, queue)
  })

  test.each([
    '',
    '7',
    'null',
    '{"stdout":1}',
    '{"stdout":{"at":0}}',
    '{"stdout":{"at":"0","text":"x"}}',
  ])('of another sender is left out: %j', (json) => {
    const live = readLive(json)
    expect(live?.stdout).toBeUndefined()
  })
})

describe('what is no command', () => {
  test.each([
    [{ file: 'echo', shell: true }, 'shell cannot be sent to another machine'],
    [{ file: 'echo', uid: 0 }, 'uid cannot be sent to another machine'],
    [{ file: 'echo', cwd: 3 }, 'cwd must be a path'],
    [{ file: 'echo', stdio: ['ignore', 1] }, 'stdio[1] must be'],
    [{ file: 'echo', stdio: 'inherit' }, 'stdio[0] must be'],
    [{ file: 'echo', timeOut: 1 }, 'the nearest known one is "timeout"'],
    [{ file: '' }, 'file must not be empty'],
    [{ args: ['x'] }, 'file must be a string'],
    [['a\0b'], 'has a NUL byte'],
    [[], 'file must be a string'],
    [{ file: 'echo', retries: -1 }, 'retries must be'],
    [7, 'must be an array of words'],
    [{ file: 'echo', env: { A: 1 } }, 'env.A must be a string'],
  ])('%j is an error of its own, and is not sent', async (command, message) => {
    const queue = newQueue()
    const [result] = await run([command as never], queue).all()
    expect(result?.error?.message).toContain(message)
    expect(result?.error).toMatchObject({ code: expect.stringMatching(/^ERR_/) })
    expect(await leftovers(redis.url, queue)).toEqual([])
  })

  test('an input that is longer than what can be sent', async () => {
    const queue = newQueue()
    await workOn(queue)
    const input = Buffer.alloc(64 * 2 ** 20 + 1, 'x')
    const commands = [{ file: 'cat', input }, { file: 'cat', input: input.toString() }, ['true']]
    const [bytes, text, other] = await run(commands as ClusterCommand[], queue).all()
    for (const one of [bytes, text]) {
      expect(one?.error).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
      expect(one?.error?.message).toContain('input has at most 64 MiB')
    }
    expect(other?.result?.exitCode).toBe(0)
  })

  test('a command that Redis does not take is refused, and the others run', async () => {
    const small = await new RedisServer(['--proto-max-bulk-len', '1mb']).start()
    const options = { connection: small.url, queue: 'x' }
    const one = await worker({ ...options, allow })
    const input = 'x'.repeat(2 * 2 ** 20)
    const commands = Array.from({ length: 150 }, (_, at) =>
      at === 70 ? { file: 'cat', input } : ['echo', `${at}`],
    )
    const results = await batch(commands as ClusterCommand[], options).all()
    for (const [at, { error, result }] of results.entries()) {
      if (at !== 70) expect(result?.stdout).toBe(`${at}\n`)
      else expect(error).toMatchObject({ name: 'ClusterError', code: 'ERR_REDIS' })
    }
    expect(results[70]?.error?.message).toMatch(/it closes the connection whenever a command of/)
    await nothingQueued(small.url, 'x')
    await one.close()
    await small.remove()
  })

  test.each([5, null, undefined])('a source whose next() returns %j', async (next) => {
    const source = { [Symbol.asyncIterator]: () => ({ next: async () => next }) }
    const all = run(source as never, newQueue()).all()
    expect(await rejection(all)).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: `next() of the iterator of commands must return an object, not ${next}`,
    })
  })

  test('a job of somebody else fails with what is wrong, and nothing runs', async () => {
    const queue = newQueue()
    const mark = join(dir, 'ran')
    const touch = { v: PROTOCOL, file: '/bin/sh', args: ['-c', `echo x >> ${mark}`], options: {} }
    const jobs = [
      {},
      { ...touch, v: 9 },
      { ...touch, args: `-c` },
      { ...touch, options: { uid: 0 } },
      { ...touch, file: '/bin/bash' },
      { ...touch, shell: true },
    ]
    const bull = new Queue(queue, { connection: { port: redis.port }, prefix: 'uring-spawn' })
    await bull.addBulk(jobs.map((data, at) => ({ name: 'x', data, opts: { jobId: `x.${at}.0` } })))
    await workOn(queue)
    let failed = 0
    await until(() => {
      bull.getFailedCount().then((count) => {
        failed = count
      })
      return failed === jobs.length
    })
    const reasons = (await bull.getFailed()).map(({ failedReason, id }) => `${id} ${failedReason}`)
    expect(reasons.sort()).toEqual([
      `x.0.0 ERR_CLUSTER_VERSION: the job is of version undefined of the protocol, and the worker of version ${PROTOCOL}`,
      `x.1.0 ERR_CLUSTER_VERSION: the job is of version 9 of the protocol, and the worker of version ${PROTOCOL}`,
      'x.2.0 ERR_INVALID_JOB: the job is no command: "args" must be strings without NUL bytes',
      'x.3.0 ERR_INVALID_JOB: the job is no command: it has the unknown option "uid"',
      'x.4.0 ERR_NOT_ALLOWED: this worker does not allow the program "/bin/bash"',
      'x.5.0 ERR_INVALID_JOB: the job is no command: it has the unknown part "shell"',
    ])
    await bull.close()
    expect(existsSync(mark)).toBe(false)
  })

  test('what a worker does not allow is refused, and the others run', async () => {
    const queue = newQueue()
    await workOn(queue, { allow: ['/bin/true'], cwd: dir })
    const results = await run(
      [
        ['false'],
        { file: 'true', cwd: '/' },
        { file: 'true', env: { S: 'secret' } },
        ['true'],
      ] as const,
      queue,
      { retries: 3 },
    ).all()
    const seen = results.map(({ error, attempts, result }) => {
      const { code, message } = (error ?? {}) as Partial<ClusterError>
      return [code, message, attempts, result?.exitCode]
    })
    const refused = (what: string) => ['ERR_NOT_ALLOWED', what, 1, undefined]
    expect(seen).toEqual([
      refused('this worker does not allow the program "false"'),
      refused(`cwd is outside of the folder that this worker allows: ${dir}`),
      refused('this worker does not allow the variable "S"'),
      [undefined, undefined, 1, 0],
    ])
    await nothingQueued(redis.url, queue)
  })
})

describe('at the start', () => {
  const both = (options: { connection: unknown; queue: string }) => [
    rejection(batch([['true']], options as never).all()),
    rejection(worker(options as never)),
  ]
  const codes = async (errors: Promise<ClusterError>[]) =>
    (await Promise.all(errors)).map((error) => [error?.code, error?.message])

  test('nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const connection = `redis://user:secret@127.0.0.1:${port}/0`
    for (const [code, message] of await codes(both({ connection, queue: 'x' }))) {
      expect(code).toBe('ERR_REDIS')
      expect(message).toBe(`Redis at 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`)
    }
    let asked = 0
    function* commands() {
      asked++
      yield ['true'] as const
    }
    expect(await rejection(batch(commands(), { connection, queue: 'x' }).all())).toMatchObject({
      code: 'ERR_REDIS',
    })
    // Nothing was taken that would be lost.
    expect(asked).toBe(0)
  })

  test('something else listens, or nothing answers', async () => {
    const http = createServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const mute = createServer(() => {})
    const said = [/Protocol error, got "H" as reply type byte/, /no answer within 5 s/]
    for (const [at, server] of [http, mute].entries()) {
      server.listen(0, '127.0.0.1')
      await new Promise((resolve) => server.once('listening', resolve))
      const { port } = server.address() as AddressInfo
      const found = await codes(both({ connection: `redis://127.0.0.1:${port}`, queue: 'x' }))
      for (const [code, message] of found) {
        expect(code).toBe('ERR_REDIS')
        expect(message).toMatch(`Redis at 127.0.0.1:${port}: `)
        expect(message).toMatch(said[at] as RegExp)
      }
      server.close()
    }
  })

  test('the password is wrong, or missing, and is told nowhere', async () => {
    const locked = await new RedisServer(['--requirepass', 'open-sesame']).start()
    const wrong = [
      { connection: locked.url, queue: 'x' },
      { connection: locked.url.replace('//', '//:hidden-word@'), queue: 'x' },
      { connection: locked.url.replace('//', '//hidden-user:hidden-word@'), queue: 'x' },
      { connection: { port: locked.port, password: 'hidden-word' }, queue: 'x' },
    ]
    for (const options of wrong) {
      for (const error of await Promise.all(both(options))) {
        expect(error).toMatchObject({ code: 'ERR_REDIS' })
        expect(error.message).toMatch(/NOAUTH|WRONGPASS/)
        expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hidden')
      }
    }
    const connection = locked.url.replace('//', '//:open-sesame@')
    const one = await worker({ connection, queue: 'x', allow: ['/bin/true'] })
    const results = await batch([['true']], { connection, queue: 'x' }).all()
    expect(results[0]?.result?.exitCode).toBe(0)
    await one.close()
    await locked.remove()
  })

  test('the user of Redis may not do what it takes, and no connection is left', async () => {
    const guarded = await new RedisServer().start()
    const client = new Redis(guarded.url)
    const user = (...rules: string[]) =>
      client.call('ACL', 'SETUSER', 'limited', 'reset', 'on', '>pw', '+@all', ...rules)
    const connection = guarded.url.replace('//', '//limited:pw@')
    const options = { connection, queue: 'x' }
    await user('~other:*', '&*')
    for (const [code, message] of await codes(both(options))) {
      expect(code).toBe('ERR_REDIS')
      expect(message).toMatch(/^Redis at 127.0.0.1:\d+: NOPERM/)
    }
    await user('~uring-spawn:*', 'resetchannels')
    expect(await rejection(worker(options))).toMatchObject({ code: 'ERR_REDIS' })
    await user('~uring-spawn:*', '&*', '-eval', '-evalsha')
    const refused = await rejection(batch([['true']], options).all())
    expect(refused).toMatchObject({ name: 'ClusterError', code: 'ERR_REDIS' })
    while (`${await client.call('CLIENT', 'LIST')}`.includes('user=limited')) await sleep(20)
    client.disconnect()
    await guarded.remove()
  })

  test('another version has the queue', async () => {
    const queue = newQueue()
    const client = new Redis(redis.url)
    await client.set(`uring-spawn:${queue}:version`, '9')
    client.disconnect()
    for (const [code, message] of await codes(both({ connection: redis.url, queue }))) {
      expect(code).toBe('ERR_CLUSTER_VERSION')
      expect(message).toBe(
        `the queue ${queue} belongs to version 9 of the protocol, and this is version ${PROTOCOL}: ` +
          'use the same uring-spawn everywhere, or a queue of another name',
      )
    }
    expect(await leftovers(redis.url, queue)).toEqual([])
  })

  test.each([
    [{ connection: 'localhost:6379', queue: 'x' }, 'redis://'],
    [{ connection: 'http://:secret@x', queue: 'x' }, 'redis://'],
    [{ connection: 'redis://:secret@x/db', queue: 'x' }, 'number of a database'],
    [{ connection: ':secret@', queue: 'x' }, 'not a URL'],
    [{ connection: 7, queue: 'x' }, 'connection must be'],
    [{ queue: 'x' }, 'connection must be'],
    [{ connection: 'redis://x' }, 'queue must be'],
    [{ connection: 'redis://x', queue: 'a:b' }, 'queue must be'],
    [{ connection: 'redis://x', queue: '' }, 'queue must be'],
    [{ connection: 'redis://x', queue: 'x', conections: 1 }, 'unknown option "conections"'],
  ])('%j is an argument error on both sides', async (options, message) => {
    const errors = [
      await rejection(worker(options as never)),
      await rejection((async () => batch([], options as never))()),
    ]
    for (const error of errors) {
      expect(error?.message).toContain(message)
      expect(error?.message).not.toContain('secret')
      expect(error?.code).toMatch(/^ERR_(INVALID_ARG|UNKNOWN_OPTION)/)
    }
  })

  test('packages that are not installed are named', () => {
    const alone = join(dir, 'alone')
    cpSync(new URL('../../dist', import.meta.url), join(alone, 'dist'), { recursive: true })
    writeFileSync(join(alone, 'package.json'), '{"type":"module"}')
    const code = `
      import { batch, worker } from './dist/cluster/index.js'
      import './dist/index.js'
      const options = { connection: 'redis://x', queue: 'x' }
      const said = (error) => [error.code, error.message]
      console.log(JSON.stringify([
        await batch([['true']], options).all().catch(said), await worker(options).catch(said),
      ]))`
    const args = ['--input-type=module', '-e', code]
    const out = execFileSync(process.execPath, args, { cwd: alone, encoding: 'utf8' })
    for (const [name, message] of JSON.parse(out)) {
      expect(name).toBe('ERR_PEER_MISSING')
      expect(message).toContain('npm install bullmq@6.7.0 ioredis@5.11.1')
    }
  })
})

test('the versions that are named are those of package.json', async () => {
  const { peerDependencies, devDependencies } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  )
  const { versions } = await import('../../dist/cluster/peers.js')
  expect(peerDependencies).toEqual(versions)
  expect(devDependencies).toMatchObject(versions)
})

describe('a batch', () => {
  test('keeps a bounded number of commands in Redis, and reads no further', async () => {
    const queue = newQueue()
    await workOn(queue)
    let taken = 0
    let seen = 0
    let most = 0
    async function* commands() {
      for (; taken < 2000; taken++) {
        most = Math.max(most, taken - seen)
        yield ['true'] as const
      }
    }
    for await (const { error } of run(commands(), queue, { waiting: 20 })) {
      expect(error).toBeUndefined()
      seen++
    }
    expect(seen).toBe(2000)
    // As many may be in Redis, and have their results wait for the reader.
    expect(most).toBeLessThanOrEqual(41)
    await nothingQueued(redis.url, queue)
  })

  test('waits for a reader that is slow', async () => {
    const queue = newQueue()
    await workOn(queue)
    let taken = 0
    function* commands() {
      for (;;) {
        taken++
        yield ['true'] as const
      }
    }
    const results = run(commands(), queue, { waiting: 10 })[Symbol.asyncIterator]()
    await results.next()
    let before = -1
    await until(() => {
      const same = before === taken
      before = taken
      return same && taken > 10
    })
    expect(taken).toBeLessThanOrEqual(22)
    await results.return?.()
    await nothingQueued(redis.url, queue)
  })

  test('tells its progress', async () => {
    const queue = newQueue()
    await workOn(queue)
    const told: object[] = []
    const onProgress = (progress: object) => void told.push(progress)
    await run([['true'], ['false'], ['true']] as const, queue, { onProgress }).all()
    expect(told.at(-1)).toMatchObject({ total: 3, running: 0, done: 3, failed: 1 })
    expect(told.length).toBe(3)
  })

  test('with bail ends at the first failure, and takes back what waits', async () => {
    const queue = newQueue()
    await workOn(queue, { concurrency: 2 })
    const commands = [['sleep', '60'], ['false'], ...Array(100).fill(['sleep', '60'])]
    const error = await rejection(run(commands as never[], queue, { bail: true }).all())
    expect(error).toBeInstanceOf(BatchError)
    expect((error as BatchError).result.index).toBe(1)
    await nothingQueued(redis.url, queue)
  })

  test('that is aborted takes back what waits, and ends what runs', async () => {
    const queue = newQueue()
    const one = await workOn(queue)
    const abort = new AbortController()
    const commands = Array.from({ length: 50 }, () => ['sleep', '60'] as const)
    const all = rejection(run(commands, queue, { signal: abort.signal }).all())
    await until(() => one.running === 4)
    abort.abort()
    expect(await all).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' })
    expect(one.running).toBe(0)
    await nothingQueued(redis.url, queue)
  })

  test('that was aborted before, or whose generator fails, or is left', async () => {
    const queue = newQueue()
    await workOn(queue)
    const signal = AbortSignal.abort()
    expect(await rejection(run([['true']], queue, { signal }).all())).toMatchObject({
      name: 'AbortError',
    })
    const commands = async function* () {
      yield ['sleep', '60'] as const
      throw new Error('no more')
    }
    expect(await rejection(run(commands(), queue).all())).toMatchObject({ message: 'no more' })
    for await (const { result } of run([['true'], ['sleep', '60']] as const, queue)) {
      expect(result?.exitCode).toBe(0)
      break
    }
    await nothingQueued(redis.url, queue)
  })

  test('runs a command that fails again, only if that is asked for', async () => {
    const queue = newQueue()
    await workOn(queue)
    const counting = (name: string) => ['-c', `echo x >> ${name}; [ $(wc -l < ${name}) = 3 ]`]
    const results = await run(
      [
        { file: 'sh', args: counting('a'), retries: 5 },
        { file: 'sh', args: counting('b'), retries: 1 },
        { file: 'sh', args: counting('c') },
      ] as ClusterCommand[],
      queue,
    ).all()
    expect(results.map(({ result, attempts }) => [result?.exitCode, attempts])).toEqual([
      [0, 3],
      [1, 2],
      [1, 1],
    ])
    await nothingQueued(redis.url, queue)
  })

  test('shares a queue with another one', async () => {
    const queue = newQueue()
    await workOn(queue)
    await workOn(queue)
    const words = (name: string) =>
      Array.from({ length: 300 }, (_, at) => ['echo', `${name}${at}`] as const)
    const all = await Promise.all(['a', 'b', 'c'].map((name) => run(words(name), queue).all()))
    for (const [at, name] of ['a', 'b', 'c'].entries()) {
      expect(all[at]?.map(({ result }) => result?.stdout)).toEqual(
        words(name).map(([, word]) => `${word}\n`),
      )
    }
    await nothingQueued(redis.url, queue)
  })

  test('runs once', async () => {
    const queue = newQueue()
    const once = run([], queue)
    expect(await once.all()).toEqual([])
    expect(await rejection(once.all())).toMatchObject({ code: 'ERR_INVALID_STATE' })
  })
})

test('spans of both sides belong together, and have no argument and no output', async () => {
  const queue = newQueue()
  const spans: { name: string; parent: unknown; told: unknown[] }[] = []
  const telemetry = {
    tracer: {
      startSpan(name: string, _options: object, parent: unknown) {
        const span = { name, parent, told: [] as unknown[] }
        spans.push(span)
        const tell = (...what: unknown[]) => void span.told.push(what)
        return {
          ...{ setAttribute: tell, setAttributes: tell, addEvent: tell, recordException: tell },
          setSpanOnContext: () => `in ${name}`,
          end: tell,
        }
      },
    },
    contextManager: {
      with: (_context: unknown, work: () => unknown) => work(),
      active: () => 'outside',
      getMetadata: (context: unknown) => `sent ${context}`,
      fromMetadata: (_active: unknown, metadata: string) => metadata,
    },
  }
  const one = await workOn(queue, { telemetry })
  const [only] = await run([['echo', 'hidden-word']] as const, queue, { telemetry }).all()
  expect(only?.result?.stdout).toBe('hidden-word\n')
  await one.close()
  const sent = spans.find(({ name }) => name.startsWith('addBulk'))
  const processed = spans.find(({ name }) => name.startsWith('process'))
  expect(processed?.parent).toBe(`sent in ${sent?.name}`)
  expect(JSON.stringify(processed?.told)).toContain('job completed')
  expect(JSON.stringify(spans)).not.toContain('hidden-word')
})

describe('a worker that is closed', () => {
  test('lets what runs end, and takes no more', async () => {
    const queue = newQueue()
    const one = await workOn(queue, { concurrency: 2 })
    const commands = Array.from(
      { length: 6 },
      (_, at) => ['sh', '-c', `sleep 1; echo ${at}`] as const,
    )
    const results = run(commands, queue).all()
    await until(() => one.running === 2)
    await one.close()
    expect(one.running).toBe(0)
    const other = await workOn(queue, { concurrency: 4 })
    const all = await results
    expect(all.map(({ result, error }) => [result?.stdout, error])).toEqual(
      commands.map((_, at) => [`${at}\n`, undefined]),
    )
    expect(other.running).toBe(0)
  })

  test('with force ends what runs, and says so', async () => {
    const queue = newQueue()
    const one = await workOn(queue)
    const results = run([['sh', '-c', 'echo > forced; sleep 60']] as const, queue).all()
    await until(() => existsSync(join(dir, 'forced')))
    await one.close({ force: true })
    const [only] = await results
    expect(only?.error).toMatchObject({ code: 'ERR_WORKER_STOPPED' })
    expect(only?.result?.signal).toBe('SIGTERM')
  })

  test('does not wait for a Redis that is away, once nothing can be delivered', async () => {
    const other = await new RedisServer().start()
    const options = { connection: other.url, queue: 'x', allow, cwd: dir, lostAfter: 1000 }
    const [idle, busy] = [await worker({ ...options, queue: 'y' }), await worker(options)]
    const commands = [
      ['sh', '-c', 'trap "echo x > ended; exit" TERM; while :; do sleep 0.05; done'],
    ]
    const abort = new AbortController()
    const { signal } = abort
    const all = rejection(batch(commands, { connection: other.url, queue: 'x', signal }).all())
    await until(() => busy.running === 1)
    await other.stop('SIGTERM')
    await Promise.all([idle.close(), busy.close()])
    expect(busy.running).toBe(0)
    expect(existsSync(join(dir, 'ended'))).toBe(true)
    abort.abort()
    expect(await all).toMatchObject({ name: 'AbortError' })
    await other.remove()
  })
})

test('the program in the documentation runs', () => {
  const docs = readFileSync(new URL('../../docs/cluster.md', import.meta.url), 'utf8')
  const [, code = ''] = /^```ts\n(.*?)^```/ms.exec(docs) ?? []
  expect(code).toContain('redis://127.0.0.1:6379')
  const modules = join(dir, 'node_modules')
  mkdirSync(modules)
  symlinkSync(fileURLToPath(new URL('../..', import.meta.url)), join(modules, 'uring-spawn'))
  const program = join(dir, 'program.mjs')
  writeFileSync(program, code.replace('redis://127.0.0.1:6379', redis.url))
  const out = execFileSync(process.execPath, [program], { encoding: 'utf8', timeout: HANG })
  expect(out).toMatch(/339 common-licenses\/GPL-2/)
  expect(out).toMatch(/5\n/)
})

test('what Redis has lost is lost, once', async () => {
  const queue = newQueue()
  await workOn(queue, { concurrency: 1, lostAfter: 1000 })
  const results = run([['sleep', '60'], ['true'], ['true']] as const, queue).all()
  await until(() => open.at(-1)?.running === 1)
  const client = new Redis(redis.url)
  for (const key of await client.keys(`uring-spawn:${queue}:*`)) await client.del(key)
  client.disconnect()
  for (const { error } of await results) {
    expect(error).toBeInstanceOf(LostError)
    expect(error).toMatchObject({ code: 'ERR_LOST' })
  }
  // Nobody waits for its result, so it is ended.
  await until(() => open.at(-1)?.running === 0)
})
