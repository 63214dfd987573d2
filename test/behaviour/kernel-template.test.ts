/** The kernel's templates: starts use them, and go on without those that cannot be used. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, describe, expect, test } from 'vitest'
import { explain } from '../../dist/chain/index.js'
import { probe, run, SpawnError, spawn, template } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import {
  isRoot,
  mayChangeCredentials,
  nothingLeft,
  openFds,
  rejection,
  until,
  withoutCredentials,
} from '../support.js'

const library = new URL('../../dist/index.js', import.meta.url).href
const starting = testedBackends.filter((name) =>
  (['uring', 'spawn_template'] as string[]).includes(name),
)
const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
chmodSync(dir, 0o755)
afterAll(() => rmSync(dir, { recursive: true }))

/** Replaces `path` with a copy of a program. */
const replace = (path: string, by: string) => {
  copyFileSync(by, `${path}.new`)
  chmodSync(`${path}.new`, 0o755)
  renameSync(`${path}.new`, path)
}
let made = 0
const script = () => {
  const path = join(dir, `script-${made++}`)
  writeFileSync(path, '#!/bin/sh\n', { mode: 0o755 })
  return path
}
const program = (of = '/bin/echo') => {
  const path = join(dir, `program-${made++}`)
  replace(path, of)
  return path
}

const places: string[] = []
afterAll(() => {
  for (const place of places) rmSync(place, { recursive: true })
})

/**
 * A copy of echo with its interpreter, in a folder in memory: of files that others can change
 * unseen, as on the lab's root, the kernel keeps nothing.
 */
function inMemory(): { path: string; interpreter: string } {
  // Short, as it has to fit where the path of the other one is.
  const place = mkdtempSync('/tmp/ld-')
  chmodSync(place, 0o755)
  places.push(place)
  const path = join(place, 'echo')
  const interpreter = join(place, 'ld')
  const bytes = readFileSync('/bin/echo')
  const match = /\/lib[\w/.-]*\/ld-linux[\w.-]*/.exec(bytes.toString('latin1'))
  const found = match?.[0] ?? ''
  const at = match?.index ?? 0
  expect(found.length).toBeGreaterThanOrEqual(interpreter.length)
  replace(interpreter, found)
  bytes.fill(0, at, at + found.length)
  bytes.write(interpreter, at, 'latin1')
  writeFileSync(path, bytes, { mode: 0o755 })
  return { path, interpreter }
}

/** The kernel releases a file a little after its last user has gone. */
const canWrite = (path: string): boolean => {
  try {
    closeSync(openSync(path, 'r+'))
    return true
  } catch {
    return false
  }
}

/** The kernel's account of this process's templates. */
const kernelTemplates = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      if (!readlinkSync(`/proc/self/fd/${fd}`).includes('exec_template')) return []
      return [readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')]
    } catch {
      return []
    }
  })
const executables = () => kernelTemplates().map((info) => /^executable:\t(.*)$/m.exec(info)?.[1])
const interpreters = () => kernelTemplates().map((info) => /^interpreter:\t(.*)$/m.exec(info)?.[1])

const refused = withoutCredentials()

describe.each(starting)('kernel templates by %s', (backend) => {
  test('probe() reports them', () => {
    expect(probe().templates).toEqual({ available: true, why: undefined })
  })

  test('a start uses one: the kernel keeps the interpreter', async () => {
    const { path, interpreter } = inMemory()
    const echo = await template(path)
    // template() makes it at once if the default backend uses it, otherwise its
    // first use does.
    expect((await echo.run(['a'], { backend: 'vfork' })).fromTemplate).toBe(false)
    expect(interpreters().join('')).toBe('')
    expect(await echo.run(['b'], { backend })).toMatchObject({
      ...{ stdout: 'b\n', backend, fromTemplate: true },
    })
    expect(echo.inKernel).toBe(true)
    expect(executables()).toEqual([path])
    expect(interpreters()).toEqual([interpreter])
    const child = await echo.spawn([], { backend, stdio: 'ignore' })
    expect(child).toMatchObject({ backend, fromTemplate: true })
    await child.exited
    echo.close()
    await until(() => kernelTemplates().length === 0)
  })

  test('it learns which pages the starts touch', async () => {
    const echo = await template(program())
    expect(echo.learned?.starts ?? 0).toBe(0)
    expect((await echo.run([], { backend })).fromTemplate).toBe(true)
    // It learns as an address space goes, of which a process that reads it may be the last user.
    await until(() => echo.learned?.from === 1)
    expect(echo.learned).toMatchObject({ starts: 1, mapped: 0, used: 0, missed: 0 })
    for (let turn = 2; turn <= 4; turn++) {
      expect((await echo.run(['a'], { backend })).stdout).toBe('a\n')
      await until(() => echo.learned?.from === turn)
    }
    const { starts, files, pages, copies, bytes, mapped, used } = echo.learned ?? expect.fail()
    expect(starts).toBe(4)
    // The program, its interpreter, libc.
    expect(files).toBeGreaterThanOrEqual(3)
    for (const number of [pages, copies, bytes, used]) expect(number).toBeGreaterThan(0)
    expect(mapped).toBeGreaterThanOrEqual(used)
    echo.close()
  })

  test('with learn: false it does not, nor without a kernel template', async () => {
    const path = program()
    const quiet = await template(path, { learn: false })
    const noElf = await template(script())
    for (const one of [quiet, noElf]) {
      for (let turn = 0; turn < 2; turn++) await one.run([], { backend })
    }
    expect([quiet.inKernel, quiet.learned]).toEqual([true, undefined])
    expect([noElf.inKernel, noElf.learned]).toEqual([false, undefined])
    // A file that has been replaced is opened as the one before was.
    replace(path, '/bin/true')
    for (let turn = 0; turn < 2; turn++) await quiet.run([], { backend })
    expect([quiet.inKernel, quiet.learned]).toEqual([true, undefined])
    quiet.close()
    noElf.close()
    expect(() => quiet.learned).toThrow(/closed/)
  })

  test('made of a descriptor', async () => {
    const fd = openSync(program(), 'r')
    const echo = await template(fd)
    closeSync(fd)
    for (const inheritFds of [false, true]) {
      const result = await echo.run(['a'], { backend, inheritFds })
      expect(result).toMatchObject({ stdout: 'a\n', fromTemplate: true })
    }
    echo.close()
  })

  test('cwd, argv0, environment and descriptors work as without one', async () => {
    const sh = await template('sh')
    const options = { backend, argv0: 'name', cwd: '/', env: { A: 'b' } }
    const line = 'echo $0 $A; pwd; cd /proc/self/fd; echo *'
    const without = await run('sh', ['-c', line], options)
    const result = await sh.run(['-c', line], options)
    expect(result.fromTemplate).toBe(true)
    expect(result.stdout).toBe(without.stdout)
    expect(result.stdout).toMatch(/^name b\n\/\n0 1 2 3\n$/)
    sh.close()
  })

  test('the file cannot be written meanwhile, and can be afterwards', async () => {
    const path = program()
    const echo = await template(path)
    await echo.run([], { backend })
    expect(() => openSync(path, 'r+')).toThrow('ETXTBSY')
    echo.close()
    await until(() => canWrite(path))
  })

  test('a replaced file runs at once, and gets a new template', async () => {
    const path = program()
    const pinned = await template(path)
    expect((await pinned.run(['a'], { backend })).fromTemplate).toBe(true)
    replace(path, '/bin/basename')
    const all = await Promise.all(
      Array.from({ length: 10 }, () => pinned.run(['/b/c'], { backend })),
    )
    expect(all.map(({ stdout }) => stdout)).toEqual(Array(10).fill('c\n'))
    expect(await pinned.run(['/b/d'], { backend })).toMatchObject({
      ...{ stdout: 'd\n', fromTemplate: true },
    })
    await until(() => kernelTemplates().length === 1)
    expect(executables()).toEqual([path])
    // A script has none, and still runs; so does the program after it.
    writeFileSync(`${path}.new`, '#!/bin/sh\necho script\n', { mode: 0o755 })
    renameSync(`${path}.new`, path)
    for (let times = 0; times < 2; times++) {
      const result = await pinned.run([], { backend })
      expect(result).toMatchObject({ stdout: 'script\n' })
      expect(pinned.inKernel).toBe(false)
    }
    replace(path, '/bin/echo')
    expect((await pinned.run(['e'], { backend })).stdout).toBe('e\n')
    expect((await pinned.run(['e'], { backend })).fromTemplate).toBe(true)
    pinned.close()
  })

  test('a stale start creates a file only once', async () => {
    const path = program()
    const pinned = await template(path)
    await pinned.run([], { backend })
    replace(path, '/bin/echo')
    const file = join(dir, `out-${made++}`)
    const child = await pinned.spawn(['x'], {
      backend,
      stdio: ['ignore', { path: file, flags: 'wx' }, 'inherit'],
    })
    expect((await child.exited).code).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe('x\n')
    pinned.close()
  })

  test.each([
    ['replaced', (path: string) => replace(path, '/bin/echo')],
    ['with another mode', (path: string) => chmodSync(path, 0o700)],
    ['with another time', (path: string) => utimesSync(path, 1, 1)],
    ['gone', (path: string) => unlinkSync(path)],
  ])("with onStale 'error', %s is ESTALE", async (_what, change) => {
    const path = program()
    const pinned = await template(path, { onStale: 'error' })
    expect((await pinned.run([], { backend })).fromTemplate).toBe(true)
    change(path)
    const error = await rejection(pinned.run([], { backend }))
    expect(error).toBeInstanceOf(SpawnError)
    expect(error).toMatchObject({ code: 'ESTALE', step: 'exec', path })
    expect((await rejection(pinned.run([], { backend }))).code).toBe('ESTALE')
    pinned.close()
  })

  test('a file that is gone, and comes back', async () => {
    const path = program()
    const pinned = await template(path)
    await pinned.run([], { backend })
    unlinkSync(path)
    const error = await rejection(pinned.run([], { backend }))
    expect(error).toMatchObject({ code: 'ENOENT', step: 'exec', path })
    replace(path, '/bin/echo')
    expect((await pinned.run(['a'], { backend })).stdout).toBe('a\n')
    expect((await pinned.run(['b'], { backend })).fromTemplate).toBe(true)
    pinned.close()
  })

  test('steps that fail before the exec are reported as usual', async () => {
    for (const onStale of ['recreate', 'error'] as const) {
      const pinned = await template(program(), { onStale })
      const cwd = await rejection(pinned.run([], { backend, cwd: '/nowhere' }))
      expect(cwd).toMatchObject({ code: 'ENOENT', step: 'cwd', path: '/nowhere' })
      const long = await rejection(pinned.run(['x'.repeat(200_000)], { backend }))
      expect(long).toMatchObject({ code: 'E2BIG', step: 'exec' })
      pinned.close()
    }
  })

  test.runIf(isRoot)('a user who may not run it gets the error, and others still may', async () => {
    for (const onStale of ['recreate', 'error'] as const) {
      const path = program()
      chmodSync(path, 0o700)
      const pinned = await template(path, { onStale })
      const nobody = { uid: 61234, gid: 61234 }
      const error = await rejection(pinned.run([], { backend, ...nobody }))
      expect(error).toMatchObject({ code: 'EACCES', step: 'exec' })
      expect(await pinned.run(['a'], { backend })).toMatchObject({
        ...{ stdout: 'a\n', fromTemplate: true },
      })
      pinned.close()
    }
  })

  // In a process of its own, which cannot regain its rights.
  test.runIf(isRoot && !refused).each([
    ['user and group', 'process.setgid(61234); process.setuid(61234)'],
    ['user', 'process.setuid(61234)'],
    // No capability changes, so the launch threads stay.
    ['group', 'process.setgid(61234)'],
    ['groups', 'process.setgroups([61234])'],
    ['effective user, and back', 'process.seteuid(61234); process.seteuid(0)'],
  ])(`a process that has changed its %s goes on without templates${refused}`, (_what, change) => {
    const code = `
      const { run, template } = await import(${JSON.stringify(library)})
      const said = []
      const kept = []
      for (const onStale of ['recreate', 'error']) {
        const echo = await template(${JSON.stringify(program())}, { onStale })
        const one = async () => {
          const { stdout, fromTemplate } = await echo.run(['x'], { backend: '${backend}' })
          return [stdout, fromTemplate, echo.inKernel]
        }
        said.push(await one())
        kept.push(one)
      }
      ${change}
      for (const one of kept) for (let times = 0; times < 5; times++) said.push(await one())
      console.log(JSON.stringify(said))`
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
      encoding: 'utf8',
      env: mayChangeCredentials,
    })
    const said = JSON.parse(out) as [string, boolean, boolean][]
    expect(said.map(([stdout]) => stdout)).toEqual(Array(12).fill('x\n'))
    expect(said.slice(0, 2)).toEqual(Array(2).fill(['x\n', true, true]))
    const later = said.slice(2)
    const [from, inKernel] = [1, 2].map((at) => later.map((one) => one[at]))
    // What starts stays as it is from the first one on.
    expect([new Set(from?.slice(0, 5)).size, new Set(from?.slice(5)).size]).toEqual([1, 1])
    if (backend === 'spawn_template') expect(inKernel).toEqual(Array(10).fill(false))
  })

  test('closing, replacing and failing leave no descriptor', async () => {
    await run('true', [], { backend })
    const path = program()
    const before = openFds()
    for (let times = 0; times < 20; times++) {
      const pinned = await template(path)
      const running = Array.from({ length: 5 }, () => pinned.run([], { backend }))
      replace(path, '/bin/echo')
      running.push(pinned.run([], { backend }))
      await rejection(pinned.run([], { backend, cwd: '/nowhere' }))
      await Promise.all(running)
      pinned.close()
    }
    await nothingLeft(before)
    await until(() => kernelTemplates().length === 0)
    await until(() => canWrite(path))
  })

  test('a worker that ends without closing one leaves none', async () => {
    const path = program()
    const code = `
      import(${JSON.stringify(library)}).then(async ({ template }) => {
        const { parentPort } = require('node:worker_threads')
        globalThis.kept = await template(${JSON.stringify(path)})
        await kept.run([], { backend: '${backend}' })
        parentPort.postMessage(kept.inKernel)
      })`
    const worker = new Worker(code, { eval: true })
    const inKernel = await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    expect(inKernel).toBe(true)
    await worker.terminate()
    await until(() => kernelTemplates().length === 0)
  })
})

test.runIf(starting.includes('uring'))('explain() shows it', async () => {
  const echo = await template(program())
  const options = { file: 'echo', stdio: 'ignore', template: echo, backend: 'uring' } as const
  const links = explain(options).links.slice(-2)
  expect(links).toMatchObject([
    {
      operation: 'EXEC',
      arguments: expect.stringContaining(`template of "${echo.path}"`),
      flags: 'IORING_EXEC_TEMPLATE',
      link: 'hardlink',
      failure: expect.stringContaining('ESTALE'),
    },
    { operation: 'EXEC', flags: '', link: 'end' },
  ])
  const strict = await template(echo.path as string, { onStale: 'error' })
  expect(explain({ ...options, template: strict }).links.at(-1)).toMatchObject({
    ...{ flags: 'IORING_EXEC_TEMPLATE', link: 'end' },
  })
  expect(explain({ ...options, backend: 'vfork' }).links.at(-1)).toMatchObject({
    flags: 'AT_EMPTY_PATH',
  })
  echo.close()
  strict.close()
})

test.runIf(!probe().templates.available)(
  'without them in the kernel, nothing claims to use one',
  async () => {
    const echo = await template('echo')
    expect(echo.inKernel).toBe(false)
    const result = await echo.run(['a'])
    expect(result).toMatchObject({ stdout: 'a\n', fromTemplate: false })
    expect(statSync(echo.path as string).isFile()).toBe(true)
    echo.close()
    expect(await spawn('true', []).then(({ fromTemplate }) => fromTemplate)).toBe(false)
  },
)
