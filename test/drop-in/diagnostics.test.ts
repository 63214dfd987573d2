/** What the diagnostics channel `uring-spawn:launch` tells, and that Node's own channels go on. */
import { describe, expect, test } from 'vitest'
import { programs } from './programs.js'

const { node, registered } = programs()
const library = new URL('../../dist/index.js', import.meta.url).href

/** Prints each message as JSON. */
const follow = `
  import dc from 'node:diagnostics_channel'
  const say = (message) => console.log(JSON.stringify({
    ...message, child: message.child && { pid: message.child.pid },
    rusage: typeof message.rusage?.maxRSS,
  }))
  dc.subscribe('uring-spawn:launch', say)
`
const told = (code: string) => {
  const { lines, stderr } = registered(`${follow};\n${code}`)
  expect(stderr).toBe('')
  return lines.map((line) => JSON.parse(line))
}
const number = expect.any(Number)

describe('uring-spawn:launch', () => {
  test.each(['ignore', 'pipe'])('a start and its end, with stdio %s', (stdio) => {
    const all = told(`spawn('sh', ['-c', 'exit 3'], { stdio: '${stdio}' }).stdout?.resume()`)
    expect(all.map(({ event }) => event)).toEqual(['start', 'started', 'exit'])
    const [start, started, exit] = all
    const about = { id: start.id, file: 'sh', args: ['-c', 'exit 3'], backend: expect.any(String) }
    expect(start).toMatchObject({ ...about, held: number })
    expect(started).toMatchObject({ ...about, pid: number, duration: number, waited: 0 })
    expect(started.child.pid).toBe(started.pid)
    const end = { pid: started.pid, code: 3, signal: null, rusage: 'number', duration: number }
    expect(exit).toMatchObject({ ...about, ...end })
    expect(exit.duration).toBeGreaterThanOrEqual(started.duration)
    expect(started.duration).toBeGreaterThanOrEqual(start.held)
  })

  test('a synchronous call, and one that fails', () => {
    const all = told(`
      cp.spawnSync('sh', ['-c', 'exit 3'])
      cp.spawnSync('/no/such')
      cp.spawnSync('true', { uid: process.getuid() })
    `)
    expect(all.map(({ event }) => event)).toEqual([
      ...['start', 'started', 'exit', 'start', 'failed', 'delegated'],
    ])
    const [start, started, exit, , failed, delegated] = all
    const about = { id: start.id, file: 'sh', args: ['-c', 'exit 3'], backend: expect.any(String) }
    expect(start).toMatchObject({ ...about, held: number })
    expect(started).toMatchObject({ ...about, pid: number })
    expect(exit).toMatchObject({ ...about, pid: started.pid, code: 3, rusage: 'number' })
    expect(failed).toMatchObject({ file: '/no/such', code: 'ENOENT', step: 'exec' })
    expect(delegated).toMatchObject({ file: 'true', reason: 'uid or gid' })
  })

  test('a signal', () => {
    const all = told("spawn('cat').on('spawn', function () { this.kill('SIGKILL') })")
    expect(all.at(-1)).toMatchObject({ event: 'exit', code: null, signal: 'SIGKILL' })
  })

  test.each([
    ["spawn('/no/such')", 'ENOENT', 'exec'],
    ["spawn('/etc/passwd')", 'EACCES', 'exec'],
    ["spawn('true', { cwd: '/no/such' })", 'ENOENT', 'cwd'],
    ["cp.exec('true', { cwd: '/no/such' })", 'ENOENT', 'cwd'],
    ["cp.execFile('/no/such')", 'ENOENT', 'exec'],
  ])('%s: %s at %s', (call, code, step) => {
    const [start, failed, ...more] = told(`(${call}).on('error', () => {})`)
    expect(more).toEqual([])
    expect(start.event).toBe('start')
    expect(failed).toMatchObject({ id: start.id, event: 'failed', code, step, duration: number })
    expect(failed.errno).toBeLessThan(0)
  })

  test('what spawn() throws', () => {
    const [start, failed, ...more] = told(`
      try { spawn('true', { cwd: '/etc/passwd' }) } catch (error) { if (error.code !== 'ENOTDIR') throw error }
      try { spawn('true', { cwd: 5 }) } catch {}
      try { spawn('true', { stdio: 'bad' }) } catch {}
    `)
    expect(more).toEqual([])
    expect([start.event, failed.event, failed.code]).toEqual(['start', 'failed', 'ENOTDIR'])
    expect(failed.id).toBe(start.id)
  })

  test('large arguments are waited for', () => {
    const all = told("spawn('true', ['x'.repeat(100_000), 'x'.repeat(100_000)])")
    expect(all.map(({ event }) => event)).toEqual(['start', 'started', 'exit'])
    expect(all[1].waited).toBeGreaterThan(0)
    expect(all[0].held).toBeGreaterThanOrEqual(all[1].waited)
  })

  test.each(['child.pid', 'child.kill(0)'])('%s is a wait', (wait) => {
    const all = told(`const child = spawn('true'); ${wait}`)
    expect(all[1].waited).toBeGreaterThan(0)
  })

  test.each([
    ["spawn('true', { uid: process.getuid() })", 'uid or gid'],
    ['raw.spawn({ file: "true", args: ["true"] })', 'no envPairs'],
    ['raw.spawn({ file: "true", args: [], envPairs: [] })', 'no args'],
    ['raw.spawn({ file: "", args: [""], envPairs: [] })', 'no file name'],
    [
      "(dc.subscribe('tracing:child_process.spawn:start', () => {}), spawn('true'))",
      'the tracing channel child_process.spawn',
    ],
  ])('handed to Node: %s, because of %s', (call, reason) => {
    const all = told(`
      const raw = new cp.ChildProcess()
      raw.on('error', () => {});
      ${call}
    `)
    expect(all).toMatchObject([{ event: 'delegated', reason, held: number, id: number }])
    expect(all[0].backend).toBeUndefined()
  })

  test('spawn(), run() and batch() of the library', () => {
    const all = told(`
      const { batch, run, spawn: start } = await import('${library}')
      await run('sh', ['-c', 'exit 2'])
      await (await start('true', [], { stdio: 'ignore' })).exited
      await start('/no/such').catch(() => {})
      await batch([['true'], ['true']]).all()
    `)
    const by = new Map<number, string[]>()
    for (const { id, event, file } of all) {
      const events = by.get(id) ?? by.set(id, [file]).get(id)
      events?.push(event)
    }
    const whole = ['start', 'started', 'exit']
    expect([...by.values()]).toEqual([
      ['sh', ...whole],
      ['true', ...whole],
      ['/no/such', 'start', 'failed'],
      ['true', ...whole],
      ['true', ...whole],
    ])
  })

  test('subscribers come and go, and their errors are uncaught exceptions', () => {
    const { lines } = registered(`
      ${follow}
      process.on('uncaughtException', ({ message }) => console.log(message))
      const bad = () => { throw new Error('on purpose') }
      dc.subscribe('uring-spawn:launch', bad)
      const child = spawn('true')
      dc.unsubscribe('uring-spawn:launch', bad)
      child.on('exit', (code) => {
        dc.unsubscribe('uring-spawn:launch', say)
        spawn('true').on('exit', (code) => console.log('exit', code))
      })
    `)
    expect(lines.filter((line) => line.startsWith('{'))).toHaveLength(3)
    expect(lines.filter((line) => !line.startsWith('{'))).toEqual(['on purpose', 'exit 0'])
  })

  test('AsyncLocalStorage is that of the call', () => {
    const { lines } = registered(`
      import dc from 'node:diagnostics_channel'
      import { AsyncLocalStorage } from 'node:async_hooks'
      const { run } = await import('${library}')
      const storage = new AsyncLocalStorage()
      dc.subscribe('uring-spawn:launch', ({ event, args }) =>
        console.log(event, args[0] ?? '', storage.getStore()))
      for (const id of [1, 2]) storage.run(id, () => {
        spawn('echo', [String(id)]), spawn('/no/such', [String(id)]).on('error', () => {})
        run('echo', [String(id)])
      })
    `)
    expect(lines).toHaveLength(16)
    for (const line of lines) expect(line).toMatch(/^\w+ (\d) \1$/)
  })
})

test("Node's own channel child_process tells of each child as before", () => {
  const code = `
    import dc from 'node:diagnostics_channel'
    dc.subscribe('child_process', ({ process: child }) => {
      console.log(child instanceof cp.ChildProcess, child.pid === undefined, child.spawnfile)
    })
    spawn('true'), cp.exec('true'), spawn('/no/such').on('error', () => {})
  `
  const { lines } = registered(code)
  expect(lines).toHaveLength(3)
  expect(lines).toEqual(node(code).lines)
})
