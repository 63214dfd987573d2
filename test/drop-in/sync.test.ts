/** The calls that return once the child has ended: what they promise beyond one call. */
import { describe, expect, test } from 'vitest'
import { childProcess, programs, register } from './programs.js'

const { node, registered } = programs()

/** Whether uring-spawn has started anything: then it has a thread for that. */
const threads = `
  import { readdirSync, readFileSync } from 'node:fs'
  import { execFileSync, execSync, spawnSync } from 'node:child_process'
  const started = () => readdirSync('/proc/self/task').some((id) =>
    readFileSync('/proc/self/task/' + id + '/comm', 'utf8').startsWith('uring-'))
`

describe('what is covered', () => {
  test.each(["spawnSync('true')", "execSync('true')", "execFileSync('true')"])('%s', (call) => {
    const code = `${threads}; ${call}; console.log(started())`
    expect(registered(code).lines).toEqual(['true'])
    expect(node(code).lines).toEqual(['false'])
    expect(registered(code, { URING_SPAWN_DISABLE: '1' }).lines).toEqual(['false'])
  })

  test('credentials are for Node', () => {
    const { lines } = registered(`${threads}
      console.log(spawnSync('true', { uid: process.getuid() }).status, started())
    `)
    expect(lines).toEqual(['0 false'])
  })

  test('in a worker', () => {
    const { lines } = registered(`${threads}
      import { isMainThread, Worker } from 'node:worker_threads'
      if (isMainThread) new Worker(new URL(import.meta.url))
      else console.log(spawnSync('echo', ['x']).stdout + '', started())
    `)
    expect(lines).toEqual(['x', ' true'])
  })

  test('uring-spawn/child_process, and nothing else', () => {
    const { lines } = node(`${threads}
      const all = await import('${childProcess}')
      spawnSync('true')
      console.log(started())
      console.log(all.execSync('echo x', { encoding: 'utf8' }).trim(), started())
    `)
    expect(lines).toEqual(['false', 'x true'])
  })

  test('unregister() ends it, also if a program has wrapped the function', () => {
    const { lines } = node(`${threads}
      const { register, unregister } = await import('${register}')
      const binding = process.binding('spawn_sync')
      const before = binding.spawn
      binding.spawn = function (options) { return before.call(this, options) }
      unregister()
      spawnSync('true')
      console.log(started())
      register()
      console.log(spawnSync('true').status, started())
    `)
    expect(lines).toEqual(['false', '0 true'])
  })

  test('nobody is warned of the old name', () => {
    const { stderr, lines } = node(
      `${threads}; spawnSync('true'); console.log(started(), 'noDeprecation' in process)`,
      ['--import', register, '--pending-deprecation'],
    )
    expect(stderr).toBe('')
    expect(lines).toEqual(['true false'])
  })
})

describe('what is promised', () => {
  test('output that is inherited, and the standard error of what fails', () => {
    const code = `${threads}
      spawnSync('sh', ['-c', 'cat; echo out; echo err >&2'], { input: 'in ', stdio: ['pipe', 1, 2] })
      execFileSync('sh', ['-c', 'echo inherited'], { stdio: 'inherit' })
      try { execSync('echo message >&2; exit 3') } catch (error) { console.log(error.status, error.message) }
    `
    const { lines, stderr } = registered(code)
    expect(lines).toEqual([
      'in out',
      'inherited',
      '3 Command failed: echo message >&2; exit 3',
      'message',
    ])
    expect(stderr).toBe('err\nmessage\n')
    expect(node(code)).toEqual({ status: 0, lines, stderr })
  })

  test('large input and output', () => {
    const { lines } = registered(`${threads}
      const input = Buffer.alloc(20e6, 'some bytes')
      const { stdout, status } = spawnSync('cat', { input, maxBuffer: Infinity })
      console.log(status, stdout.equals(input))
    `)
    expect(lines).toEqual(['0 true'])
  })

  test('input that is too much for a program that does not read it', () => {
    const { lines } = registered(`${threads}
      const { error, status } = spawnSync('true', { input: Buffer.alloc(20e6) })
      console.log(error.code, status, spawnSync('true', { input: 'a little' }).error)
    `)
    expect(lines).toEqual(['EPIPE 0 undefined'])
  })

  test.each([
    ['timeout', "spawnSync('sleep', ['60'], { timeout: 50 })", 'ETIMEDOUT null SIGTERM'],
    [
      'killSignal',
      "spawnSync('sleep', ['60'], { timeout: 50, killSignal: 9 })",
      'ETIMEDOUT null SIGKILL',
    ],
    ['maxBuffer', "spawnSync('cat', ['/dev/zero'], { maxBuffer: 9 })", 'ENOBUFS null SIGTERM'],
  ])('%s', (_name, call, end) => {
    const { lines } = registered(`${threads}
      const { error, status, signal } = ${call}
      console.log(error.code, status, signal)
    `)
    expect(lines).toEqual([end])
  })

  test('children that end meanwhile are told of afterwards, in order', () => {
    const { lines } = registered(`${threads}
      const children = Array.from({ length: 5 }, () => spawn('sh', ['-c', 'echo out; exit 4']))
      const node = spawn('true', { uid: process.getuid() })
      node.on('exit', (code) => console.log('node', code))
      process.on('SIGCHLD', () => {})
      for (let i = 0; i < 10; i++) spawnSync('true')
      for (const child of children) {
        const seen = []
        for (const event of ['spawn', 'exit', 'close']) child.on(event, () => seen.push(event))
        child.stdout.on('data', () => seen.push('data'))
        child.on('close', (code) => console.log(code, seen.join()))
      }
    `)
    expect(lines.sort()).toEqual([
      ...Array.from({ length: 5 }, () => '4 spawn,data,exit,close'),
      'node 0',
    ])
  })

  test('a SIGCHLD, as for any child', () => {
    const { lines } = registered(`${threads}
      process.on('SIGCHLD', () => { console.log('SIGCHLD'); process.exit() })
      spawnSync('true')
      setInterval(() => {}, 1000)
    `)
    expect(lines).toEqual(['SIGCHLD'])
  })

  test('nothing is left of many calls within a turn', () => {
    const { lines } = registered(`${threads}
      const children = () => readFileSync('/proc/thread-self/children', 'utf8').trim().split(' ').filter(Boolean)
      const count = () => readdirSync('/proc/self/fd').length
      const calls = () => {
        spawnSync('true')
        spawnSync('/no/such')
        spawnSync('sh', ['-c', 'echo x'], { cwd: '/', input: 'x' })
        spawnSync('sleep', ['60'], { timeout: 1 })
        try { execSync('exit 1', { stdio: [0, 'ignore', 'pipe'] }) } catch {}
      }
      calls()
      const before = count()
      for (let i = 0; i < 40; i++) calls()
      console.log(count() - before, children().length)
    `)
    expect(lines).toEqual(['0 0'])
  })
})
