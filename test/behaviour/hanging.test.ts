/** Children that hang before or in their exec, and what happens to others meanwhile. */
import { type ChildProcess, execFileSync, spawn as nodeSpawn } from 'node:child_process'
import { once, setMaxListeners } from 'node:events'
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BackendName, run, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { inNode, openFds, rejection, until, withoutCredentials } from '../support.js'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
const library = new URL('../../dist/index.js', import.meta.url).href
const lease = fileURLToPath(new URL('../../build/lease', import.meta.url))
afterAll(() => rmSync(dir, { recursive: true }))

let made = 0
/** A path that does not exist. */
const fresh = (name: string) => join(dir, `${name}-${made++}`)

const makeFifo = () => {
  const path = fresh('fifo')
  execFileSync('mkfifo', [path])
  return path
}

/** Opens the other end of a FIFO, so that the processes that wait for it go on. */
const openBoth = (path: string) => openSync(path, constants.O_RDWR)

/** A copy of `program` whose exec hangs until release(). */
async function leased(program: string, path = fresh('program')) {
  copyFileSync(program, path)
  chmodSync(path, 0o755)
  const holder: ChildProcess = nodeSpawn(lease, [path], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(holder.stdout as NonNullable<typeof holder.stdout>, 'data')
  const release = async () => {
    holder.stdin?.end()
    if (holder.exitCode === null) await once(holder, 'exit')
  }
  return { path, release }
}

/** Pids of a process's children, whichever thread made them, zombies among them. */
const allChildren = (of: number | 'self' = 'self') =>
  readdirSync(`/proc/${of}/task`).flatMap((task) => {
    try {
      const list = readFileSync(`/proc/${of}/task/${task}/children`, 'utf8')
      return list.split(' ').filter((pid) => pid !== '')
    } catch {
      return [] // The thread has ended.
    }
  })

/** The same as code, for another process. */
const CHILDREN = `
  import { readdirSync, readFileSync } from 'node:fs'
  const children = () => readdirSync('/proc/self/task').flatMap((task) => {
    try {
      return readFileSync('/proc/self/task/' + task + '/children', 'utf8').split(' ').filter(Boolean)
    } catch {
      return []
    }
  })`

const threads = () => readdirSync('/proc/self/task').length

const refused = withoutCredentials()

describe.each(testedBackends)('hanging by %s', (backend: BackendName) => {
  const options = { backend } as const
  // This backend opens the executable here, in the thread that launches, and hangs there itself.
  const inExec = test.skipIf(backend === 'spawn_template')

  // Let the library open its own descriptors before counting.
  beforeAll(() => run('true', [], options))

  inExec.each([
    ['alone', {}],
    ['in a session of its own', { detached: true }],
    ['in a group of its own', { processGroup: 0 }],
  ])('a timeout in the exec: it did not start, %s', async (_, more) => {
    const { path, release } = await leased('/bin/true')
    const before = [openFds(), allChildren().length] as const
    const error = await rejection(spawn(path, [], { ...options, ...more, timeout: 1000 }))
    expect(error).toMatchObject({ code: 'ETIMEDOUT', step: 'exec', path })
    await until(() => openFds() <= before[0] && allChildren().length <= before[1])
    await release()
  })

  inExec('an abort in the exec', async () => {
    const { path, release } = await leased('/bin/true')
    const error = await rejection(run(path, [], { ...options, signal: AbortSignal.timeout(200) }))
    expect(error).toMatchObject({ name: 'AbortError' })
    await release()
  })

  inExec('a timeout in the exec of a directory of PATH', async () => {
    const [first, second] = [fresh('path'), fresh('path')]
    mkdirSync(first)
    mkdirSync(second)
    const { release } = await leased('/bin/true', join(second, 'some-tool'))
    const env = { PATH: `${first}:${second}` }
    const error = await rejection(spawn('some-tool', [], { ...options, env, timeout: 1000 }))
    expect(error).toMatchObject({ code: 'ETIMEDOUT', step: 'exec' })
    await release()
  })

  inExec('somebody else ends it in the exec', async () => {
    const { path, release } = await leased('/bin/true')
    const before = new Set(allChildren())
    const ours = () => allChildren().filter((pid) => !before.has(pid))
    // It may still be before the exec: then the other answer is right, too.
    for (let step = '', ms = 50; step !== 'exec' && ms < 20_000; ms *= 3) {
      const rejected = rejection(spawn(path, [], options))
      await until(() => ours().length === 1)
      await sleep(ms)
      process.kill(Number(ours()[0]), 'SIGTERM')
      const error = await rejected
      expect(error.code).toBe('ECANCELED')
      step = error.step
      expect(ms < 10_000 || step === 'exec').toBe(true)
    }
    await release()
  })

  test('an exec that hangs and then happens', async () => {
    const { path, release } = await leased('/bin/echo')
    const result = run(path, ['late'], options)
    expect((await run('echo', ['early'], options)).stdout).toBe('early\n')
    await release()
    expect(await result).toMatchObject({ exitCode: 0, stdout: 'late\n' })
  })

  test('a program that is ended right after its start did start', async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        run('sh', ['-c', 'kill -9 $$'], { ...options, detached: index % 2 === 1 }),
      ),
    )
    expect(results.every(({ signal }) => signal === 'SIGKILL')).toBe(true)
  })

  inExec('execs that hang keep nobody else from starting', async () => {
    const { path, release } = await leased('/bin/true')
    const hung = Array.from({ length: 20 }, () => run(path, [], options))
    for (let i = 0; i < 5; i++) expect((await run('true', [], options)).exitCode).toBe(0)
    await release()
    for (const { exitCode } of await Promise.all(hung)) expect(exitCode).toBe(0)
  })

  test('hanging opens delay no other start, and no other open', async () => {
    const fifo = makeFifo()
    const before = [openFds(), threads()] as const
    const stdio = [{ path: fifo }, 'ignore', 'ignore'] as const
    const hung = Array.from({ length: 300 }, () => spawn('true', [], { ...options, stdio }))
    const file = { path: '/dev/null' }
    for (let i = 0; i < 5; i++) {
      const child = await spawn('true', [], { ...options, stdio: [file, 'ignore', 'ignore'] })
      expect(await child.exited).toMatchObject({ code: 0 })
    }
    expect((await run('true', [], options)).exitCode).toBe(0)
    await until(() => allChildren().length >= 300)
    const fd = openBoth(fifo)
    for (const child of await Promise.all(hung)) expect((await child.exited).code).toBe(0)
    closeSync(fd)
    await until(() => openFds() <= before[0])
    // Each pool keeps a few threads, and Node has four for its own files.
    const kept = Math.min(8, Math.max(2, availableParallelism()))
    await until(() => threads() <= before[1] + 2 * kept + 4)
  })

  test('a timeout in an open', async () => {
    const stdio = [{ path: makeFifo() }, 'ignore', 'ignore'] as const
    const error = await rejection(spawn('true', [], { ...options, stdio, timeout: 1000 }))
    expect(error).toMatchObject({ code: 'ETIMEDOUT', step: 'stdio[0]' })
  })

  test('opens that are aborted: nothing is left', async () => {
    const stdio = [{ path: makeFifo() }, 'ignore', 'ignore'] as const
    const before = [openFds(), allChildren().length] as const
    const controller = new AbortController()
    setMaxListeners(0, controller.signal)
    const more = { ...options, stdio, signal: controller.signal }
    const hung = Array.from({ length: 100 }, () => rejection(spawn('true', [], more)))
    await until(() => allChildren().length >= 100)
    controller.abort()
    for (const error of await Promise.all(hung)) expect(error.name).toBe('AbortError')
    await until(() => openFds() <= before[0] && allChildren().length <= before[1])
  })

  const title = 'credentials can change while a child hangs, and the child keeps the old ones'
  test.skipIf(refused)(title + refused, () => {
    const fifo = makeFifo()
    const code = `
      import { constants, openSync } from 'node:fs'
      ${CHILDREN}
      const stdio = [{ path: ${JSON.stringify(fifo)} }, 'pipe', 'inherit']
      const hung = spawn('id', ['-G'], { backend: '${backend}', stdio })
      do await new Promise((done) => setTimeout(done, 100))
      while (children().length === 0)
      const root = process.getuid() === 0
      process.setgid(root ? 4321 : process.getgid())
      if (root) process.setgroups([1234])
      openSync(${JSON.stringify(fifo)}, constants.O_RDWR)
      const child = await hung
      let text = ''
      for await (const chunk of child.stdout) text += chunk
      console.log(JSON.stringify([(await child.exited).code, text.includes('4321')]))`
    expect(inNode(code)).toEqual([0, false])
  })

  const ended = 'credentials can change while an exec hangs, which can then be ended'
  test.skipIf(backend === 'spawn_template' || refused)(ended + refused, async () => {
    const { path, release } = await leased('/bin/true')
    const code = `
      ${CHILDREN}
      const controller = new AbortController()
      const options = { backend: '${backend}', signal: controller.signal }
      const started = spawn(${JSON.stringify(path)}, [], options)
      const hung = started.then(() => 'started', (error) => error.name)
      const pause = (ms) => new Promise((done) => setTimeout(done, ms, 'hangs'))
      do await pause(100)
      while (children().length === 0)
      process.setgid(process.getuid() === 0 ? 4321 : process.getgid())
      const after = await Promise.race([hung, pause(100)])
      controller.abort()
      const then = await hung
      while (children().length > 0) await pause(10)
      console.log(JSON.stringify([after, then]))`
    expect(inNode(code)).toEqual(['hangs', 'AbortError'])
    await release()
  })

  test('a worker that is terminated while its child hangs leaves nothing', async () => {
    const fifo = makeFifo()
    const code = `
      import { Worker } from 'node:worker_threads'
      const body = \`
        Promise.all([import('${library}'), import('node:worker_threads')]).then(
          ([{ spawn }, { parentPort }]) => {
            for (let i = 0; i < 5; i++) {
              const stdio = [{ path: ${JSON.stringify(fifo)} }, 'ignore', 'ignore']
              spawn('true', [], { backend: '${backend}', stdio }).catch(() => {})
            }
            setInterval(() => parentPort.postMessage('hanging'), 100)
          })\`
      ${CHILDREN}
      const worker = new Worker(body, { eval: true })
      do await new Promise((done) => worker.once('message', done))
      while (children().length < 5)
      const hanging = children().length
      await worker.terminate()
      while (children().length > 0) await new Promise((done) => setTimeout(done, 10))
      console.log(JSON.stringify(hanging))`
    expect(inNode(code)).toBe(5)
  })

  /** Runs code in a Node process, and sends it SIGKILL once it prints something. */
  const killed = async (code: string) => {
    const source = `import { spawn } from '${library}'\n${code}`
    const child = nodeSpawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [said] = await once(child.stdout, 'data')
    const pids = allChildren(child.pid)
    child.kill('SIGKILL')
    await once(child, 'exit')
    return { said: String(said).trim(), pids }
  }

  const lives = (pid: string | number) => {
    try {
      return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
    } catch {
      return false
    }
  }

  /** Starts a child that hangs, in a process that is then killed; the child's pid. */
  const orphan = async (program: string, more: object) => {
    const { pids } = await killed(`
      const options = ${JSON.stringify({ ...options, stdio: 'ignore', ...more })}
      spawn(${JSON.stringify(program)}, [], options).catch(() => {})
      const { readdirSync, readFileSync } = await import('node:fs')
      const children = () => readdirSync('/proc/self/task').filter((task) =>
        readFileSync('/proc/self/task/' + task + '/children', 'utf8') !== '')
      do await new Promise((done) => setTimeout(done, 500))
      while (children().length === 0)
      console.log('hangs')`)
    expect(pids.length).toBe(1)
    return pids[0] as string
  }

  const variants = [{}, { umask: 0 }, { processGroup: 0 }, { detached: true, cwd: '/' }]

  test.each(variants)('a child that hangs in an open dies with us: %j', async (more) => {
    const pid = await orphan('true', { ...more, stdio: [{ path: makeFifo() }, 'ignore', 'ignore'] })
    await until(() => !lives(pid))
  })

  // Elsewhere it would take the parent-death signal along into the program.
  test.runIf(backend === 'uring').each(variants)(
    'a child that hangs in its exec dies with us: %j',
    async (more) => {
      const { path, release } = await leased('/bin/true')
      const pid = await orphan(path, more)
      await until(() => !lives(pid))
      await release()
    },
  )

  test('a child that has started lives on without us', async () => {
    const { said } = await killed(`
      const stdio = 'ignore'
      const child = await spawn('sleep', ['100'], { backend: '${backend}', stdio })
      console.log(child.pid)`)
    await sleep(200)
    expect(lives(said)).toBe(true)
    process.kill(Number(said), 'SIGKILL')
  })

  const variantsOfBusy = [
    ['alone', {}],
    ['in another directory', { cwd: dir }],
    ['with an input', { input: 'x'.repeat(100_000) }],
    ['in a session of its own', { detached: true, umask: 0 }],
  ] as const

  /** A program that is open for writing. */
  const busy = () => {
    const path = fresh('busy')
    copyFileSync('/bin/true', path)
    chmodSync(path, 0o755)
    return { path, fd: openSync(path, 'r+') }
  }

  test.each(variantsOfBusy)(
    'a file that has just been written, while others fork, %s',
    async (_, more) => {
      const stop = new AbortController()
      const forks = async () => {
        while (!stop.signal.aborted) await once(nodeSpawn('true', { stdio: 'ignore' }), 'exit')
      }
      const write = async () => {
        const { path, fd } = busy()
        closeSync(fd)
        const { exitCode } = await run(path, [], { ...options, ...more })
        rmSync(path)
        return exitCode
      }
      const forking = forks()
      try {
        for (let round = 0; round < 5; round++) {
          const codes = await Promise.all(Array.from({ length: 16 }, write))
          expect(codes).toEqual(codes.map(() => 0))
        }
      } finally {
        stop.abort()
        await forking
      }
    },
  )

  // A busy machine may close the file too late, when the error has come.
  test.each(variantsOfBusy)(
    'a file that is closed while a start waits for that, %s',
    async (_, more) => {
      for (let tries = 1; ; tries++) {
        const { path, fd } = busy()
        const before = openFds()
        const running = run(path, [], { ...options, ...more }).catch((error) => error)
        await sleep(20)
        closeSync(fd)
        const result = await running
        if (!(result instanceof Error)) {
          expect(result.exitCode).toBe(0)
          // vfork waits for spawn_template, unless the file was closed before the start.
          const by = backend === 'spawn_template' ? ['vfork', backend] : [backend]
          expect(by).toContain(result.backend)
          await until(() => openFds() < before)
          break
        }
        expect(result).toMatchObject({ code: 'ETXTBSY' })
        expect(tries).toBeLessThan(50)
      }
    },
  )

  test('a timeout and an abort while a start waits for a file to be closed', async () => {
    const { path, fd } = busy()
    const before = [openFds(), allChildren().length] as const
    for (let [ms, step] = [20, '']; step !== 'exec'; ms += 10) {
      const error = await rejection(spawn(path, [], { ...options, timeout: ms }))
      if (error.code !== 'ETXTBSY') expect(error.code).toBe('ETIMEDOUT')
      if (error.code === 'ETIMEDOUT') step = error.step
      expect(ms).toBeLessThan(1000)
    }
    for (let [ms, name] = [20, '']; name !== 'AbortError'; ms += 10) {
      const error = await rejection(run(path, [], { ...options, signal: AbortSignal.timeout(ms) }))
      name = error.name
      if (name !== 'AbortError') expect(error.code).toBe('ETXTBSY')
      expect(ms).toBeLessThan(1000)
    }
    await until(() => openFds() <= before[0] && allChildren().length <= before[1])
    closeSync(fd)
  })

  test('a file that a start creates is created once, whatever the executable', async () => {
    const { path, fd } = busy()
    const out = fresh('out')
    const stdio = ['ignore', { path: out, flags: 'wx' }, 'ignore'] as const
    const error = await rejection(spawn(path, [], { ...options, stdio }))
    expect(error).toMatchObject({ code: 'ETXTBSY', step: 'exec' })
    expect(existsSync(out)).toBe(true)
    closeSync(fd)
  })

  test.each(variantsOfBusy)('a file that is being written: ETXTBSY, %s', async (_, more) => {
    const { path, fd } = busy()
    const begun = performance.now()
    const error = await rejection(run(path, [], { ...options, ...more }))
    expect(error).toMatchObject({ code: 'ETXTBSY', step: 'exec', path })
    // It was tried again for so long: no timer ends early.
    expect(performance.now() - begun).toBeGreaterThan(250)
    closeSync(fd)
    expect((await run(path, [], options)).exitCode).toBe(0)
  })
})
