import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { run, SpawnError, spawn, template } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { nothingLeft, openFds, rejection, text } from '../support.js'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))

let made = 0
const script = (line: string, path = join(dir, `script-${made++}`)) => {
  writeFileSync(`${path}.new`, `#!/bin/sh\n${line}\n`)
  chmodSync(`${path}.new`, 0o755)
  renameSync(`${path}.new`, path)
  return path
}

describe.each(testedBackends)('template by %s', (backend) => {
  test('found in PATH, run and spawned', async () => {
    await run('true', [], { backend })
    const before = openFds()
    const echo = await template('echo')
    expect(echo.path).toMatch(/^\/.*\/echo$/)
    expect(await echo.run(['hi'], { backend })).toMatchObject({ stdout: 'hi\n', backend })
    const child = await echo.spawn(['ho'], { backend, stdio: ['ignore', 'pipe', 'inherit'] })
    expect(child.backend).toBe(backend)
    expect(await text(child.stdout)).toBe('ho\n')
    await echo[Symbol.asyncDispose]()
    await child.exited
    await nothingLeft(before)
    const { code } = await rejection(echo.run([], { backend }))
    expect(code).toBe('ERR_INVALID_STATE')
  })

  test.each([false, true])(
    'the child does not inherit its descriptor, inheritFds %s',
    async (inheritFds) => {
      const ls = await template('ls')
      const { stdout } = await ls.run(['-l', '/proc/self/fd'], { backend, inheritFds })
      expect(stdout).not.toContain(ls.path as string)
      ls.close()
    },
  )

  test('by path and by descriptor, of programs and scripts', async () => {
    const path = script('echo "$0" "$@"')
    const byPath = await template(path)
    expect((await byPath.run(['a', 'b'], { backend })).stdout).toBe(`${path} a b\n`)
    byPath.close()
    for (const [file, expected] of [
      [path, / a b\n$/],
      ['/bin/echo', /^a b\n$/],
    ] as const) {
      for (const inheritFds of [false, true]) {
        const fd = openSync(file, 'r')
        const byFd = await template(fd)
        closeSync(fd)
        expect((await byFd.run(['a', 'b'], { backend, inheritFds })).stdout).toMatch(expected)
        byFd.close()
      }
    }
  })

  test('argv0, cwd, and a file in it', async () => {
    const sh = await template('sh')
    const { stdout } = await sh.run(['-c', 'echo $0; pwd'], { backend, argv0: 'x', cwd: '/' })
    expect(stdout).toBe('x\n/\n')
    sh.close()
  })

  test('as an option of run() and spawn(), where file is only its name', async () => {
    const sh = await template('sh')
    const options = { backend, template: sh } as const
    expect((await run('name', ['-c', 'echo $0'], options)).stdout).toBe('name\n')
    expect(await text((await spawn('name', ['-c', 'echo $0'], options)).stdout)).toBe('name\n')
    const error = await rejection(run('sh', [], { ...options, shell: true }))
    expect(error.message).toContain('shell and template exclude each other')
    sh.close()
  })

  test('a replaced file is used', async () => {
    const path = script('echo one')
    const pinned = await template(path)
    expect((await pinned.run([], { backend })).stdout).toBe('one\n')
    script('echo two', path)
    expect((await pinned.run([], { backend })).stdout).toBe('two\n')
    copyFileSync('/bin/echo', `${path}.echo`)
    renameSync(`${path}.echo`, path)
    expect((await pinned.run(['three'], { backend })).stdout).toBe('three\n')
    pinned.close()
  })

  test("with onStale 'error' it fails with ESTALE", async () => {
    const path = script('echo one')
    const pinned = await template(path, { onStale: 'error' })
    chmodSync(path, 0o700)
    const error = await rejection(pinned.run([], { backend }))
    expect(error).toBeInstanceOf(SpawnError)
    expect(error).toMatchObject({ code: 'ESTALE', step: 'exec', path })
    pinned.close()
  })

  test('a file that is gone', async () => {
    const path = script('echo one')
    const pinned = await template(path)
    unlinkSync(path)
    const error = await rejection(pinned.run([], { backend }))
    expect(error).toMatchObject({ code: 'ENOENT', step: 'exec', path })
    pinned.close()
  })

  test('closing does not affect what has been started', async () => {
    const sleep = await template('sleep')
    const running = Array.from({ length: 20 }, () => sleep.run(['0.05'], { backend }))
    sleep.close()
    const results = await Promise.all(running)
    expect(results.map(({ exitCode }) => exitCode)).toEqual(Array(20).fill(0))
  })
})

test.each([
  ['a missing program', 'no-such-program', 'ENOENT'],
  ['a missing path', '/nowhere/at/all', 'ENOENT'],
  ['a file that is no program', '/etc/passwd', 'EACCES'],
  ['a directory', '/', 'EACCES'],
  ['a descriptor that is not open', 999, 'EBADF'],
])('%s', async (_name, file, code) => {
  const error = await rejection(template(file))
  expect(error).toBeInstanceOf(SpawnError)
  expect(error).toMatchObject({ code, step: 'exec' })
})
