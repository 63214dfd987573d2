/** The search of PATH, as in execvp(3): on every backend, and by template(). */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { clone, exec, explain, Ring } from '../../dist/chain/index.js'
import { run, SpawnError, template } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { isRoot, nothingLeft, openFds, rejection } from '../support.js'

const root = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
chmodSync(root, 0o755)
afterAll(() => rmSync(root, { recursive: true }))

/** Makes a directory with a `tool` of this content and mode. */
const place = (name: string, content?: string, mode = 0o755): string => {
  const dir = join(root, name)
  mkdirSync(dir)
  if (content !== undefined) {
    writeFileSync(join(dir, 'tool'), content)
    chmodSync(join(dir, 'tool'), mode)
  }
  return dir
}

const works = place('works', '#!/bin/sh\necho works "$@"\n')
const other = place('other', '#!/bin/sh\necho other\n')
const noFormat = place('no-format', 'echo no-format\n')
const empty = place('empty', '')
const notExecutable = place('not-executable', '#!/bin/sh\n', 0o644)
const noInterpreter = place('no-interpreter', '#!/nowhere/sh\n')
const without = place('without')
const directory = place('directory')
mkdirSync(join(directory, 'tool'))
const loop = place('loop')
symlinkSync('tool', join(loop, 'tool'))
const dangling = place('dangling')
symlinkSync('/nowhere/tool', join(dangling, 'tool'))
const file = join(without, 'file')
writeFileSync(file, '')
const longName = `/${'x'.repeat(300)}`
const tooLong = `/${'y/'.repeat(2500)}`
const foreign = place('foreign', '\x7fELF\x02\x01\x01'.padEnd(64, '\0'))

interface Case {
  name: string
  dirs: readonly string[]
  /** What runs, or the error. */
  gives: string
}

const cases: Case[] = [
  { name: 'the first one', dirs: [works, other], gives: 'works' },
  { name: 'not in the first', dirs: [without, works, other], gives: 'works' },
  { name: 'a directory that is missing', dirs: ['/nowhere', works], gives: 'works' },
  { name: 'a file for a directory', dirs: [file, works], gives: 'works' },
  { name: 'one that may not be run', dirs: [notExecutable, works], gives: 'works' },
  { name: 'a directory by that name', dirs: [directory, works], gives: 'works' },
  { name: 'a link to nowhere', dirs: [dangling, works], gives: 'works' },
  { name: 'an interpreter that is missing', dirs: [noInterpreter, works], gives: 'works' },
  { name: 'a name longer than any path', dirs: [tooLong, works], gives: 'works' },
  { name: 'no program', dirs: [noFormat, works], gives: 'ENOEXEC' },
  { name: 'no program, in the second', dirs: [without, noFormat, works], gives: 'ENOEXEC' },
  { name: 'an empty file', dirs: [empty, works], gives: 'ENOEXEC' },
  { name: 'half a program', dirs: [foreign, works], gives: 'ENOEXEC' },
  { name: 'links in a circle', dirs: [loop, works], gives: 'ELOOP' },
  { name: 'a directory whose name is too long', dirs: [longName, works], gives: 'ENAMETOOLONG' },
  { name: 'nothing', dirs: [without, '/nowhere'], gives: 'ENOENT' },
  { name: 'the last error', dirs: ['/nowhere', file], gives: 'ENOTDIR' },
  { name: 'EACCES is remembered', dirs: [notExecutable, '/nowhere'], gives: 'EACCES' },
  { name: 'EACCES, then no program', dirs: [notExecutable, noFormat, works], gives: 'ENOEXEC' },
  { name: 'only names that are too long', dirs: [tooLong], gives: 'ENOENT' },
]

describe.each(testedBackends)('PATH by %s', (backend) => {
  test.each(cases)('$name: $gives', async ({ dirs, gives }) => {
    await run('true', [], { backend })
    const before = openFds()
    const said = await run('tool', [], { backend, env: { PATH: dirs.join(':') } }).then(
      ({ stdout }) => stdout.trim(),
      (error) => {
        expect(error).toBeInstanceOf(SpawnError)
        expect(error.step).toBe('exec')
        return error.code
      },
    )
    expect(said).toBe(gives)
    await nothingLeft(before)
  })

  test('the error names the file that ended the search', async () => {
    const env = { PATH: [without, noFormat, works].join(':') }
    const error = await rejection(run('tool', [], { backend, env }))
    expect(error).toMatchObject({ code: 'ENOEXEC', path: join(noFormat, 'tool') })
    const forbidden = { PATH: [without, notExecutable].join(':') }
    expect(await rejection(run('tool', [], { backend, env: forbidden }))).toMatchObject({
      code: 'EACCES',
      path: join(notExecutable, 'tool'),
    })
  })

  test("an empty entry means the child's working directory", async () => {
    for (const PATH of [`:${other}`, `/nowhere::${other}`, `${without}:`, '', '.', './']) {
      const { stdout } = await run('tool', [], { backend, cwd: works, env: { PATH } })
      expect([PATH, stdout]).toEqual([PATH, 'works\n'])
    }
  })

  test('1, 97, 500 and 900 directories', async () => {
    for (const count of [1, 97, 500, 900]) {
      const missing = Array.from({ length: count - 1 }, (_, at) => `/nowhere/${at}`)
      const env = { PATH: [...missing, works].join(':') }
      const { stdout, backend: by } = await run('tool', [String(count)], { backend, env })
      expect(stdout).toBe(`works ${count}\n`)
      if (backend !== 'spawn_template') expect(by).toBe(backend)
      const none = { PATH: [...missing, without].join(':') }
      expect(await rejection(run('tool', [], { backend, env: none }))).toMatchObject({
        code: 'ENOENT',
        path: count === 1 ? join(without, 'tool') : 'tool',
      })
    }
  })

  test('97 directories, and 300 files', async () => {
    const PATH = [...Array.from({ length: 96 }, (_, at) => `/nowhere/${at}`), works].join(':')
    const files = Array.from({ length: 300 }, () => ({ path: '/dev/null', flags: 'r' }))
    const stdio = ['ignore', 'pipe', 'pipe', ...files] as const
    const { stdout } = await run('tool', ['x'], { backend, env: { PATH }, stdio })
    expect(stdout).toBe('works x\n')
  })

  test('more than a chain can hold: an error before anything is created', async () => {
    await run('true', [], { backend })
    const before = openFds()
    const PATH = Array.from({ length: 1100 }, (_, at) => `/nowhere/${at}`).join(':')
    const error = await rejection(run('tool', [], { backend, env: { PATH } }))
    expect(error).toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    expect(error.message).toMatch(/at most 1000 operations.*PATH has 1100 directories/)
    await nothingLeft(before)
    // A repeated directory does not count.
    const again = Array.from({ length: 3000 }, (_, at) => `/nowhere/${at % 7}`)
    const { stdout } = await run('tool', [], {
      backend,
      env: { PATH: [...again, works].join(':') },
    })
    expect(stdout).toBe('works\n')
  })

  test('512 entries of stdio; more than 1024 are refused', async () => {
    await run('true', [], { backend })
    const stdio = ['ignore', 'pipe', 'pipe', ...Array.from({ length: 509 }, () => 2)] as const
    const { stdout } = await run('sh', ['-c', 'ls /proc/self/fd | wc -l'], { backend, stdio })
    expect(Number(stdout)).toBe(513)
    const before = openFds()
    const error = await rejection(
      run('true', [], { backend, stdio: Array.from({ length: 1025 }, () => 'ignore' as const) }),
    )
    expect(error).toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
      message: 'stdio has at most 1024 entries, not 1025',
    })
    await nothingLeft(before)
  })

  test.runIf(isRoot)('a directory that only we may search is skipped', async () => {
    const locked = place(`locked-${backend}`, '#!/bin/sh\necho locked\n')
    chmodSync(locked, 0o700)
    const env = { PATH: [locked, works].join(':') }
    expect((await run('tool', [], { backend, env })).stdout).toBe('locked\n')
    const asNobody = { backend, env, uid: 61234, gid: 61234 }
    expect((await run('tool', [], asNobody)).stdout).toBe('works\n')
  })

  test('a search made by hand stops; a row of hard links does not', async () => {
    const ring = new Ring({ backend })
    const tool = (dir: string, options: object) => exec(join(dir, 'tool'), options)
    const links = (options: object) => [
      clone({ fds: [] }),
      tool(without, options),
      tool(noFormat, options),
      exec('/bin/true'),
    ]
    const search = await ring.submit(links({ search: true }))
    expect(search.slice(1).map(({ res }) => res)).toEqual([-2, -8, -125])
    const row = ring.submit(links({ hardlink: true }))
    expect((await row).slice(1).map(({ res }) => res)).toEqual([-2, -8, 0])
    expect(await row.exited).toMatchObject({ code: 0 })
    expect(() => ring.submit(links({ search: true, hardlink: false }))).toThrow(
      'only a hard-linked EXEC can search',
    )
  })
})

describe('template() searches like a start', () => {
  const { PATH } = process.env
  test.each(cases)('$name: $gives', async ({ dirs, gives }) => {
    process.env.PATH = dirs.join(':')
    try {
      const said = await (async () => {
        await using tool = await template('tool')
        return (await tool.run([])).stdout.trim()
      })().catch((error) => error.code)
      expect(said).toBe(gives)
    } finally {
      process.env.PATH = PATH
    }
  })
})

test('explain() has a row for each directory, once', () => {
  const dirs = [without, `${without}/`, works, without, `${root}//works`, '.', '']
  const { links } = explain({ file: 'tool', env: { PATH: dirs.join(':') } })
  expect(links.filter(({ operation }) => operation === 'EXEC').map(({ link }) => link)).toEqual([
    'hardlink',
    'hardlink',
    'end',
  ])
})

test('the error for a handmade chain that is too long names the limit', () => {
  const ring = new Ring()
  const steps = Array.from({ length: 1000 }, () => exec('/nowhere', { hardlink: true }))
  expect(() => ring.submit([clone(), ...steps, exec('/bin/true')])).toThrow(
    expect.objectContaining({
      code: 'ERR_OUT_OF_RANGE',
      message: expect.stringContaining('at most 1000 operations, not 1002'),
    }),
  )
  const fds = Array.from({ length: 1025 }, (_, newfd) => ({ fd: 0, newfd }))
  expect(() => ring.submit([clone({ fds }), exec('/bin/true')])).toThrow(
    expect.objectContaining({
      code: 'ERR_OUT_OF_RANGE',
      message: expect.stringContaining('at most 1024 descriptors, not 1025'),
    }),
  )
})
