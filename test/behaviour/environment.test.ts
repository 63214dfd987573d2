/** Environments that come and go, with children in flight. */
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { run } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { HANG, nothingLeft, openFds, until } from '../support.js'

const library = new URL('../../dist/index.js', import.meta.url).href
const chains = new URL('../../dist/chain/index.js', import.meta.url).href

describe.each(testedBackends)('environments by %s', (backend) => {
  const node = (code: string, env = {}) =>
    execFileSync(process.execPath, ['--input-type=module', '-e', code], {
      encoding: 'utf8',
      timeout: HANG,
      env: { ...process.env, URING_SPAWN_BACKEND: backend, ...env },
    })

  test('process.exit leaves started children running, and does not wait', async () => {
    const pid = node(`
      import { spawn } from '${library}'
      const child = await spawn('sleep', ['60'], { stdio: 'ignore' })
      spawn('sleep', ['0.01'], { stdio: 'ignore' })
      console.log(child.pid)
      process.exit(0)`)
    expect(existsSync(`/proc/${pid.trim()}`)).toBe(true)
    process.kill(Number(pid), 'SIGKILL')
  })

  test('process.exit with starts, output and exits under way', () => {
    // What can go wrong depends on how far each one is, so use several.
    for (let turns = 0; turns < 6; turns++) {
      const { status, signal, stderr } = spawnSync(
        process.execPath,
        [
          '--input-type=module',
          '-e',
          `import { batch, run, spawn } from '${library}'
          for (let at = 0; at < 50; at++) {
            run('cat', [], { input: 'x'.repeat(100_000) })
            spawn('true')
          }
          batch(Array.from({ length: 50 }, () => ['true'])).all()
          for (let turn = 0; turn < ${turns * turns * 4}; turn++) await new Promise(setImmediate)
          process.exit(7)`,
        ],
        {
          encoding: 'utf8',
          timeout: HANG,
          env: { ...process.env, URING_SPAWN_BACKEND: backend },
        },
      )
      expect({ status, signal, stderr }).toEqual({ status: 7, signal: null, stderr: '' })
    }
  })

  test('a worker ends while input is read from its memory', () => {
    const out = node(`
      import { Worker } from 'node:worker_threads'
      const code = \`
        Promise.all([import('node:worker_threads'), import('${library}')]).then(([node, { run }]) => {
          const stdio = ['pipe', 'ignore', 'ignore']
          for (const at of [1, 2, 3]) run('cat', [], { input: new Uint8Array(20_000_000), stdio })
          run('sleep', ['1'], { input: new Uint8Array(20_000_000) })
          node.parentPort.postMessage('running')
        })\`
      for (let ms = 0; ms < 40; ms += 4) {
        const worker = new Worker(code, { eval: true })
        await new Promise((resolve) => worker.once('message', resolve))
        await new Promise((resolve) => setTimeout(resolve, ms))
        await worker.terminate()
      }
      console.log('survived')
      process.exit(0)`)
    expect(out).toBe('survived\n')
  })

  test('input that was read in place is released', () => {
    const out = execFileSync(
      process.execPath,
      [
        ...['--expose-gc', '--input-type=module', '-e'],
        `import { run } from '${library}'
        for (let at = 0; at < 20; at++) {
          const input = new Uint8Array(5_000_000).fill(at)
          const file = at % 4 === 3 ? '/nowhere' : at % 4 === 2 ? 'true' : 'cat'
          const { stdout } = await run(file, [], { input, encoding: 'buffer' }).catch(() => ({}))
          if (file === 'cat' && !input.every((byte, i) => byte === stdout[i])) throw new Error('other bytes')
        }
        const held = () => {
          gc()
          return process.memoryUsage().arrayBuffers
        }
        while (held() > 20_000_000) await new Promise((resolve) => setTimeout(resolve, 10))
        console.log('free')`,
      ],
      {
        encoding: 'utf8',
        timeout: HANG,
        env: { ...process.env, URING_SPAWN_BACKEND: backend },
      },
    )
    expect(out).toBe('free\n')
  })

  test('an unreferenced child does not keep the program running', () => {
    const pid = node(`
      import { spawn } from '${library}'
      const child = await spawn('sleep', ['60'], { stdio: 'ignore' })
      child.unref()
      console.log(child.pid)`)
    process.kill(Number(pid), 'SIGKILL')
  })

  test('a referenced one does, without any other handle', () => {
    const out = node(`
      import { run } from '${library}'
      run('sleep', ['0.2']).then(({ exitCode }) => console.log('done', exitCode))`)
    expect(out).toBe('done 0\n')
  })

  test('output that a grandchild still writes keeps it running', () => {
    const out = node(`
      import { run } from '${library}'
      const { stdout } = await run('sh', ['-c', 'echo now; (sleep 0.3; echo later) &'])
      console.log(JSON.stringify(stdout))`)
    expect(out).toBe('"now\\nlater\\n"\n')
  })

  test('children that end while the program does', () => {
    // What could go wrong depends on when exactly each ends: hence several.
    for (let round = 0; round < 4; round++) {
      const out = node(`
        import { spawn } from '${library}'
        const all = Array.from({ length: 60 }, (_, at) =>
          spawn('sleep', [String(at / 2000)], { stdio: 'ignore' }))
        for (const child of await Promise.all(all)) child.unref()
        console.log('over')`)
      expect(out).toBe('over\n')
    }
  })

  test('without io_uring', () => {
    const out = node(
      `
      import { probe, run } from '${library}'
      console.log(probe().poller, (await run('cat', [], { input: 'hello' })).stdout)`,
      // Without the ring, the backend uring is not available.
      { URING_SPAWN_NO_RING: '1', ...(backend === 'uring' && { URING_SPAWN_BACKEND: 'auto' }) },
    )
    expect(out).toBe('epoll hello\n')
  })

  test('without the event loop that Node has and others lack', () => {
    const out = node(
      `
      import { run, spawn } from '${library}'
      const stdio = 'ignore'
      for (const at of [1, 2, 3]) await (await spawn('true', [], { stdio })).exited
      const all = await Promise.all([1, 2, 3, 4, 5, 6].map(() => run('echo', ['hello'])))
      console.log(all.map(({ stdout }) => stdout).join(''))`,
      { URING_SPAWN_NO_EVENT_LOOP: '1' },
    )
    expect(out.trim()).toBe('hello\n'.repeat(6).trim())
  })

  test('a worker ends with processes that its event loop waits for', async () => {
    const code = `
      import(${JSON.stringify(library)}).then(async ({ spawn }) => {
        const { parentPort } = require('node:worker_threads')
        const options = { backend: '${backend}', stdio: 'ignore' }
        for (const at of [1, 2]) spawn('true', [], options)
        const { pid } = await spawn('sleep', ['60'], options)
        spawn('true', [], options)
        parentPort.postMessage(pid)
      })`
    for (let turn = 0; turn < 4; turn++) {
      const worker = new Worker(code, { eval: true })
      const pid = await new Promise<number>((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
      })
      await worker.terminate()
      process.kill(pid, 'SIGKILL')
    }
    await nothingLeft()
  })

  test("a terminated worker leaves none of its children's pipes open", async () => {
    const code = `
      import(${JSON.stringify(library)}).then(async ({ spawn }) => {
        const { parentPort } = require('node:worker_threads')
        const one = () => spawn('sleep', ['60'], { backend: '${backend}' })
        const [looked, other] = [await one(), await one()]
        globalThis.kept = [looked.stdout, other]
        parentPort.postMessage([looked.pid, other.pid])
      })`
    const once = async () => {
      const worker = new Worker(code, { eval: true })
      const pids = await new Promise<number[]>((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
      })
      await worker.terminate()
      for (const pid of pids) process.kill(pid, 'SIGKILL')
      await nothingLeft()
    }
    await once()
    const before = openFds()
    await once()
    await nothingLeft(before)
  })

  /** Runs code in a worker until it posts a message, and terminates it there. */
  const terminatedAt = async (body: string) => {
    const code = `
      const { parentPort } = require('node:worker_threads')
      import(${JSON.stringify(library)}).then(async ({ run, spawn }) => {
        const backend = '${backend}'
        const stay = function () {
          parentPort.postMessage('here')
          for (;;) {}
        }
        ${body}
      })`
    const worker = new Worker(code, { eval: true })
    await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    await worker.terminate()
    await nothingLeft()
  }

  test.each([
    [
      'while it makes a stream',
      `const net = require('node:net')
      net.Socket = stay
      require('node:module').syncBuiltinESMExports()
      const child = await spawn('true', [], { backend })
      child.stdout`,
    ],
    [
      'once a stream has its descriptor',
      `const net = require('node:net')
      const { Socket } = net
      net.Socket = function (options) {
        globalThis.kept = new Socket(options)
        stay()
      }
      require('node:module').syncBuiltinESMExports()
      const child = await spawn('true', [], { backend })
      child.stdout`,
    ],
    [
      'while starts wait that have copies of descriptors',
      `const fd = require('node:fs').openSync('/dev/null')
      for (let at = 0; at < 100; at++) {
        run('true', [], { backend, cwd: '/', stdio: [fd, 'ignore', 'ignore'] }).catch(() => {})
      }
      stay()`,
    ],
  ])('a worker that is terminated %s leaves no descriptor', async (_, body) => {
    // The library opens /dev/null once for all.
    await run('true', [], { backend, stdio: 'ignore' })
    const before = openFds()
    await terminatedAt(body)
    await until(() => openFds() <= before)
  })

  test('the end of a worker closes no descriptor of others', async () => {
    // Not a cgroup, which is noticed once it is open.
    const code = `
      import(${JSON.stringify(library)}).then(async ({ run }) => {
        const { parentPort } = require('node:worker_threads')
        const options = { backend: '${backend}', cgroup: '/' }
        const all = Array.from({ length: 40 }, () => run('true', [], options).catch(() => {}))
        await Promise.all(all)
        parentPort.once('message', () => {})
        parentPort.postMessage('over')
      })`
    const worker = new Worker(code, { eval: true })
    await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    const ours = Array.from({ length: 100 }, () => openSync('/dev/zero', 'r'))
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    worker.postMessage('end')
    await ended
    const files = ours.map((fd) => readlinkSync(`/proc/self/fd/${fd}`))
    expect(files).toEqual(ours.map(() => '/dev/zero'))
    for (const fd of ours) closeSync(fd)
  })

  test('a worker that is terminated with starts, output and exits under way', async () => {
    const code = `
      import(${JSON.stringify(library)}).then(({ run, spawn }) => {
        const { parentPort } = require('node:worker_threads')
        const backend = '${backend}'
        for (let at = 0; at < 30; at++) {
          run('cat', [], { backend, input: 'x'.repeat(100_000) })
          spawn('true', [], { backend })
        }
        parentPort.postMessage('begun')
      })`
    const terminatedAfter = async (milliseconds: number) => {
      const worker = new Worker(code, { eval: true })
      await new Promise((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
      })
      await sleep(milliseconds)
      await worker.terminate()
      // They are not awaited here, and must leave no zombie.
      await nothingLeft()
    }
    await terminatedAfter(0)
    const before = openFds()
    // What can go wrong depends on how far each one is, so use several.
    for (const milliseconds of [0, 1, 3, 10, 30, 100]) await terminatedAfter(milliseconds)
    await nothingLeft(before)
  })

  test('a worker that is terminated while it submits', async () => {
    // Long lists take a while to read.
    const code = `
      import(${JSON.stringify(chains)}).then(({ clone, exec, Ring }) => {
        const ring = new Ring({ backend: '${backend}' })
        const chain = [clone({ fds: [] }), exec('/bin/true')]
        const notOpen = Array(2000).fill(1_000_000)
        require('node:worker_threads').parentPort.postMessage('begun')
        for (let at = 0; at < 200; at++) ring.submit(chain, { closeFds: notOpen })
      })`
    for (let round = 0; round < 8; round++) {
      const worker = new Worker(code, { eval: true })
      await new Promise((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
      })
      await sleep(round)
      await worker.terminate()
    }
    await nothingLeft()
  })

  test('workers: several, and one that is terminated with a child running', async () => {
    const code = `
      import(${JSON.stringify(library)}).then(async ({ run, spawn }) => {
        const { parentPort } = require('node:worker_threads')
        const { stdout } = await run('echo', ['hi'], { backend: '${backend}' })
        const { pid } = await spawn('sleep', ['60'], { backend: '${backend}', stdio: 'ignore' })
        parentPort.postMessage({ stdout, pid })
      })`
    const workers = Array.from({ length: 3 }, () => new Worker(code, { eval: true }))
    const said = await Promise.all(
      workers.map(
        (worker) =>
          new Promise<{ stdout: string; pid: number }>((resolve, reject) => {
            worker.once('message', resolve)
            worker.once('error', reject)
          }),
      ),
    )
    await Promise.all(workers.map((worker) => worker.terminate()))
    for (const { stdout, pid } of said) {
      expect(stdout).toBe('hi\n')
      expect(existsSync(`/proc/${pid}`)).toBe(true)
      process.kill(pid, 'SIGKILL')
    }
    // They are not awaited here, and must leave no zombie.
    await nothingLeft()
  })
})
