/** A child starts where the process was at the call, wherever that goes afterwards. */
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { clone, compile, exec, Ring } from '../../dist/chain/index.js'
import { batch, run, spawn, template } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { nothingLeft, openFds, text, until } from '../support.js'

const before = process.cwd()
const mask = process.umask()
const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-place-'))
const [one, two, gone] = ['one', 'two', 'gone'].map((name) => join(dir, name)) as [
  string,
  string,
  string,
]

beforeAll(() => {
  for (const place of [one, two]) {
    mkdirSync(join(place, 'sub'), { recursive: true })
    writeFileSync(join(place, 'file'), place)
    writeFileSync(join(place, 'prog'), `#!/bin/sh\necho ${place}\n`, { mode: 0o755 })
  }
})
afterEach(() => {
  process.chdir(before)
  process.umask(mask)
})
afterAll(() => rmSync(dir, { recursive: true }))

/** More than can start in a turn of the event loop, and more than there are threads. */
const MANY = 100

describe.each(testedBackends)('the place of the call by %s', (backend) => {
  /** Calls in `one` and moves on to `two`, and the other way round, many times. */
  async function alternating(ask: (place: string) => Promise<string>): Promise<void> {
    const asked = Array.from({ length: MANY }, (_, at) => {
      const place = at % 2 ? one : two
      process.chdir(place)
      return { place, said: ask(place) }
    })
    process.chdir('/')
    expect(await Promise.all(asked.map(({ said }) => said))).toEqual(
      asked.map(({ place }) => place),
    )
  }
  const out = async (file: string, args: string[] = [], options = {}) =>
    (await run(file, args, { backend, check: true, ...options })).stdout.trim()

  test('the working directory', () => alternating(() => out('pwd', ['-P'])))
  test('a relative cwd', () =>
    alternating(async (place) => {
      expect(await out('pwd', ['-P'], { cwd: 'sub' })).toBe(join(place, 'sub'))
      return place
    }))
  test('a relative program', () => alternating(() => out('./prog')))
  test('a relative directory of PATH', () =>
    alternating(() => out('prog', [], { env: { PATH: '/nowhere:.:/bin' } })))
  test('a relative shell', () => alternating(() => out('x', [], { shell: './prog' })))
  test('a file of stdio', () =>
    alternating(() => out('cat', [], { stdio: [{ path: 'file' }, 'pipe', 'inherit'] })))
  test('spawn()', () =>
    alternating(async () => text((await spawn('cat', ['file'], { backend })).stdout)))
  test('batch()', () =>
    alternating(async () => {
      const [only] = await batch([['cat', 'file']], { backend }).all()
      return only?.result?.stdout ?? String(only?.error)
    }))
  test('batch(), whose commands start long after the call', async () => {
    const words = ['sh', '-c', 'cat file; echo "$BATCH_TEST"'] as const
    const commands = Array.from({ length: 40 }, () => words)
    const { env } = process
    try {
      process.chdir(one)
      env.BATCH_TEST = 'then'
      const running = batch(commands, { backend, concurrency: 2 }).all()
      process.chdir(two)
      env.BATCH_TEST = 'later'
      process.env = { ...env, BATCH_TEST: 'replaced' }
      const said = (await running).map(({ result, error }) => result?.stdout ?? String(error))
      expect(said).toEqual(commands.map(() => `${one}then\n`))
    } finally {
      process.env = env
      delete env.BATCH_TEST
    }
  })
  test('a chain made by hand', async () => {
    const ring = new Ring({ backend })
    const submit = (place: string) => {
      process.chdir(place)
      const script = `test "$(cat file)" = "${place}"`
      return ring.submit([clone(), exec('/bin/sh', { argv: ['sh', '-c', script] })])
    }
    const all = Array.from({ length: MANY }, (_, at) => submit(at % 2 ? one : two))
    process.chdir('/')
    for (const submission of all) {
      await submission
      expect((await submission.exited).code).toBe(0)
    }
  })
  test('a template', async () => {
    await using cat = await template('cat')
    await alternating(async () => (await cat.run(['file'], { backend })).stdout)
  })
  test('a relative template', async () => {
    process.chdir(one)
    await using prog = await template('./prog')
    process.chdir(two)
    expect((await prog.run([], { backend })).stdout.trim()).toBe(one)
  })

  test('the umask', async () => {
    const asked = Array.from({ length: MANY }, (_, at) => {
      const umask = at % 2 ? 0o27 : 0o77
      process.umask(umask)
      return { umask, said: out('sh', ['-c', 'umask']) }
    })
    process.umask(mask)
    for (const { umask, said } of asked) expect(Number.parseInt(await said, 8)).toBe(umask)
    // And ours is unchanged.
    const now = /^Umask:\t(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    expect(Number.parseInt(now ?? '', 8)).toBe(mask)
  })

  test('the umask of a file that the child creates', async () => {
    const made = join(dir, `made-${backend}`)
    process.umask(0o77)
    const done = run('true', [], { backend, stdio: ['ignore', { path: made }] })
    process.umask(0)
    await done
    expect(statSync(made).mode & 0o777).toBe(0o600)
    rmSync(made)
    expect(await out('sh', ['-c', 'umask'], { umask: 0o13 })).toBe('0013')
  })

  test('descriptors that the caller closes after the call', async () => {
    for (const inheritFds of [false, true]) {
      const asked = Array.from({ length: MANY }, (_, at) => {
        const place = at % 2 ? one : two
        const fd = openSync(join(place, 'file'), 'r')
        const folder = openSync(place, 'r')
        const input = at % 3 ? fd : { fd }
        const said = out('sh', ['-c', 'cat; pwd -P'], {
          stdio: [input, 'pipe', 'inherit', null, fd],
          cwd: folder,
          inheritFds,
        })
        closeSync(fd)
        closeSync(folder)
        return { place, said }
      })
      for (const { place, said } of asked) expect(await said).toBe(place + place)
    }
  })

  test('a deleted directory', async () => {
    mkdirSync(gone)
    process.chdir(gone)
    rmSync(gone, { recursive: true })
    const start = () => spawn('sleep', ['60'], { backend, stdio: 'ignore' })
    const starts = [start(), start()]
    process.chdir('/')
    for (const child of await Promise.all(starts)) {
      expect(readlinkSync(`/proc/${child.pid}/cwd`)).toBe(`${gone} (deleted)`)
      child.kill('SIGKILL')
      await child.exited
    }
  })

  test('compile() and a later submit(): the place of submit()', async () => {
    process.chdir(one)
    const compiled = compile({ file: 'test', args: ['-f', 'sub/../prog'], stdio: 'ignore' })
    process.chdir('/')
    process.chdir(two)
    const running = new Ring({ backend }).submit(compiled)
    process.chdir('/')
    await running
    expect((await running.exited).code).toBe(0)
  })

  test('places that no start needs are released', async () => {
    // Let the library open its own descriptors before counting.
    await out('true')
    const fds = openFds()
    await alternating(() => out('./prog'))
    process.chdir(two)
    await out('true')
    process.chdir('/')
    await nothingLeft(fds)
    // A thread that stays there, or a descriptor, would keep it from being
    // unmounted.
    const cwdOf = (task: string) => {
      try {
        return readlinkSync(`/proc/self/task/${task}/cwd`)
      } catch {
        return '' // The thread has ended.
      }
    }
    const held = () => readdirSync('/proc/self/task').filter((task) => cwdOf(task).startsWith(dir))
    await until(() => held().length === 0)
  })
})
