/** What container profiles forbid: everything else works on. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { testedBackends } from '../backends.js'
import { HANG } from '../support.js'

/** Those that are left where a filter forbids io_uring and new system calls. */
const backends = testedBackends.filter((name) => name === 'vfork' || name === 'fork')

const deny = fileURLToPath(new URL('../../build/deny', import.meta.url))
const library = new URL('../../dist/index.js', import.meta.url).href

const code = `
  import { probe, run, template } from '${library}'
  const { poller, ioUring } = probe()
  const all = []
  for (const backend of ${JSON.stringify(backends)}) {
    const { stdout } = await run('ls', ['/proc/self/fd'], { backend })
    const { step, code } = await run('true', [], { backend, cwd: '/nowhere' }).catch((e) => e)
    const echo = await template('/bin/echo')
    const byFd = await echo.run(['by', 'fd'], { backend })
    await echo.close()
    const limited = await run('sh', ['-c', 'ulimit -n; exit 3'], { backend, rlimits: { nofile: 64 } })
    const detached = await run('true', [], { backend, detached: true })
    all.push([
      [backend, stdout.split('\\n').join(' '), step, code],
      [byFd.stdout, limited.stdout, limited.exitCode, detached.exitCode],
    ])
  }
  console.log(JSON.stringify({ poller, why: ioUring.why, all }))`

// Not clone3=EPERM: with that libc cannot make a thread, and Node does not start.
test.runIf(backends.length > 0).each([
  [['clone3=ENOSYS'], 'io_uring', undefined],
  [['close_range=ENOSYS'], 'io_uring', undefined],
  [['execveat=ENOSYS'], 'io_uring', undefined],
  [['execveat=EPERM', 'set_robust_list=EPERM'], 'io_uring', undefined],
  [['dup3=ENOSYS', 'set_robust_list=ENOSYS'], 'io_uring', undefined],
  [['setpgid=EPERM'], 'io_uring', undefined],
  [['io_uring_setup=EPERM'], 'epoll', 'EPERM'],
  [['io_uring_setup=ENOSYS', 'clone3=ENOSYS', 'close_range=EPERM'], 'epoll', 'ENOSYS'],
])('%j', (denied, poller, why) => {
  const out = execFileSync(
    deny,
    [...denied, '--', process.execPath, '--input-type=module', '-e', code],
    { encoding: 'utf8', timeout: HANG },
  )
  expect(JSON.parse(out)).toEqual({
    poller,
    why,
    all: backends.map((backend) => [
      [backend, '0 1 2 3 ', 'cwd', 'ENOENT'],
      ['by fd\n', '64\n', 3, 0],
    ]),
  })
})

/** Runs `code` with these calls denied; returns what it logs as JSON. */
function denying(denied: readonly string[], code: string): unknown {
  const args = [...denied, '--', process.execPath, '--input-type=module', '-e', code]
  return JSON.parse(execFileSync(deny, args, { encoding: 'utf8', timeout: HANG }))
}

// As for a program of another user, which only root may signal.
describe.each(backends)('a child by %s that may not be signalled', (backend) => {
  const denied = ['kill=EPERM', 'pidfd_send_signal=EPERM']
  const shell = "'sh', ['-c', 'echo before; sleep 4; echo after; exit 3']"

  test.each([
    ['a timeout', `{ timeout: 1500 }`, true],
    ['a timeout with a grace', `{ timeout: 1500, killGrace: 10 }`, true],
    ['too much output', `{ maxBuffer: 2, overflow: 'kill' }`, false],
  ])('runs to its own end after %s, and says why', (_name, options, timedOut) => {
    const said = denying(
      denied,
      `import { run } from '${library}'
      const { killError, stdout, exitCode, timedOut } =
        await run(${shell}, { ...${options}, backend: '${backend}' })
      console.log(JSON.stringify({ code: killError?.code, stdout, exitCode, timedOut }))`,
    )
    const stdout = timedOut ? 'before\nafter\n' : 'be'
    expect(said).toEqual({ code: 'EPERM', stdout, exitCode: 3, timedOut })
  })

  test('has not ended: kill() and killGroup() throw EPERM', () => {
    const said = denying(
      denied,
      `import { spawn } from '${library}'
      const child = await spawn('cat', [], { backend: '${backend}', detached: true })
      const code = (signal) => { try { return signal() } catch (error) { return error.code } }
      const all = [code(() => child.kill()), code(() => child.kill(0)), code(() => child.killGroup())]
      child.stdin.end()
      await child.exited
      console.log(JSON.stringify([...all, child.kill(), child.killGroup()]))`,
    )
    expect(said).toEqual(['EPERM', 'EPERM', 'EPERM', false, false])
  })
})
