/** How the drop-in is switched on and off, and what it promises beyond one call. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { until } from '../support.js'
import { childProcess, ours, programs, register } from './programs.js'

const { dir, node, registered } = programs()

describe('switching it on', () => {
  const each = "console.log(ours(spawn('true')), ours(cp.execFile('true')))"

  test('by --import and NODE_OPTIONS; not without', () => {
    expect(node(each).lines).toEqual(['false false'])
    expect(registered(each).lines).toEqual(['true true'])
    expect(node(each, [], { NODE_OPTIONS: `--import=${register}` }).lines).toEqual(['true true'])
  })

  test.skipIf(!process.features.require_module)('by --require', () => {
    expect(node(each, ['--require', fileURLToPath(register)]).lines).toEqual(['true true'])
  })

  test('URING_SPAWN_DISABLE=1 switches it off', () => {
    expect(registered(each, { URING_SPAWN_DISABLE: '1' }).lines).toEqual(['false false'])
  })

  test('by calls, also for functions that were imported before', () => {
    const { lines } = node(`
      const { register, unregister } = await import('${register}')
      console.log(ours(spawn('true')))
      unregister()
      console.log(ours(spawn('true')), cp.ChildProcess.prototype.spawn.name)
      register()
      console.log(ours(spawn('true')))
    `)
    expect(lines).toEqual(['true', 'false ', 'true'])
  })

  test('in a worker', () => {
    const worker = join(dir, 'worker.mjs')
    writeFileSync(
      worker,
      `import { spawn } from 'node:child_process'\n${ours}\n
      console.log(ours(spawn('echo', ['from a child'], { stdio: ['ignore', 1, 2] })))`,
    )
    const { lines } = registered(`
      import { Worker } from 'node:worker_threads'
      new Worker(${JSON.stringify(worker)})
    `)
    expect(lines.sort()).toEqual(['from a child', 'true'])
  })

  test('uring-spawn/child_process starts what it is asked for, and nothing else', () => {
    const { lines, stderr } = node(`
      import { promisify } from 'node:util'
      import drop, * as all from '${childProcess}'
      console.log(Object.keys(cp).filter((name) => typeof all[name] !== typeof cp[name]))
      console.log(ours(spawn('true')), ours(all.spawn('true')), ours(spawn('true')))
      console.log(ours(drop.exec('true')), ours(promisify(all.execFile)('true').child))
      const child = new all.ChildProcess()
      child.spawn({ file: 'true', args: ['true'], envPairs: [], stdio: 'ignore' })
      console.log(ours(child), child instanceof all.ChildProcess, child instanceof cp.ChildProcess)
      console.log(all.spawnSync('echo', ['x'], { encoding: 'utf8' }).stdout.trim())
    `)
    expect(stderr).toBe('')
    expect(lines).toEqual(['[]', 'false true false', 'true true', 'true true true', 'x'])
  })
})

describe('what Node starts', () => {
  test.each([
    ['credentials', "spawn('true', { uid: process.getuid() })"],
    [
      'a tracing channel',
      "(dc.subscribe('tracing:child_process.spawn:start', () => {}), spawn('true'))",
    ],
    ['a start without an environment', '(raw.spawn({ file: "true", args: ["true"] }), raw)'],
  ])('%s', (_name, call) => {
    const { lines } = registered(`
      import dc from 'node:diagnostics_channel'
      const raw = new cp.ChildProcess()
      console.log(ours(${call}))
    `)
    expect(lines).toEqual(['false'])
  })
})

describe('what is promised', () => {
  test('reading the pid waits, and is a plain property afterwards', () => {
    const { lines } = registered(`
      const child = spawn('cat'), missing = spawn('/no/such'), late = spawn('cat')
      missing.on('error', () => {})
      console.log(child.pid > 0, process.kill(child.pid, 0), missing.pid)
      late.on('spawn', () => {
        console.log(typeof Object.getOwnPropertyDescriptor(late, 'pid').value)
        child.kill(), late.kill()
      })
    `)
    expect(lines).toEqual(['true true undefined', 'number'])
  })

  test('the program may put something else in the place of the pid', () => {
    const { lines, stderr } = registered(`
      const children = ['set', 'deleted', 'defined', 'sealed'].map((name) => {
        const child = spawn('echo', [name])
        child.stdout.on('data', (data) => console.log(String(data).trim(), typeof child.pid))
        return child
      })
      children[0].pid = 'mine'
      delete children[1].pid
      Object.defineProperty(children[2], 'pid', { value: Symbol() })
      Object.seal(children[3])
    `)
    expect(stderr).toBe('')
    expect(lines.sort()).toEqual([
      'defined symbol',
      'deleted undefined',
      'sealed number',
      'set string',
    ])
  })

  test.each([1, 10_000_000])(
    'writing %i bytes to a program that fails to start is no error',
    (size) => {
      const { lines, stderr, status } = registered(`
      for (let i = 0; i < 20; i++) {
        const child = spawn('/no/such')
        child.on('error', ({ code }) => console.log(code))
        child.stdin.write(Buffer.alloc(${size}))
        const until = performance.now() + (i % 4)
        while (performance.now() < until) {}
        child.stdin.end('the end')
      }
    `)
      expect(stderr).toBe('')
      expect(status).toBe(0)
      expect(lines).toEqual(Array(20).fill('ENOENT'))
    },
  )

  test('async_hooks tell of the end of every handle', () => {
    const code = `
      import { createHook } from 'node:async_hooks'
      const types = new Map()
      const hook = createHook({
        init: (id, type) => type === 'PROCESSWRAP' && types.set(id, 0),
        destroy: (id) => types.has(id) && types.set(id, types.get(id) + 1),
      })
      hook.enable()
      const files = ['true', '/no/such', 'false']
      const closed = (child) => new Promise((done) => child.on('error', () => {}).on('close', done))
      await Promise.all(files.map((file) => closed(spawn(file))))
      try { spawn('true', { stdio: [900] }) } catch {}
      const destroyed = () => [...types.values()].filter((times) => times > 0)
      while (destroyed().length < 4) await new Promise((done) => setTimeout(done, 10))
      console.log(destroyed().join())
    `
    const { lines } = registered(code)
    expect(lines).toEqual(['1,1,1,1'])
    expect(lines).toEqual(node(code).lines)
  })

  test.each([
    ['process.exit()', 'process.exit(3)', 3],
    ['an uncaught exception', "throw new Error('on purpose')", 1],
    ['unref()', 'child.unref()', 0],
  ])('a start is finished in spite of %s', async (name, end, code) => {
    for (let round = 0; round < 5; round++) {
      const made = join(dir, `made-${name}-${round}`)
      const { status } = registered(
        `const child = spawn('mkdir', [${JSON.stringify(made)}], { stdio: 'ignore', detached: true }); ${end}`,
      )
      expect(status).toBe(code)
      await until(() => existsSync(made))
    }
  })

  test('a failed start is told even if nothing waits for it', () => {
    const { status, stderr } = registered("spawn('/no/such').unref()")
    expect(status).toBe(1)
    expect(stderr).toContain('spawn /no/such ENOENT')
  })

  test('an error in a listener is an uncaught exception at once', () => {
    const { lines } = registered(`
      process.on('uncaughtException', ({ message }) => console.log(message))
      for (const event of ['spawn', 'exit', 'close']) {
        const child = spawn('true', { stdio: 'ignore' })
        child.on(event, () => {
          process.nextTick(() => console.log('after', event))
          throw new Error(event)
        })
      }
    `)
    for (const event of ['spawn', 'exit']) {
      expect(lines.indexOf(event)).toBe(lines.indexOf(`after ${event}`) - 1)
    }
  })

  test.each([
    ['together', 'const b = spawn("cat"); spawned(b), await spawned(a)'],
    ['one after the other', 'await spawned(a); const b = spawn("cat")'],
    ['with others between', 'spawn("/no/such").on("error", () => {}); const b = spawn("cat")'],
  ])('nothing is read before programs asked for with it are told: %s', (_name, start) => {
    const { lines } = registered(`
      import { once } from 'node:events'
      const spawned = (child) => child.spawned ??= once(child, 'spawn')
      for (let round = 0; round < 40; round++) {
        const a = spawn('echo', ['a line'])
        spawned(a)
        // What it reads before there is somewhere to write it to is lost.
        a.on('spawn', () => a.stdout.on('data', () => {}))
        ${start}
        const closed = Promise.all([once(a, 'close'), once(b, 'close')])
        await Promise.all([spawned(a), spawned(b)])
        a.stdout.pipe(b.stdin)
        const order = []
        for (const event of ['exit', 'close']) a.on(event, () => order.push(event))
        b.stdout.on('data', (text) => order.push(String(text)))
        await closed
        console.log(order.filter((name) => name !== 'a line\\n').join(), order.includes('a line\\n'))
      }
    `)
    expect(new Set(lines)).toEqual(new Set(['exit,close true']))
    expect(lines).toHaveLength(40)
  })

  test('many at once are read, although others are always being started', () => {
    const { lines } = registered(`
      let started = 0, read = 0
      const one = () => {
        if (started++ >= 300) return
        const child = spawn('echo', ['x'])
        child.stdout.on('data', () => read++)
        child.on('close', one)
      }
      for (let i = 0; i < 16; i++) one()
      process.on('exit', () => console.log(read))
    `)
    expect(lines).toEqual(['300'])
  })

  test('AsyncLocalStorage reaches every event', () => {
    const { lines } = registered(`
      import { AsyncLocalStorage } from 'node:async_hooks'
      const storage = new AsyncLocalStorage()
      for (const id of [1, 2]) storage.run(id, () => {
        const child = spawn('echo', ['x']), missing = spawn('/no/such')
        const say = (name) => () => console.log(id, name, storage.getStore())
        for (const event of ['spawn', 'exit', 'close']) child.on(event, say(event))
        child.stdout.on('data', say('data'))
        missing.on('error', say('error'))
      })
    `)
    expect(lines).toHaveLength(10)
    for (const line of lines) expect(line).toMatch(/^(\d) \w+ \1$/)
  })

  test('a signal to all is told before the end of the child', () => {
    const { lines } = registered(`
      import { readFileSync } from 'node:fs'
      process.on('SIGINT', () => console.log('signal'))
      const child = spawn('sleep', ['60'], { stdio: 'ignore' })
      child.on('exit', (code, signal) => console.log(code, signal))
      child.on('spawn', () => {
        process.kill(process.pid, 'SIGINT')
        process.kill(child.pid, 'SIGINT')
        while (!/^State:\\s+Z/m.test(readFileSync(\`/proc/\${child.pid}/status\`))) {}
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
      })
    `)
    expect(lines).toEqual(['signal', 'null SIGINT'])
  })

  test('a SIGCHLD for each child', () => {
    const { lines } = registered(`
      process.on('SIGCHLD', () => { console.log('SIGCHLD'); process.exit() })
      spawn('true', { stdio: 'ignore' })
      setInterval(() => {}, 1000)
    `)
    expect(lines).toEqual(['SIGCHLD'])
  })

  test('descriptors are those of the call, and the child gets no others than with Node', () => {
    const out = JSON.stringify(join(dir, 'out'))
    const list = `
      import { closeSync, openSync, readFileSync } from 'node:fs'
      const fd = openSync(${out}, 'w')
      const child = spawn('ls', ['-1', '/proc/self/fd'], { stdio: ['ignore', fd, fd] })
      closeSync(fd)
      openSync('/dev/null')
      child.on('close', () => console.log(readFileSync(${out}, 'utf8').trim().split('\\n').join()))
    `
    const { lines } = registered(list)
    expect(lines[0]).toMatch(/^0,1,2,/)
    expect(lines).toEqual(node(list).lines)
  })

  test('the place is that of the call', () => {
    const { lines } = registered(`
      process.chdir('/usr'); process.umask(0o27)
      const child = spawn('sh', ['-c', 'pwd; umask'], { stdio: ['ignore', 1, 2] })
      process.chdir('/'); process.umask(0o77)
    `)
    expect(lines).toEqual(['/usr', '0027'])
  })

  test('without a descriptor it fails as in Node, and the next start works', () => {
    const { lines, stderr } = registered(`
      import { closeSync, openSync } from 'node:fs'
      spawn('true').on('close', () => {
        const fds = []
        try { for (;;) fds.push(openSync('/dev/null')) } catch {}
        const child = spawn('true')
        child.on('error', ({ code }) => {
          console.log(code, child.pid, child.stdio)
          for (const fd of fds) closeSync(fd)
          spawn('echo', ['works'], { stdio: ['ignore', 1, 2] })
        })
      })
    `)
    expect(lines).toEqual(['EMFILE undefined undefined', 'works'])
    expect(stderr).toBe('')
  })

  test('nothing is left of many starts', () => {
    const { lines } = registered(`
      import { readdirSync } from 'node:fs'
      const count = () => readdirSync('/proc/self/fd').length
      const one = (file) => new Promise((done) => spawn(file).on('error', () => {}).on('close', done))
      await one('true')
      const before = count()
      for (let i = 0; i < 20; i++) await Promise.all(['true', '/no/such', 'false', 'true'].map(one))
      console.log(count() - before)
    `)
    expect(lines).toEqual(['0'])
  })

  test('fork, messages, and a handle that is passed', () => {
    const child = join(dir, 'child.cjs')
    writeFileSync(
      child,
      "process.on('message', (m, server) => { if (server) server.close(); process.send([m, typeof server]) })",
    )
    const { lines } = registered(`
      import { createServer } from 'node:net'
      const server = createServer().listen(0, () => {
        const child = cp.fork(${JSON.stringify(child)}, { serialization: 'advanced' })
        child.send(new Map([[1, 2]]))
        child.send('server', server)
        child.on('message', (message) => {
          console.log(JSON.stringify([message[0] instanceof Map || message[0], message[1]]))
          if (message[0] === 'server') child.disconnect(), server.close()
        })
        child.on('exit', (code) => console.log(code))
      })
    `)
    expect(lines).toEqual(['[true,"undefined"]', '["server","object"]', '0'])
  })

  test('a cluster', () => {
    const { lines } = registered(`
      import cluster from 'node:cluster'
      if (cluster.isPrimary) cluster.fork().on('message', (message) => console.log(message)).on('exit', console.log)
      else process.send('from a worker', () => process.exit(2))
    `)
    expect(lines).toEqual(['from a worker', '2 null'])
  })
})

test('a program sees the same as with Node alone', () => {
  const compare = fileURLToPath(new URL('compare.mjs', import.meta.url))
  for (const args of [
    ['--count', '150'],
    ['--count', '300', '--sync'],
  ]) {
    const out = execFileSync(process.execPath, [compare, ...args], { encoding: 'utf8' })
    const { compared, differences } = JSON.parse(out)
    expect(differences).toBe(0)
    expect(compared).toBeGreaterThan(5000)
  }
})

test('the package has both entries', () => {
  const { exports } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  )
  for (const name of ['./register', './child_process']) {
    const { import: ofImport, require: ofRequire } = exports[name]
    for (const path of [ofImport, ofRequire].flatMap(Object.values)) {
      expect(existsSync(new URL(`../../${path}`, import.meta.url)), path).toBe(true)
    }
  }
})
