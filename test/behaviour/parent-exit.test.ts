/** What becomes of children when the process, or the worker, that started them ends. */
import { spawn as nodeSpawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { testedBackends } from '../backends.js'
import { isRoot, text } from '../support.js'

const library = new URL('../../dist/index.js', import.meta.url).href

describe.each(testedBackends)('the end of the parent by %s', (backend) => {
  /**
   * Runs code in a process of its own. Descriptor 3 is a pipe for its children to hold:
   * `ended` resolves once none of them does. They say that they run by descriptor 4.
   */
  function parent(code: string) {
    const source = `
      import { run, spawn } from '${library}'
      import { closeSync } from 'node:fs'
      import { Worker } from 'node:worker_threads'
      const options = { backend: '${backend}', stdio: ['ignore', 'ignore', 'ignore', 3, 4] }
      const start = (line, more = {}) => spawn('sh', ['-c', line], { ...options, ...more })
      const killed = { onParentExit: 'kill' }
      const up = 'echo up >&4; exec 4>&-; exec sleep 600'
      ${code}`
    const stdio = ['ignore', 'inherit', 'pipe', 'pipe', 'pipe'] as const
    const started = nodeSpawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: [...stdio],
    })
    const [, , errors, held, said] = started.stdio as unknown as Readable[]
    const ended = text(held as Readable)
    let output = ''
    errors?.on('data', (chunk) => {
      output += chunk
    })
    const lines = (count: number) =>
      new Promise<void>((resolve, reject) => {
        said?.once('end', () => reject(new Error(`that was all: ${output}`)))
        said?.on('data', (chunk) => {
          output += chunk
          if (output.split('\n').length > count) resolve()
        })
      })
    return { started, ended, lines, output: () => output }
  }

  const forever = 'await new Promise((done) => setTimeout(done, 600_000))'

  test('killed by SIGKILL, it takes them along', async () => {
    const other = isRoot
      ? 'await start(up, { ...killed, uid: 65534, gid: 65534 })'
      : 'await start(up, killed)'
    const { started, ended, lines } = parent(`
      await start(up, killed)
      await start(up, { ...killed, detached: true })
      ${other}
      ${forever}`)
    await lines(3)
    started.kill('SIGKILL')
    await ended
  })

  test("with 'leave', and without the option, they run on", async () => {
    const line = 'echo up >&4; read x <&3; sleep 0.2; echo alive >&4'
    const { started, ended, lines } = parent(`
      await start('${line}', { onParentExit: 'leave' })
      await start('${line}')
      ${forever}`)
    await lines(2)
    const alive = lines(4)
    started.kill('SIGKILL')
    await once(started, 'exit')
    ;(started.stdio[3] as unknown as { end(text: string): void }).end('x\nx\n')
    await alive
    await ended
  })

  test('a parent that dies while they are being made', async () => {
    const dying = [2, 9].map((ms) => {
      const { ended } = parent(`
        for (let at = 0; at < 20; at++) start('exec sleep 600', killed).catch(() => {})
        setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${ms})`)
      return ended
    })
    await Promise.all(dying)
  })

  describe('a group', () => {
    /** A child with a grandchild; each holds the pipe and says that it runs. */
    const family = '(echo up >&4; exec 4>&-; exec sleep 600) & echo up >&4; exec 4>&-; wait'
    const ours = "{ ...killed, killTarget: 'group' }"
    /** By these, vfork makes one as well. */
    const testOnce = test.skipIf(backend === 'uring' || backend === 'spawn_template')

    test('whose parent gets SIGKILL', async () => {
      const { started, ended, lines } = parent(`
        await start('${family}', ${ours})
        const { stdio, backend } = options
        run('sh', ['-c', '${family}'], { stdio, backend, ...${ours}, detached: true })
        ${forever}`)
      await lines(4)
      started.kill('SIGKILL')
      await ended
    })

    test('whose parent gets SIGKILL while it is being made', async () => {
      const dying = [0, 3, 8].map((ms) => {
        const { ended } = parent(`
          await start('true', ${ours})
          for (let at = 0; at < 8; at++) start('${family}', ${ours}).catch(() => {})
          setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${ms})`)
        return ended
      })
      await Promise.all(dying)
    })

    test('whose leader has ended before its parent', async () => {
      const { started, ended, lines } = parent(`
        const leader = await start('(echo up >&4; exec 4>&-; exec sleep 600) & exit', ${ours})
        await leader.exited
        // For longer than the watcher stays without a child.
        await new Promise((done) => setTimeout(done, 1500))
        process.kill(process.pid, 'SIGKILL')`)
      const left = once(started, 'exit')
      await lines(1)
      await ended
      expect(await left).toEqual([null, 'SIGKILL'])
    })

    testOnce('gets nothing of the watcher, not even where it inherits descriptors', async () => {
      const { started, lines, output } = parent(`
        const { writeSync } = await import('node:fs')
        const { backend } = options
        const fds = async (more) => (await run('ls', ['/proc/self/fd'], { backend, ...more })).stdout
        await start('exec sleep 600', ${ours})
        const said = [await fds({}), await fds(${ours})]
        for (const more of [{}, ${ours}]) said.push(await fds({ ...more, inheritFds: true }))
        writeSync(4, JSON.stringify(said) + '\\n')
        ${forever}`)
      await lines(1)
      const [few, watchedFew, many, watchedMany] = JSON.parse(output())
      expect(watchedFew).toBe(few)
      expect(watchedMany).toBe(many)
      started.kill('SIGKILL')
    })

    testOnce('one of many parents at once, in its threads as well', async () => {
      const dying = [0, 1, 2].map(async () => {
        const { started, ended, lines } = parent(`
          const code = \`
            import { spawn } from '${library}'
            spawn('sh', ['-c', '${family}'], { ...\${JSON.stringify(options)}, ...\${JSON.stringify(${ours})} })
            setInterval(() => {}, 1000)\`
          new Worker(code, { eval: true })
          await start('${family}', ${ours})
          ${forever}`)
        await lines(4)
        started.kill('SIGKILL')
        await ended
      })
      await Promise.all(dying)
    })

    testOnce('of a worker that is terminated', async () => {
      const { started, ended, lines } = parent(`
        const code = \`
          import { spawn } from '${library}'
          spawn('sh', ['-c', '${family}'], { ...\${JSON.stringify(options)}, ...\${JSON.stringify(${ours})} })
          setInterval(() => {}, 1000)\`
        const worker = new Worker(code, { eval: true })
        process.on('SIGUSR2', () => {
          closeSync(3)
          worker.terminate()
        })
        ${forever}`)
      await lines(2)
      started.kill('SIGUSR2')
      await ended
      expect(started.signalCode).toBe(null)
      started.kill('SIGKILL')
    })

    test('whose watcher somebody has ended', async () => {
      const { started, ended, lines } = parent(`
        const { readdirSync, readFileSync, writeSync } = await import('node:fs')
        const watchers = () => readdirSync('/proc/self/task').flatMap((task) =>
          readFileSync('/proc/self/task/' + task + '/children', 'utf8').trim().split(' '))
          .filter((pid) => pid !== '' && readFileSync('/proc/' + pid + '/cmdline', 'utf8').includes('watcher'))
        await start('${family}', ${ours})
        // One that moves to another thread's list while these are read is in none of them.
        let first
        while ((first = watchers()[0]) === undefined) await new Promise(setImmediate)
        process.kill(Number(first), 'SIGKILL')
        while (watchers().length === 0 || watchers()[0] === first) {
          await new Promise((done) => setTimeout(done, 5))
        }
        await start('${family}', ${ours})
        ${forever}`)
      await lines(4)
      started.kill('SIGKILL')
      await ended
    })

    test('of a parent that waits in runSync()', async () => {
      const { started, ended, lines } = parent(`
        const { runSync } = await import('${library}')
        const { stdio, backend } = options
        runSync('sh', ['-c', '${family}'], { stdio, backend, ...${ours} })`)
      await lines(2)
      started.kill('SIGKILL')
      await ended
    })

    test('nothing watches without need, and nothing is left of it', async () => {
      const { started, lines, output } = parent(`
        const { readdirSync, readFileSync, writeSync } = await import('node:fs')
        const names = () => readdirSync('/proc/self/task').flatMap((task) =>
          readFileSync('/proc/self/task/' + task + '/children', 'utf8').trim().split(' '))
          .filter((pid) => pid !== '')
          .map((pid) => readFileSync('/proc/' + pid + '/cmdline', 'utf8'))
          .filter((line) => line.includes('uring-spawn-watcher'))
        // One that moves to another thread's list while these are read is in none of them.
        const some = async () => {
          let count
          while ((count = names().length) === 0) await new Promise(setImmediate)
          return count
        }
        const said = [names().length]
        await start('true', killed)
        await start('true', { killTarget: 'group' })
        said.push(names().length)
        const one = await start('exec sleep 600', ${ours})
        const two = await start('exec sleep 600', ${ours})
        said.push(await some())
        one.kill('SIGKILL')
        await one.exited
        said.push(await some())
        two.kill('SIGKILL')
        await two.exited
        while (names().length > 0) await new Promise((done) => setTimeout(done, 5))
        const none = await start('/no/such', { ...${ours}, cwd: '/no/such' }).catch(({ step }) => step)
        while (names().length > 0) await new Promise((done) => setTimeout(done, 5))
        writeSync(4, JSON.stringify([...said, none]) + '\\n')
        ${forever}`)
      await lines(1)
      expect(JSON.parse(output())).toEqual([0, 0, 1, 1, 'cwd'])
      started.kill('SIGKILL')
    })
  })

  test.each([
    ['is terminated', 'worker.terminate()'],
    ['ends', "worker.postMessage('end')"],
  ])('a worker that %s', async (_, end) => {
    const { started, ended, lines } = parent(`
      const worker = new Worker(\`
        import { parentPort } from 'node:worker_threads'
        import { spawn } from '${library}'
        spawn('sh', ['-c', '\${up}'], { ...\${JSON.stringify(options)}, onParentExit: 'kill' })
        parentPort.on('message', () => process.exit())\`, { eval: true })
      process.on('SIGUSR2', () => {
        closeSync(3)
        ${end}
      })
      ${forever}`)
    await lines(1)
    started.kill('SIGUSR2')
    await ended
    expect(started.exitCode).toBe(null)
    started.kill('SIGKILL')
  })
})
