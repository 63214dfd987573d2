/** Options that shape the process, as the program sees them. */
import { execFile, execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { type RlimitName, run, spawn, template } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { HANG, isRoot, rejection, text } from '../support.js'

const dir = mkdtempSync(join(tmpdir(), 'uring spawn '))
afterAll(() => rmSync(dir, { recursive: true }))

/** The lines of /proc/self/limits, by their names in rlimits. */
const limitLines: Record<RlimitName, string> = {
  cpu: 'Max cpu time',
  fsize: 'Max file size',
  data: 'Max data size',
  stack: 'Max stack size',
  core: 'Max core file size',
  rss: 'Max resident set',
  nproc: 'Max processes',
  nofile: 'Max open files',
  memlock: 'Max locked memory',
  as: 'Max address space',
  locks: 'Max file locks',
  sigpending: 'Max pending signals',
  msgqueue: 'Max msgqueue size',
  nice: 'Max nice priority',
  rtprio: 'Max realtime priority',
  rttime: 'Max realtime timeout',
}

/** Whether limits may be raised: by default no user may have either of the two priorities. */
const CAP_SYS_RESOURCE = 24n
const effective = /^CapEff:\t(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
const mayRaise = ((BigInt(`0x${effective}`) >> CAP_SYS_RESOURCE) & 1n) === 1n

/** Values for a limit, high enough for cat to start. */
function limitFor(name: RlimitName): [soft: number, hard: number] {
  if (name === 'as' || name === 'data' || name === 'stack') return [2 ** 30, 2 ** 30]
  if (name === 'rttime') return [1000, 2000]
  if (name === 'nice' || name === 'rtprio') return mayRaise ? [10, 20] : [0, 0]
  return [4096, 8192]
}

describe.each(testedBackends)('options by %s', (backend) => {
  const out = async (line: string, options = {}) =>
    (await run('sh', ['-c', line], { backend, check: true, ...options })).stdout.toString()

  test('a URL with a blank as cwd, a symbolic link, and none', async () => {
    mkdirSync(join(dir, 'real'), { recursive: true })
    rmSync(join(dir, 'link'), { force: true })
    symlinkSync('real', join(dir, 'link'))
    expect(await out('pwd -P', { cwd: pathToFileURL(join(dir, 'link')) })).toBe(`${dir}/real\n`)
    expect(await out('pwd')).toBe(`${process.cwd()}\n`)
  })

  test('a program relative to cwd is searched for there', async () => {
    expect(await out('./sh -c pwd', { cwd: '/bin' })).toMatch(/bin\n$/)
    const found = await run('./sh', ['-c', 'echo here'], { backend, cwd: '/bin' })
    expect(found.stdout).toBe('here\n')
    const error = await rejection(run('./sh', [], { backend, cwd: '/' }))
    expect(error).toMatchObject({ step: 'exec', code: 'ENOENT' })
  })

  test('env: the whole of it, and process.env as it is now', async () => {
    const { stdout } = await run('env', [], {
      backend,
      env: { PATH: process.env.PATH, ONLY: 'this' },
    })
    expect(stdout).toBe(`PATH=${process.env.PATH}\nONLY=this\n`)
    process.env.URING_SPAWN_TEST = 'set just now: ü'
    expect(await out('echo $URING_SPAWN_TEST')).toBe('set just now: ü\n')
    process.env.URING_SPAWN_TEST = 'changed'
    expect(await out('echo $URING_SPAWN_TEST')).toBe('changed\n')
    delete process.env.URING_SPAWN_TEST
    expect(await out('printenv URING_SPAWN_TEST || echo gone')).toBe('gone\n')
  })

  test.each([undefined, null])(
    'process.env that is %s is an empty environment',
    async (nothing) => {
      const { env } = process
      const seen = async () => (await run('/usr/bin/env', [], { backend })).stdout
      try {
        process.env = nothing as unknown as NodeJS.ProcessEnv
        expect(await seen()).toBe('')
        const found = await template('echo')
        found.close()
        if (nothing === undefined) Reflect.deleteProperty(process, 'env')
        expect(await seen()).toBe('')
      } finally {
        process.env = env
      }
      expect(await seen()).toContain('PATH=')
    },
  )

  test('PATH: its order, empty parts, files that may not be run, and no PATH', async () => {
    const path = (PATH: string) => ({ backend, env: { PATH } })
    expect((await run('echo', ['x'], path('/nowhere:/etc/passwd:/bin'))).stdout).toBe('x\n')
    expect((await run('sh', ['-c', 'echo y'], { ...path(':/nowhere'), cwd: '/bin' })).stdout).toBe(
      'y\n',
    )
    expect(await rejection(run('passwd', [], path('/nowhere:/etc')))).toMatchObject({
      code: 'EACCES',
    })
    expect(await rejection(run('echo', [], path('/nowhere')))).toMatchObject({ code: 'ENOENT' })
    expect((await run('echo', ['z'], { backend, env: {} })).stdout).toBe('z\n')
    const long = Array.from({ length: 300 }, (_, index) => `/nowhere/${index}`).join(':')
    expect((await run('echo', ['w'], path(`${long}:/bin`))).stdout).toBe('w\n')
  })

  test('PATH: goes on and stops as execvp(3) does, with the most telling error', async () => {
    const folder = (name: string, content?: string, mode = 0o755) => {
      const path = join(dir, name)
      mkdirSync(path, { recursive: true })
      if (content !== undefined) writeFileSync(join(path, 'found'), content, { mode })
      return path
    }
    const nothing = folder('nothing')
    const noFormat = folder('no-format', 'no program')
    const noRight = folder('no-right', '#!/bin/sh\n', 0o644)
    const noInterpreter = folder('no-interpreter', '#!/nowhere/sh\n')
    const loop = folder('loop')
    rmSync(join(loop, 'found'), { force: true })
    symlinkSync('found', join(loop, 'found'))
    const good = folder('good', '#!/bin/sh\necho "$0"\n')
    const path = (...parts: string[]) => ({ backend, env: { PATH: parts.join(':') } })
    for (const bad of [nothing, noRight, noInterpreter, '/etc/passwd', '/no']) {
      const { stdout } = await run('found', [], path(bad, good))
      expect(stdout).toBe(`${good}/found\n`)
    }
    for (const [code, bad] of [
      ['ENOEXEC', noFormat],
      ['ELOOP', loop],
    ] as const) {
      const error = await rejection(run('found', [], path(nothing, bad, good)))
      expect([error.code, error.step]).toEqual([code, 'exec'])
    }
    for (const [code, ...parts] of [
      ['ENOENT', nothing, '/etc/passwd', noInterpreter],
      ['EACCES', nothing, noRight, '/no'],
      ['ENOEXEC', noRight, noFormat, nothing],
      ['ELOOP', nothing, loop, noFormat, noRight],
    ] as const) {
      const error = await rejection(run('found', [], path(...parts)))
      expect([error.code, error.step]).toEqual([code, 'exec'])
    }
  })

  test('arguments are passed unchanged', async () => {
    const odd = ['', ' ', '*', '$HOME', "'", '"', '\\', '\n', 'ü', '-n', '--']
    const { stdout } = await run('printf', ['%s\\0', ...odd], { backend })
    expect(stdout.split('\0').slice(0, -1)).toEqual(odd)
  })

  test('many arguments', async () => {
    const many = Array.from({ length: 20_000 }, (_, index) => String(index))
    const { stdout } = await run('sh', ['-c', 'echo $#', 'sh', ...many], { backend })
    expect(stdout).toBe('20000\n')
  })

  test('shell: a line, another shell, and with arguments', async () => {
    expect((await run('echo $0 | cat', [], { backend, shell: true })).stdout).toBe('/bin/sh\n')
    const bash = await run('[[ $BASH ]] && echo bash', ['again'], { backend, shell: '/bin/bash' })
    expect(bash.stdout).toBe('bash again\n')
  })

  test('detached is a session, processGroup a group', async () => {
    const fields = async (options: object) =>
      (
        await run('cut', ['-d', ' ', '-f', '1,5,6', '/proc/self/stat'], { backend, ...options })
      ).stdout
        .toString()
        .trim()
        .split(' ')
        .map(Number)
    const mine = readFileSync('/proc/self/stat', 'utf8').split(' ')
    const [pid, group, session] = await fields({ detached: true })
    expect([group, session]).toEqual([pid, pid])
    const [pid2, group2, session2] = await fields({ processGroup: 0 })
    expect([group2, session2]).toEqual([pid2, Number(mine[5])])
    const leader = await spawn('sleep', ['60'], { backend, processGroup: 0 })
    const [, joined] = await fields({ processGroup: leader.pid })
    expect(joined).toBe(leader.pid)
    await leader[Symbol.asyncDispose]()
    const error = await rejection(run('true', [], { backend, processGroup: 4_000_000 }))
    expect(error).toMatchObject({ step: 'session', syscall: 'setpgid' })
  })

  test.each(Object.keys(limitLines) as RlimitName[])('rlimit %s', async (name) => {
    const [soft, hard] = limitFor(name)
    const rlimits = { [name]: soft === hard ? soft : { soft, hard } }
    // Not by a shell, which needs more to start.
    const { stdout } = await run('cat', ['/proc/self/limits'], { backend, rlimits })
    const line = stdout.split('\n').find((line) => line.startsWith(limitLines[name]))
    const values = line?.slice(26).trim().split(/\s+/).slice(0, 2)
    expect(values).toEqual([String(soft), String(hard)])
  })

  test('a limit of Infinity, and one that is too high', async () => {
    const rlimits = { core: Number.POSITIVE_INFINITY }
    if (isRoot) expect(await out('ulimit -c', { rlimits })).toBe('unlimited\n')
    const error = await rejection(run('true', [], { backend, rlimits: { nofile: 2 ** 40 } }))
    expect(error).toMatchObject({ step: 'limits', code: 'EPERM', syscall: 'prlimit64' })
  })

  test.runIf(isRoot)('without permission: limits, priority, credentials', async () => {
    const nobody = { uid: 61234, gid: 61234 }
    const inner = (options: string) => `
      import { run } from '${new URL('../../dist/index.js', import.meta.url).href}'
      const { step, code, message } = await run('true', [], { backend: '${backend}', ...${options} })
        .catch((error) => error)
      console.log(JSON.stringify([step, code]), message)`
    for (const [options, expected] of [
      ['{ uid: 0 }', '["credentials","EPERM"]'],
      ['{ gid: 0 }', '["credentials","EPERM"]'],
      ['{ groups: [0] }', '["credentials","EPERM"]'],
      ['{ nice: -5 }', '["limits","EPERM"]'],
    ] as const) {
      const result = await run(process.execPath, ['--input-type=module', '-e', inner(options)], {
        ...nobody,
        backend,
        cwd: '/',
      })
      expect(result.stdout).toContain(expected)
    }
  })

  test.runIf(isRoot)('uid and gid are real, effective and saved', async () => {
    const { stdout } = await run('grep', ['^[UG]id', '/proc/self/status'], {
      backend,
      uid: 1234,
      gid: 4321,
    })
    expect(stdout).toBe('Uid:\t1234\t1234\t1234\t1234\nGid:\t4321\t4321\t4321\t4321\n')
  })

  test('noNewPrivs: for the child and its own children, and only with the option', async () => {
    const seen = async (noNewPrivs: boolean | undefined) => {
      const line = "sh -c 'grep NoNewPrivs /proc/self/status'; true"
      const { stdout } = await run('sh', ['-c', line], { backend, noNewPrivs })
      return /NoNewPrivs:\s*(\d)/.exec(stdout)?.[1]
    }
    const own = /NoNewPrivs:\s*(\d)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    expect([await seen(true), await seen(false), await seen(undefined)]).toEqual(['1', own, own])
  })

  test.runIf(isRoot)('groups alone', async () => {
    const { stdout } = await run('id', ['-G'], { backend, groups: [7, 8] })
    expect(stdout).toBe(`${process.getgid?.()} 7 8\n`)
  })

  test('inheritFds: what the program itself has inherited, and only with the option', () => {
    const code = `
      import { run } from '${new URL('../../dist/index.js', import.meta.url).href}'
      const list = async (inheritFds) => {
        const { stdout } = await run('ls', ['/proc/self/fd'], { backend: '${backend}', inheritFds })
        return stdout.trim().split('\\n')
      }
      console.log(JSON.stringify([await list(true), await list(false)]))`
    // Node marks those below 16 close-on-exec.
    const line = 'exec 40</etc/hostname; exec "$0" --input-type=module -e "$1"'
    const out = execFileSync('bash', ['-c', line, process.execPath, code], {
      encoding: 'utf8',
      timeout: HANG,
    })
    const [all, named] = JSON.parse(out)
    expect(all).toContain('40')
    expect(named).toEqual(['0', '1', '2', '3'])
  })

  test('inheritFds: those that are not close-on-exec', async () => {
    const inherited = openSync('/etc/hostname', 'r')
    const { stdout } = await run('ls', ['-l', '/proc/self/fd'], { backend, inheritFds: true })
    // Node opens everything close-on-exec.
    expect(stdout).not.toContain('/etc/hostname')
    closeSync(inherited)
    const named = await spawn('sh', ['-c', 'cat <&7'], {
      backend,
      inheritFds: true,
      stdio: ['ignore', 'pipe', 'inherit', 0, 0, 0, 0, { path: '/etc/hostname', flags: 'r' }],
    })
    expect(await text(named.stdout)).toBe(readFileSync('/etc/hostname', 'utf8'))
  })

  test('a concurrent child of node:child_process inherits nothing of ours', async () => {
    const theirs = async () => (await promisify(execFile)('ls', ['/proc/self/fd'])).stdout
    const before = await theirs()
    const busy = Array.from({ length: 50 }, () => run('sleep', ['0.05'], { backend, input: 'x' }))
    const lists = await Promise.all(Array.from({ length: 10 }, theirs))
    await Promise.all(busy)
    expect(lists).toEqual(Array(10).fill(before))
  })
})
