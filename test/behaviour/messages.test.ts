/** Messages of failed starts: the file to blame, the step, and what to do. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { run, SpawnError, spawn, template } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { HANG, inTime, isRoot, rejection } from '../support.js'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))
const library = new URL('../../dist/index.js', import.meta.url).href
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

const file = (name: string, content: string | Uint8Array, mode = 0o755): string => {
  const path = join(dir, name)
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}

/** A program of this machine, with some of its bytes replaced. */
const damaged = (name: string, change: (bytes: Buffer) => void): string => {
  const bytes = readFileSync('/bin/true')
  change(bytes)
  return file(name, bytes)
}

/** The loader of /bin/true, from its program header. */
const loader =
  /\/lib[^\0]*\/ld-[^\0]*/.exec(readFileSync('/bin/true').toString('latin1'))?.[0] ?? ''

const script = (name: string, interpreter: string) => file(name, `#!${interpreter}\necho x\n`)
const nested = script('nested', '/nowhere/python')
const hidden = join(dir, 'hidden')
mkdirSync(hidden)
symlinkSync('/nowhere/target', join(dir, 'dangling'))
const plain = file('plain', 'x', 0o644)

const cases: [name: string, path: string, code: string, says: string[]][] = [
  ['a missing interpreter', script('a', '/nowhere/sh'), 'ENOENT', ['#! line', '"/nowhere/sh"']],
  ['one with an argument', script('b', ' /nowhere/sh -e'), 'ENOENT', ['"/nowhere/sh"']],
  ['of an interpreter', script('c', nested), 'ENOENT', [nested, '"/nowhere/python"']],
  [
    'a carriage return',
    file('d', '#!/bin/sh\r\necho x\r\n'),
    'ENOENT',
    ['carriage return', '"/bin/sh\\r"'],
  ],
  ['env and a carriage return', file('e', '#!/nowhere/env\r\n'), 'ENOENT', ['carriage return']],
  [
    'a missing loader',
    damaged('f', (bytes) => bytes.write('/nowh', bytes.indexOf(loader))),
    'ENOENT',
    ['needs the loader "/nowh', 'built for another system'],
  ],
  ['no such file', join(dir, 'none'), 'ENOENT', [`there is no file "${join(dir, 'none')}"`]],
  [
    'no such directory',
    join(dir, 'no', 'ne', 'x'),
    'ENOENT',
    [`there is no directory "${join(dir, 'no')}"`],
  ],
  ['a link to nowhere', join(dir, 'dangling'), 'ENOENT', ['symbolic link to "/nowhere/target"']],
  ['an empty file', file('g', ''), 'ENOEXEC', ['the file is empty']],
  ['no #! line', file('h', 'echo x\n'), 'ENOEXEC', ['begins with #!', '#!/bin/sh']],
  ['nothing after #!', file('i', '#!\necho\n'), 'ENOEXEC', ['names no interpreter']],
  ['a byte order mark', file('j', '\ufeff#!/bin/sh\n'), 'ENOEXEC', ['byte order mark']],
  ['a program for Windows', file('k', 'MZ\x90\0'.padEnd(300, '\0')), 'ENOEXEC', ['for Windows']],
  [
    "another machine's program",
    damaged('l', (bytes) => bytes.writeUInt16LE(243, 18)),
    'ENOEXEC',
    ['for riscv64', process.arch],
  ],
  [
    'a file without the x bit',
    file('m', '#!/bin/sh\n', 0o644),
    'EACCES',
    ['not executable: chmod +x'],
  ],
  ['a directory', dir, 'EACCES', ['it is a directory']],
  ['an interpreter without the x bit', script('n', plain), 'EACCES', [plain, 'is not executable']],
  ['a device', '/dev/null', 'EACCES', ['not a regular file']],
]

describe.each(testedBackends)('messages by %s', (backend) => {
  test.each(cases)('%s', async (_name, path, code, says) => {
    const starts = [run(path, ['x'], { backend }), spawn(path, ['x'], { backend })]
    for (const error of await Promise.all(starts.map(rejection))) {
      expect(error).toBeInstanceOf(SpawnError)
      expect(error).toMatchObject({ code, step: 'exec', path })
      for (const words of says) expect(error.message).toContain(words)
    }
  })

  test('for a file found in PATH, and relative to cwd', async () => {
    const PATH = `/nowhere:${dir}`
    const searched = await rejection(run('a', ['x'], { backend, env: { PATH } }))
    expect(searched).toMatchObject({ code: 'ENOENT', path: 'a' })
    expect(searched.message).toContain(`the #! line of "${join(dir, 'a')}" names`)
    const relative = await rejection(run('./h', ['x'], { backend, cwd: dir }))
    expect(relative.message).toContain('begins with #!')
    const none = await rejection(run('no-such', ['x'], { backend, env: { PATH } }))
    expect(none.message).toContain('no such program: check its name, or PATH in the env given')
  })

  test.each([
    ['ls -l', '"ls", ["-l"]'],
    ['git status --short', '"git", ["status", "--short"]'],
    ['/bin/ls -l', '"/bin/ls", ["-l"]'],
    [' ls', undefined],
  ])('a line for a name: %s', async (line, says) => {
    const error = await rejection(run(line, [], { backend }))
    expect(error.code).toBe('ENOENT')
    if (says === undefined) expect(error.message).not.toContain('without arguments')
    else expect(error.message).toContain(`use ${says}, or the option shell`)
  })

  test('a timeout before the start blames no system call', async () => {
    const fifo = join(dir, `fifo-${backend}`)
    execFileSync('mkfifo', [fifo])
    const error = await inTime(
      (ms) =>
        rejection(
          spawn('true', [], { backend, stdio: [{ path: fifo }, 'ignore', 'ignore'], timeout: ms }),
        ),
      ({ step }) => step === 'stdio[0]',
    )
    expect(error).toMatchObject({ code: 'ETIMEDOUT', step: 'stdio[0]', syscall: 'openat' })
    expect(error.message).toContain('it timed out before the program ran: at stdio[0]')
    expect(error.message).not.toMatch(/clone|failed/)
  })

  /** Runs code in a process of its own, through `prefix`; returns what it prints as JSON. */
  const apart = (prefix: string, code: string) => {
    const source = `
      import { run, spawn, template } from '${library}'
      const backend = '${backend}'
      const said = (promise) => promise.then(() => 'none', ({ name, code, step, path, message }) => ({ name, code, step, path, message }))
      ${code}`
    const line = `${prefix} "$0" --input-type=module -e "$1"`
    const out = execFileSync('bash', ['-c', line, process.execPath, source], {
      encoding: 'utf8',
      timeout: HANG,
    })
    return JSON.parse(out)
  }

  test('EMFILE of /dev/null has a step', () => {
    const found = apart(
      'ulimit -n 64; exec',
      `
      const { openSync } = await import('node:fs')
      await run('true', [], { backend, stdio: [0, 1, 2] })
      const fds = []
      try { for (;;) fds.push(openSync('/dev/zero')) } catch {}
      console.log(JSON.stringify(await said(spawn('true', [], { backend, stdio: [0, 'ignore', 2] }))))`,
    )
    expect(found).toMatchObject({
      name: 'SpawnError',
      code: 'EMFILE',
      step: 'stdio[1]',
      path: '/dev/null',
    })
    expect(found.message).toContain('raise RLIMIT_NOFILE')
  })

  const unshare = (() => {
    try {
      execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' })
      return isRoot
    } catch {
      return false
    }
  })()

  test.runIf(unshare)('a system without /dev/null or /proc', () => {
    const without = (what: string, code: string) =>
      apart(`exec unshare -m sh -c 'mount -t tmpfs none ${what} && exec "$0" "$@"'`, code)
    const found = without(
      '/dev',
      `console.log(JSON.stringify(await said(run('true', [], { backend, stdio: ['ignore', 'pipe', 'pipe'] }))))`,
    )
    expect(found).toMatchObject({ name: 'SpawnError', code: 'ENOENT', step: 'stdio[0]' })
    expect(found.message).toContain("'ignore' needs /dev/null")
    const bare = without(
      '/proc',
      `
      const made = await said(template('/bin/true'))
      // These need /proc to find out whether the kernel has their system calls.
      const needs = ['spawn_template', 'builder'].includes(backend)
      const { exitCode } = await run('true', [], needs ? {} : { backend })
      console.log(JSON.stringify([made, exitCode]))`,
    )
    expect(bare).toEqual([
      expect.objectContaining({ name: 'SpawnError', code: 'ENOENT', step: 'exec' }),
      0,
    ])
    expect(bare[0].message).toContain('template() needs /proc')
  })
})

test('template() has the same messages', async () => {
  for (const [name, path, code, says] of cases) {
    const error = await rejection(
      (async () => {
        await using made = await template(path)
        await made.run(['x'])
      })(),
    )
    expect([name, error?.code]).toEqual([name, code])
    for (const words of says) expect(error.message).toContain(words)
  }
})

test.each([
  ['a missing interpreter', 'a', 'names the interpreter'],
  ['a carriage return', 'e', 'carriage return'],
])('template() of a file found in PATH: %s', async (_name, file, words) => {
  const { PATH } = process.env
  try {
    for (const dirs of [dir, `${dir}:/nowhere`, `/nowhere:${dir}`]) {
      process.env.PATH = dirs
      const error = await rejection(template(file))
      expect(error).toMatchObject({ code: 'ENOENT', path: join(dir, file) })
      expect(error.message).toContain(words)
    }
  } finally {
    process.env.PATH = PATH
  }
})

test('doctor explains in words why there are no templates', () => {
  const said = execFileSync(process.execPath, [main, 'doctor'], { encoding: 'utf8' })
  expect(said).toMatch(/^templates +(made by the kernel|no: this kernel has .*)$/m)
  expect(said).not.toMatch(/no: E[A-Z]+$/m)
})

test('the error for an unknown backend names where the name came from', async () => {
  const option = await rejection(run('true', [], { backend: 'x' as 'vfork' }))
  expect(option.message).toMatch(/^backend must be one of /)
  const code = `import { run } from '${library}'
    await run('true').catch(({ message }) => console.log(message))`
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    env: { ...process.env, URING_SPAWN_BACKEND: 'x' },
  })
  expect(said).toMatch(/^URING_SPAWN_BACKEND must be one of auto, uring, .*, not "x"/)
})

test('an addon that cannot be loaded has a clear error', () => {
  const copy = join(dir, 'copy')
  const dist = fileURLToPath(new URL('../../dist', import.meta.url))
  const packageJson = fileURLToPath(new URL('../../package.json', import.meta.url))
  const addon = join(copy, 'build/Release')
  mkdirSync(addon, { recursive: true })
  copyFileSync(packageJson, join(copy, 'package.json'))
  execFileSync('cp', ['-r', dist, copy])
  const code = `import { probe } from '${join(copy, 'dist/index.js')}'
    try { probe() } catch ({ code, message }) { console.log(code, message) }`
  const said = () =>
    execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
  expect(said()).toMatch(
    /^ERR_DLOPEN_FAILED uring-spawn has no addon for linux on .*: neither @uring-spawn\/linux-\w+-glibc nor @.* is installed.*npx uring-spawn build/,
  )
  writeFileSync(join(addon, 'uring_spawn.node'), 'not a library')
  expect(said()).toMatch(
    /^ERR_DLOPEN_FAILED uring-spawn cannot load its addon: .*built for another/s,
  )
})
