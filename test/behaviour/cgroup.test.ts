/** cgroup: 'new', where this process may make cgroups, and what it says where it may not. */
import { spawn as nodeSpawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { run, type SpawnError, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { inNode, inTime, isRoot, rejection, text, until, withoutCredentials } from '../support.js'

/** The directory of this process's cgroup v2, if that is mounted at one of the usual places. */
function ownCgroup(): string | undefined {
  const path = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '/'
  return ['/sys/fs/cgroup', '/sys/fs/cgroup/unified']
    .filter((mount) => existsSync(`${mount}/cgroup.procs`))
    .map((mount) => `${mount}${path}`.replace(/\/$/, ''))
    .find((directory) => existsSync(directory))
}

const own = ownCgroup()

/** Whether there is one that we may make others in, with a child in it. */
async function mayMake(): Promise<boolean> {
  if (own === undefined) return false
  const path = `${own}/uring-spawn-test-${process.pid}`
  try {
    mkdirSync(path)
    try {
      await run('true', [], { cgroup: path })
      return true
    } finally {
      rmdirSync(path)
    }
  } catch {
    return false
  }
}

const may = await mayMake()

const left = (parent: number | undefined = process.pid) =>
  readdirSync(own ?? '').filter((name) => name.startsWith(`uring-spawn-${parent}-`))

function runs(pid: number): boolean {
  try {
    return !/^.*\) [ZX] /s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

describe.runIf(may).each(testedBackends)("cgroup: 'new' by %s", (backend) => {
  const options = { backend, cgroup: 'new' } as const

  test('a child has one of its own, which is removed', async () => {
    const { stdout } = await run('cat', ['/proc/self/cgroup'], options)
    expect(stdout).toMatch(new RegExp(`^0::.*/uring-spawn-${process.pid}-\\d+-\\d+$`, 'm'))
    expect(left()).toEqual([])
  })

  test('what it leaves behind in sessions of its own is killed with its end', async () => {
    const line =
      'setsid sleep 600 & echo $!; setsid sh -c "sleep 600 & sleep 600" & sleep 0.1; exit 3'
    const result = await run('sh', ['-c', line], options)
    expect(result).toMatchObject({ exitCode: 3, signal: null })
    expect(runs(Number(result.stdout))).toBe(false)
    expect(left()).toEqual([])
  })

  test('a timeout ends all of it, and so does kill()', async () => {
    const result = await inTime(
      (timeout) => run('sh', ['-c', 'setsid sleep 600 & echo $!; wait'], { ...options, timeout }),
      ({ stdout }) => stdout !== '',
    )
    expect(result).toMatchObject({ timedOut: true, signal: 'SIGTERM' })
    expect(runs(Number(result.stdout))).toBe(false)
    const child = await spawn('sh', ['-c', 'setsid sleep 600 & wait'], {
      ...options,
      cwd: '/tmp',
      stdio: 'ignore',
    })
    child.kill()
    await child.exited
    await until(() => left().length === 0)
  })

  test('a start that fails leaves none', async () => {
    expect(await rejection(run('no-such-program', [], options))).toMatchObject({ code: 'ENOENT' })
    expect(await rejection(run('true', [], { ...options, cwd: '/nowhere' }))).toMatchObject({
      step: 'cwd',
    })
    await until(() => left().length === 0)
  })

  test.each([
    ['a child', "await spawn('sh', ['-c', line], options)"],
    ['one that is waited for', "runSync('sh', ['-c', line], options)"],
  ])('with onParentExit, %s ends with a parent that gets SIGKILL', async (_, call) => {
    const source = `
      import { runSync, spawn } from '${new URL('../../dist/index.js', import.meta.url).href}'
      const stdio = ['ignore', 3, 'ignore']
      const options = { ...${JSON.stringify(options)}, onParentExit: 'kill', stdio }
      const line = 'setsid sh -c "echo up; exec sleep 600" & wait'
      ${call}
      setInterval(() => {}, 1000)`
    const parent = nodeSpawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    })
    const held = parent.stdio[3] as Readable
    await once(held, 'data')
    expect(left(parent.pid)).toHaveLength(1)
    parent.kill('SIGKILL')
    await text(held)
    await until(() => left(parent.pid).length === 0)
  })

  test('many at once, some of which start in a later turn', async () => {
    const all = await Promise.all(Array.from({ length: 40 }, () => run('true', [], options)))
    expect(all.every(({ exitCode }) => exitCode === 0)).toBe(true)
    expect(left()).toEqual([])
  })
})

const refused = withoutCredentials()

test.runIf(isRoot && own !== undefined && refused === '')(
  'a cgroup that is not delegated: an error that says so',
  () => {
    const said = inNode(`
      await run('true')
      process.setgid(65534)
      process.setuid(65534)
      const error = await run('true', [], { cgroup: 'new' }).catch((error) => error)
      console.log(JSON.stringify({ ...error, message: error.message }))`)
    expect(said).toMatchObject({ code: 'EACCES', step: 'clone', syscall: 'mkdir' })
    expect((said as SpawnError).message).toContain(
      `the cgroup ${own} is not delegated to this user`,
    )
  },
)
