/** Failures before the exec: the step, the error, and a message that helps. */
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { run, SpawnError, type SpawnOptions, template } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { isRoot, nothingLeft, openFds, rejection, until } from '../support.js'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))

const file = (name: string, content: string, mode: number) => {
  const path = join(dir, name)
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}
const locked = join(dir, 'locked')
mkdirSync(locked, { mode: 0o700 })
chmodSync(dir, 0o755)
symlinkSync('loop', join(dir, 'loop'))

const noFormat = file('no-format', 'neither a program nor a script', 0o755)
const noInterpreter = file('no-interpreter', '#!/nowhere/sh\n', 0o755)
const notExecutable = file('not-executable', '#!/bin/sh\n', 0o644)
const nobody = { uid: 61234, gid: 61234 }

/** A descriptor of ours that no child gets. */
const ours = openSync('/usr', 'r')
afterAll(() => closeSync(ours))

const controllers = (group: string) =>
  readFileSync(join(group, 'cgroup.controllers'), 'utf8').split(/\s+/).filter(Boolean)

interface Failure {
  name: string
  command: string
  options?: SpawnOptions
  step: string
  code: string
  says: string
  root?: boolean
}

const failures: Failure[] = [
  {
    name: 'no such program',
    command: 'no-such',
    step: 'exec',
    code: 'ENOENT',
    says: 'check its name, or PATH',
  },
  { name: 'no such path', command: '/no/such', step: 'exec', code: 'ENOENT', says: '"/no/such"' },
  {
    name: 'an interpreter that is missing',
    command: noInterpreter,
    step: 'exec',
    code: 'ENOENT',
    says: noInterpreter,
  },
  {
    name: 'a file that is not a program',
    command: noFormat,
    step: 'exec',
    code: 'ENOEXEC',
    says: 'begins with #!',
  },
  {
    name: 'a file that may not be run',
    command: notExecutable,
    step: 'exec',
    code: 'EACCES',
    says: 'not executable',
  },
  { name: 'a directory', command: dir, step: 'exec', code: 'EACCES', says: dir },
  {
    name: 'links in a circle',
    command: join(dir, 'loop'),
    step: 'exec',
    code: 'ELOOP',
    says: 'loop',
  },
  {
    name: 'a name that is too long',
    command: '/'.padEnd(5000, 'x'),
    step: 'exec',
    code: 'ENAMETOOLONG',
    says: 'execveat',
  },
  {
    name: 'a path through a file',
    command: '/etc/passwd/x',
    step: 'exec',
    code: 'ENOTDIR',
    says: '/etc/passwd/x',
  },
  {
    name: 'no such cwd',
    command: 'true',
    options: { cwd: '/nowhere' },
    step: 'cwd',
    code: 'ENOENT',
    says: 'the working directory does not exist',
  },
  {
    name: 'a program by a descriptor of ours',
    command: `/proc/self/fd/${ours}/bin/true`,
    step: 'exec',
    code: 'ENOENT',
    says: `the child's own descriptor ${ours}, which it does not have`,
  },
  {
    name: 'a cwd by a descriptor of ours',
    command: 'true',
    options: { cwd: `/dev/fd/${ours}` },
    step: 'cwd',
    code: 'ENOENT',
    says: `the child's own descriptor ${ours}, which it does not have`,
  },
  {
    name: 'a cwd that is a file',
    command: 'true',
    options: { cwd: '/etc/passwd' },
    step: 'cwd',
    code: 'ENOTDIR',
    says: 'is not a directory',
  },
  {
    name: 'both missing: the cwd comes first',
    command: 'no-such',
    options: { cwd: '/nowhere' },
    step: 'cwd',
    code: 'ENOENT',
    says: '"/nowhere"',
  },
  {
    name: 'a file for stdout that cannot be made',
    command: 'true',
    options: { stdio: ['ignore', { path: '/nowhere/x' }, 'ignore'] },
    step: 'stdio[1]',
    code: 'ENOENT',
    says: '"/nowhere/x"',
  },
  {
    name: 'a file for stdin relative to cwd',
    command: 'true',
    options: { cwd: '/etc', stdio: [{ path: 'nowhere' }, 'ignore', 'ignore'] },
    step: 'stdio[0]',
    code: 'ENOENT',
    says: '"nowhere"',
  },
  {
    name: 'a descriptor that is not open',
    command: 'true',
    options: { stdio: ['ignore', 'ignore', 999] },
    step: 'stdio[2]',
    code: 'EBADF',
    says: 'fcntl',
  },
  {
    name: 'a cgroup that is not one',
    command: 'true',
    options: { cgroup: '/tmp' },
    step: 'clone',
    code: 'EBADF',
    says: 'clone3',
  },
  {
    name: 'a cgroup by a descriptor that is not open',
    command: 'true',
    options: { cgroup: 999 },
    step: 'clone',
    code: 'EBADF',
    says: 'clone3',
  },
  {
    name: 'a group that may not be joined',
    command: 'true',
    options: { processGroup: 1 },
    step: 'session',
    code: 'EPERM',
    says: 'setpgid',
  },
  {
    name: 'a limit above the hard one',
    command: 'true',
    options: { rlimits: { nofile: 2 ** 40 } },
    step: 'limits',
    code: 'EPERM',
    says: 'prlimit64',
  },
]

describe.each(testedBackends)('failures by %s', (backend) => {
  test.each(failures)('$name', async ({ command, options, step, code, says }) => {
    await run('true', [], { backend })
    const before = openFds()
    const error = await rejection(run(command, ['x'], { backend, ...options }))
    expect(error).toBeInstanceOf(SpawnError)
    expect(error).toMatchObject({ step, code, spawnargs: ['x'] })
    expect(error.errno).toBeLessThan(0)
    expect(error.message).toContain(`${step} failed: `)
    expect(error.message).toContain(says)
    await nothingLeft(before)
  })

  test('a file that is missing below a descriptor that the child has', async () => {
    const stdio = ['ignore', 'ignore', 'ignore', ours] as const
    const error = await rejection(run('/dev/fd/3/nowhere', [], { backend, stdio }))
    expect(error).toMatchObject({ step: 'exec', code: 'ENOENT', path: '/dev/fd/3/nowhere' })
    expect(error.message).not.toContain('which it does not have')
    // A template opens its program here.
    const opened = await rejection(Promise.resolve().then(() => template('/dev/fd/999')))
    expect(opened).toMatchObject({ code: 'ENOENT' })
    expect(opened.message).not.toContain("the child's")
  })

  test.runIf(isRoot)('a cwd that the new user may not enter', async () => {
    // Directories are entered before rights are dropped, as in a shell.
    expect(await run('true', [], { backend, cwd: locked, ...nobody })).toMatchObject({
      exitCode: 0,
    })
    const own = file('own', '#!/bin/sh\n', 0o700)
    const error = await rejection(run(own, [], { backend, ...nobody }))
    expect(error).toMatchObject({ step: 'exec', code: 'EACCES' })
  })

  test('E2BIG: one argument, all of them, the environment', async () => {
    const long = 'x'.repeat(200_000)
    const many = Array.from({ length: 40 }, () => 'x'.repeat(100_000))
    const limit = { rlimits: { stack: 4 * 2 ** 20 } }
    for (const call of [
      () => run('true', [long], { backend }),
      () => run('true', many, { backend, ...limit }),
      () => run('true', [], { backend, env: { PATH: process.env.PATH, LONG: long } }),
    ]) {
      expect(await rejection(call())).toMatchObject({ step: 'exec', code: 'E2BIG' })
    }
  })

  /** The folder to make cgroups in, with all controllers enabled for its children. */
  const unified = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find((path) => {
    try {
      readFileSync(join(path, 'cgroup.procs'))
      const all = controllers(path).map((name) => `+${name}`)
      writeFileSync(join(path, 'cgroup.subtree_control'), all.join(' '))
      return true
    } catch {
      return false
    }
  })
  const has = (name: string) => isRoot && unified && controllers(unified).includes(name)

  /** Runs `work` with a cgroup that has `limits`, files by name. */
  const inGroup = async (limits: object, work: (group: string) => Promise<void>) => {
    const group = join(unified as string, `uring-spawn-${process.pid}-${backend}`)
    mkdirSync(group)
    try {
      for (const [name, limit] of Object.entries(limits)) writeFileSync(join(group, name), limit)
      await work(group)
    } finally {
      // An ended process leaves its cgroup a little later.
      await until(() => {
        try {
          rmdirSync(group)
        } catch {}
        return !existsSync(group)
      })
    }
  }

  test.runIf(isRoot && unified)('a cgroup is entered', () =>
    inGroup({}, async (cgroup) => {
      const { stdout } = await run('cat', ['/proc/self/cgroup'], { backend, cgroup })
      expect(stdout).toContain(`uring-spawn-${process.pid}-${backend}`)
      const fd = openSync(cgroup, 'r')
      const byFd = await run('cat', ['/proc/self/cgroup'], { backend, cgroup: fd })
      closeSync(fd)
      expect(byFd.stdout).toBe(stdout)
      expect(readFileSync('/proc/self/cgroup', 'utf8')).not.toBe(stdout)
    }),
  )

  test.runIf(has('pids'))('no room for a process in its cgroup: EAGAIN of clone', () =>
    inGroup({ 'pids.max': '0' }, async (cgroup) => {
      const error = await rejection(run('true', [], { backend, cgroup }))
      expect(error).toMatchObject({ step: 'clone', code: 'EAGAIN', syscall: 'clone3' })
      await nothingLeft()
    }),
  )

  test.runIf(has('memory'))('no memory in its cgroup: only the child dies', () =>
    inGroup({ 'memory.max': '65536' }, async (cgroup) => {
      // The kernel kills a process beyond the limit, in its exec or later, or an
      // allocation fails with ENOMEM.
      const said = await run('true', [], { backend, cgroup }).catch((error) => error)
      if (said instanceof SpawnError) {
        expect(said).toMatchObject({ step: 'exec' })
        expect(['ENOMEM', 'ECANCELED']).toContain(said.code)
      } else expect(said).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
      expect(readFileSync(join(cgroup, 'memory.events'), 'utf8')).toMatch(/^max [1-9]/m)
      await nothingLeft()
      expect(await run('true', [], { backend })).toMatchObject({ exitCode: 0 })
    }),
  )
})
