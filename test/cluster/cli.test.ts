/** `uring-spawn worker` and `uring-spawn batch --queue`. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { PROTOCOL } from '../../dist/cluster/protocol.js'
import { run } from '../../dist/index.js'
import { RedisServer } from '../../tools/redis.mjs'
import { until } from '../support.js'
import { nothingQueued } from './support.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'cluster-cli-'))
const password = 'open-sesame'
const redis = new RedisServer(['--requirepass', password])
beforeAll(() => redis.start())
const workers: ChildProcess[] = []
afterEach(() => {
  for (const one of workers.splice(0)) one.kill('SIGKILL')
})
afterAll(async () => {
  await redis.remove()
  rmSync(dir, { recursive: true })
})

const url = () => redis.url.replace('//', `//:${password}@`)
const env = () => ({ ...process.env, URING_SPAWN_REDIS: url() })

async function startWorker(queue: string, ...more: string[]) {
  const child = spawn(process.execPath, [main, 'worker', '--queue', queue, '--cwd', dir, ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: env(),
  })
  workers.push(child)
  const seen = { said: '' }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      seen.said += chunk
    })
  }
  await until(() => /takes commands/.test(seen.said))
  return Object.assign(child, { seen })
}

const batch = (queue: string, input: string, ...more: string[]) =>
  run(process.execPath, [main, 'batch', '--queue', queue, ...more], { input, env: env() })

test('a batch prints what a local one prints, and has its exit status', async () => {
  await startWorker('a', '--allow', '/bin/echo', '--allow', '/bin/false')
  const lines = 'echo x\n["echo","y z"]\n'
  const good = await batch('a', lines, '-k')
  expect(good).toMatchObject({ stdout: 'x\ny z\n', stderr: '', exitCode: 0 })
  const bad = await batch('a', `${lines}false\nls\n{"file":"echo","uid":0}\n'\n`)
  expect(bad.stdout.split('\n').sort()).toEqual(['', 'x', 'y z'])
  expect(bad.stderr).toContain('uring-spawn: false: exited with 1')
  expect(bad.stderr).toContain('uring-spawn: ls: this worker does not allow the program "ls"')
  expect(bad.stderr).toContain('stdin, line 5: the option uid cannot be sent')
  expect(bad.exitCode).toBe(2)
  const json = await batch('a', 'echo x\n', '--json')
  expect(JSON.parse(json.stdout)).toMatchObject({
    ...{ index: 0, line: 1, stdout: 'x\n', exitCode: 0, queuedMs: expect.any(Number) },
    worker: { host: expect.any(String), pid: workers[0]?.pid },
  })
  await nothingQueued(url(), 'a')
})

test('--follow prints lines while a command runs, and each once', async () => {
  await startWorker('f', '-j', '2', '--allow', '/bin/sh')
  const go = join(dir, 'follow-go')
  const script = `echo one; printf 'tw'; echo err >&2; until [ -e ${go} ]; do sleep 0.05; done; echo o; printf end`
  const args = [main, 'batch', '--queue', 'f', '--follow', '--tag', '--', 'sh', '-c']
  const child = spawn(process.execPath, args, { env: env() })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  child.stdin.end(`${script}\n`)
  await until(() => out.includes('one\n') && err.includes('err\n'))
  // The beginning of a line waits for its end.
  expect(out).toBe(`${script}\tone\n`)
  writeFileSync(go, '')
  expect(await once(child, 'close')).toEqual([0, null])
  expect(out).toBe(['one', 'two', 'end'].map((line) => `${script}\t${line}\n`).join(''))
  expect(err).toBe(`${script}\terr\n`)
  await nothingQueued(url(), 'f')
})

test('--follow prints all of a large output, in order', async () => {
  await startWorker('g', '-j', '2', '--allow', '/bin/sh')
  const line = JSON.stringify(['sh', '-c', 'seq 100000; sleep 0.3; seq 100001 100100'])
  const { stdout, exitCode } = await batch('g', `${line}\n`, '--follow')
  expect(exitCode).toBe(0)
  expect(stdout).toBe(Array.from({ length: 100_100 }, (_, at) => `${at + 1}\n`).join(''))
})

test('SIGTERM lets what runs end; a second one ends it', async () => {
  const first = await startWorker('b', '-j', '1', '--allow', '/bin/sh')
  const command = `sh -c 'echo begun >> begun; sleep 1; echo end'\n`
  const begun = () => {
    try {
      return readFileSync(join(dir, 'begun'), 'utf8').split('\n').length - 1
    } catch {
      return 0
    }
  }
  const done = batch('b', command)
  await until(() => begun() === 1)
  const exit = once(first, 'exit')
  first.kill('SIGTERM')
  expect(await done).toMatchObject({ stdout: 'end\n', exitCode: 0 })
  expect(await exit).toEqual([0, null])
  expect(first.seen.said).toContain('SIGTERM: taking no more commands, waiting for 1')

  const second = await startWorker('b', '-j', '1', '--allow', '/bin/sh')
  const ended = batch('b', `sh -c 'echo begun >> begun; sleep 60'\n`)
  await until(() => begun() === 2)
  const over = once(second, 'exit')
  second.kill('SIGTERM')
  await until(() => /waiting for 1/.test(second.seen.said))
  second.kill('SIGTERM')
  expect((await ended).stderr).toMatch(/the worker \S+ was stopped/)
  expect(await over).toEqual([0, null])
})

test('a signal takes the commands of a batch back', async () => {
  const child = spawn(process.execPath, [main, 'batch', '--queue', 'c'], { env: env() })
  child.stdin.end('echo x\necho y\n')
  const { Redis } = await import('ioredis')
  const client = new Redis(url())
  let waiting = 0
  await until(() => {
    client.llen('uring-spawn:c:wait').then((length) => {
      waiting = length
    })
    return waiting === 2
  })
  client.disconnect()
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([143, null])
  await nothingQueued(url(), 'c')
})

test.each([
  [['worker', '--redis', 'redis://x'], '--queue NAME is missing'],
  [['worker', '--queue', 'x'], '--redis URL is missing'],
  [['batch', '--queue', 'x'], '--redis URL is missing'],
  [['batch', '--queue', 'x', '--redis', 'x'], 'connection is not a URL'],
  [['batch', '--queue', 'x', '--redis', 'redis://x', '--backend', 'vfork'], '--backend is for'],
  [['worker', '--queue', 'x', '--redis', 'redis://x', '--allow', 'ls'], 'absolute path'],
  [['batch', '--follow'], '--follow is for commands of a queue'],
  [
    ['batch', '--queue', 'x', '--redis', 'redis://x', '--follow', '--json'],
    '--follow prints lines',
  ],
  [['batch', '--queue', 'x', '--redis', 'redis://x', '--follow', '-k'], '--follow prints lines'],
  [
    ['worker', '--queue', 'x', '--redis', 'redis://x', '--cwd', '/none'],
    'cwd cannot be used: ENOENT',
  ],
])('%j is refused', async (args, message) => {
  const variables = { ...process.env, URING_SPAWN_REDIS: '' }
  const result = await run(process.execPath, [main, ...args], { input: 'true\n', env: variables })
  expect(result.stderr).toContain(message)
  expect(result.exitCode).toBe(2)
})

test('what is wrong with Redis, or with the queue, is said on both sides, with status 2', async () => {
  const { Redis } = await import('ioredis')
  const client = new Redis(url())
  await client.set('uring-spawn:later:version', '9')
  client.disconnect()
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const wrong = redis.url.replace('//', '//:hidden-word@')
  const cases = [
    ['x', `redis://127.0.0.1:${port}`, `Redis at 127.0.0.1:${port}: connect ECONNREFUSED`],
    ['x', wrong, `Redis at 127.0.0.1:${redis.port}: WRONGPASS`],
    ['x', redis.url, `Redis at 127.0.0.1:${redis.port}: NOAUTH`],
    [
      'later',
      url(),
      `the queue later belongs to version 9 of the protocol, and this is version ${PROTOCOL}`,
    ],
  ] as const
  for (const [queue, at, message] of cases) {
    for (const command of ['worker', 'batch']) {
      const variables = { ...process.env, URING_SPAWN_REDIS: at }
      const args = [main, command, '--queue', queue]
      const result = await run(process.execPath, args, { input: 'true\n', env: variables })
      expect(result).toMatchObject({ exitCode: 2, stdout: '' })
      expect(result.stderr).toMatch(/^uring-spawn: [^\n]+\n$/)
      expect(result.stderr).toContain(message)
      expect(result.stderr).not.toContain('hidden')
    }
  }
})

test('no log, and no name in Redis, has a secret', async () => {
  const worker = await startWorker('d', '--allow', '/bin/echo', '--env', 'TOKEN')
  const secret = 'hidden-word'
  const line = (options: object) => JSON.stringify({ file: 'echo', args: [secret], ...options })
  const input = [
    line({ env: { TOKEN: secret } }),
    line({ env: { OTHER: secret } }),
    line({ cwd: '/' }),
    JSON.stringify({ file: 'ls', args: [secret] }),
  ].join('\n')
  const { exitCode } = await batch('d', input, '--json')
  expect(exitCode).toBe(1)
  worker.kill('SIGTERM')
  await once(worker, 'exit')
  expect(worker.seen.said).not.toMatch(/hidden|sesame/)
  const wrong = await run(process.execPath, [main, 'worker', '--queue', 'd'], {
    env: { ...process.env, URING_SPAWN_REDIS: redis.url.replace('//', '//:hidden-password@') },
  })
  expect(wrong.stderr).toMatch(/Redis at 127\.0\.0\.1:\d+: WRONGPASS/)
  expect(wrong.stderr).not.toContain('hidden')
})

test('TLS, with an authority of one’s own', async () => {
  const file = (name: string) => join(dir, name)
  const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const out = ['-keyout', file('key.pem'), '-out', file('cert.pem')]
  execFileSync('openssl', [...made, ...names, ...out], { stdio: 'pipe' })
  const pem = ['--tls-cert-file', file('cert.pem'), '--tls-key-file', file('key.pem')]
  const options = [...pem, '--tls-ca-cert-file', file('cert.pem'), '--tls-auth-clients', 'no']
  const server = new RedisServer(['--tls-replication', 'no', ...options])
  await server.start()
  // The port that was found free becomes that of TLS.
  await server.stop()
  const secure = new RedisServer([...options, '--port', '0', '--tls-port', `${server.port}`])
  await secure.start()
  const at = `rediss://localhost:${server.port}`
  const cli = (...args: string[]) =>
    run(process.execPath, [main, ...args, '--queue', 'e', '--redis', at], { input: 'echo x\n' })
  const untrusted = await cli('batch')
  expect(untrusted.stderr).toMatch(/Redis at localhost:\d+: .*self.signed certificate/)
  expect(untrusted.exitCode).toBe(2)
  const ca = ['--redis-ca', file('cert.pem')]
  const args = [main, 'worker', '--queue', 'e', '--redis', at, ...ca, '--allow', '/bin/echo']
  const worker = spawn(process.execPath, args, { stdio: 'ignore' })
  workers.push(worker)
  expect(await cli('batch', ...ca)).toMatchObject({ stdout: 'x\n', stderr: '', exitCode: 0 })
  worker.kill('SIGTERM')
  await once(worker, 'exit')
  await secure.remove()
  await server.remove()
})
