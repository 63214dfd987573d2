import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { getPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { AbortError, run, SpawnError, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { inTime, nothingLeft, openFds, rejection, text } from '../support.js'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))

describe.each(testedBackends)('spawn by %s', (backend) => {
  const sh = (line: string, options = {}) => spawn('sh', ['-c', line], { backend, ...options })

  test('streams, exit code and backend', async () => {
    const child = await sh('cat; echo err >&2; exit 3')
    expect(child.backend).toBe(backend)
    expect(child.pid).toBeGreaterThan(0)
    expect(readFileSync(`/proc/self/fdinfo/${child.pidfd}`, 'utf8')).toContain(`Pid:\t${child.pid}`)
    child.stdin?.end('hello')
    expect(await text(child.stdout)).toBe('hello')
    expect(await text(child.stderr)).toBe('err\n')
    expect(await child.exited).toMatchObject({ code: 3, signal: null })
  })

  test.each(['SIGTERM', 'SIGKILL', 'SIGINT'] as const)('kill with %s', async (signal) => {
    const child = await spawn('sleep', ['60'], { backend })
    expect(child.kill(signal)).toBe(true)
    expect(await child.exited).toMatchObject({ code: null, signal })
    expect(child.kill()).toBe(false)
  })

  test('cwd as path, URL and descriptor', async () => {
    const fd = openSync(dir, 'r')
    for (const options of [
      { cwd: dir },
      { cwd: pathToFileURL(dir) },
      { cwd: fd },
      { cwd: fd, inheritFds: true },
    ]) {
      expect(await text((await sh('pwd', options)).stdout)).toBe(`${dir}\n`)
    }
    closeSync(fd)
    await expect(sh('pwd', { cwd: 999 })).rejects.toMatchObject({ step: 'cwd', code: 'EBADF' })
  })

  test('env, argv0 and PATH of that env', async () => {
    const env = { PATH: `/nowhere:/bin:/usr/bin`, A: 'b', GONE: undefined }
    const child = await spawn('env', [], { backend, env })
    expect(await text(child.stdout)).toBe('PATH=/nowhere:/bin:/usr/bin\nA=b\n')
    const named = await spawn('sh', ['-c', 'echo $0'], { backend, argv0: 'x' })
    expect(await text(named.stdout)).toBe('x\n')
  })

  test('umask, nice, limits and session', async () => {
    // Only root may go below this process's value.
    const niceness = Math.min(19, getPriority() + 3)
    const child = await sh('umask; nice; ulimit -n; cut -d " " -f 6 /proc/$$/stat', {
      umask: 0o27,
      nice: niceness,
      rlimits: { nofile: 64 },
      detached: true,
    })
    expect(await text(child.stdout)).toBe(`0027\n${niceness}\n64\n${child.pid}\n`)
  })

  test.runIf(process.getuid?.() === 0)('uid, gid, and no groups of root', async () => {
    const child = await sh('id -u; id -g; id -G', { uid: 1234, gid: 1235 })
    expect(await text(child.stdout)).toBe('1234\n1235\n1235\n')
    const both = await sh('id -G', { uid: 1234, gid: 1235, groups: [7, 8] })
    expect(await text(both.stdout)).toBe('1235 7 8\n')
  })

  test('no signal ignored or blocked', async () => {
    const child = await spawn('grep', ['Sig[BI]', '/proc/self/status'], { backend })
    const zero = '0000000000000000'
    expect(await text(child.stdout)).toBe(`SigBlk:\t${zero}\nSigIgn:\t${zero}\n`)
  })

  test('no signal ignored or blocked, whoever makes the child', async () => {
    const zero = '0000000000000000'
    // With `vfork` a native thread makes the first, and the JavaScript thread the others.
    for (let i = 0; i < 3; i++) {
      const { stdout } = await run('grep', ['Sig[BI]', '/proc/self/status'], { backend })
      expect(stdout).toBe(`SigBlk:\t${zero}\nSigIgn:\t${zero}\n`)
    }
  })

  test('exactly the listed descriptors', async () => {
    const extra = openSync('/etc/hostname', 'r')
    const child = await sh('ls -1 /proc/$$/fd', { stdio: ['ignore', 'pipe', 'ignore', extra] })
    closeSync(extra)
    expect(await text(child.stdout)).toBe('0\n1\n2\n3\n')
  })

  test.each([false, true])('descriptors that change places, inheritFds %s', async (inheritFds) => {
    const a = openSync(join(dir, 'a'), 'w+')
    const b = openSync(join(dir, 'b'), 'w+')
    const stdio: number[] = []
    const top = Math.max(a, b)
    for (let fd = 0; fd <= top; fd++) stdio[fd] = fd < 3 ? fd : 2
    stdio[a] = b
    stdio[b] = a
    // Not sh: dash supports only descriptors of one digit.
    const line = `echo a >&${a}; echo b >&${b}`
    const child = await spawn('bash', ['-c', line], { backend, stdio, inheritFds })
    await child.exited
    closeSync(a)
    closeSync(b)
    expect(readFileSync(join(dir, 'a'), 'utf8')).toBe('b\n')
    expect(readFileSync(join(dir, 'b'), 'utf8')).toBe('a\n')
  })

  test('a file opened in the child, in its cwd, with its umask', async () => {
    const child = await sh('echo out; stat -c %a out', {
      cwd: dir,
      umask: 0o77,
      stdio: ['ignore', { path: 'out', mode: 0o644 }, 'ignore'],
    })
    await child.exited
    expect(readFileSync(join(dir, 'out'), 'utf8')).toBe('out\n600\n')
  })

  test.each([
    ['missing cwd', 'true', { cwd: '/nowhere' }, 'cwd', 'ENOENT', 'openat', '/nowhere'],
    ['cwd a file', 'true', { cwd: '/etc/passwd' }, 'cwd', 'ENOTDIR', 'openat', '/etc/passwd'],
    ['missing program', 'no-such', {}, 'exec', 'ENOENT', 'execveat', 'no-such'],
    ['no permission', '/etc/passwd', {}, 'exec', 'EACCES', 'execveat', '/etc/passwd'],
    [
      'missing file for stdin',
      'true',
      { stdio: [{ path: '/nowhere' }] },
      'stdio[0]',
      'ENOENT',
      'openat',
      '/nowhere',
    ],
    ['a closed descriptor', 'true', { stdio: [999] }, 'stdio[0]', 'EBADF', 'fcntl', undefined],
    ['a missing cgroup', 'true', { cgroup: '/nowhere' }, 'clone', 'ENOENT', 'open', '/nowhere'],
  ])('%s', async (_name, file, options, step, code, syscall, path) => {
    const before = openFds()
    const error = await spawn(file, ['x'], { ...options, backend }).catch((error) => error)
    expect(error).toBeInstanceOf(SpawnError)
    expect(error).toMatchObject({ step, code, syscall, path, spawnargs: ['x'] })
    // Streams of earlier tests close when they are garbage-collected, which may be
    // now.
    await nothingLeft(before)
  })

  test('args that are too long', async () => {
    const error = await spawn('true', ['x'.repeat(200_000)], { backend }).catch((error) => error)
    expect(error).toMatchObject({ step: 'exec', code: 'E2BIG' })
  })

  test('aborted before, and while it hangs before its exec', async () => {
    const reason = new Error('enough')
    const aborted = AbortSignal.abort(reason)
    await expect(spawn('true', [], { backend, signal: aborted })).rejects.toMatchObject({
      name: 'AbortError',
      code: 'ABORT_ERR',
      cause: reason,
    })
    const fifo = join(dir, `fifo-${backend}`)
    await (await spawn('mkfifo', [fifo], { backend })).exited
    const controller = new AbortController()
    const hanging = sh('true', { stdio: [{ path: fifo }], signal: controller.signal })
    setTimeout(() => controller.abort(), 50)
    await expect(hanging).rejects.toBeInstanceOf(AbortError)
  })

  test('a timeout before its exec', async () => {
    const fifo = join(dir, `slow-${backend}`)
    await (await spawn('mkfifo', [fifo], { backend })).exited
    const late = {
      name: 'SpawnError',
      code: 'ETIMEDOUT',
      timedOut: true,
      step: 'stdio[0]',
      message: expect.stringMatching(
        /^spawn sh: .*timed out before the program ran: at stdio\[0\], in openat ".*"/,
      ),
    }
    const stdio = [{ path: fifo }]
    // An earlier step is right, too, if the time ended there.
    const error = await inTime(
      (timeout) => rejection(sh('true', { stdio, timeout })),
      ({ step }) => step === 'stdio[0]',
    )
    expect(error).toMatchObject(late)
  })

  test('timeout, and killGrace if that is not enough', async () => {
    const child = await inTime(
      (timeout) => spawn('sleep', ['60'], { backend, timeout }),
      () => true,
    )
    expect(await child.exited).toMatchObject({ signal: 'SIGTERM' })
    const line = "trap '' TERM; echo; while :; do sleep 0.1; done"
    const deaf = await inTime(
      async (timeout) => {
        const child = await sh(line, { timeout, killGrace: 50 })
        return { said: await text(child.stdout), ...(await child.exited) }
      },
      ({ said }) => said !== '',
    )
    expect(deaf).toMatchObject({ signal: 'SIGKILL' })
  })

  test('closed: the exit, and all of the output at its end', async () => {
    const held = await sh('exec 3<&0; (read x <&3; echo late) & exit 4', { stdio: 'pipe' })
    const chunks: string[] = []
    held.stdout.on('data', (chunk) => chunks.push(String(chunk)))
    held.stderr.resume()
    let closed = false
    const closing = held.closed.then((exit) => {
      closed = true
      return exit
    })
    const exit = await held.exited
    expect([closed, chunks]).toEqual([false, []])
    held.stdin.write('x\n')
    expect(await closing).toBe(exit)
    expect(exit.code).toBe(4)
    expect(chunks.join('')).toBe('late\n')
  })

  test('closed, with streams that are never used, destroyed, or that do not exist', async () => {
    const unused = await sh('exec 3<&0; (read x <&3; echo late) & exit 4', { stdio: 'pipe' })
    let closed = false
    unused.closed.then(() => {
      closed = true
    })
    await unused.exited
    expect(closed).toBe(false)
    unused.stdin.write('x\n')
    expect((await unused.closed).code).toBe(4)
    expect(await text(unused.stdout)).toBe('late\n')
    const unread = await sh('exit 7', { stdio: 'pipe' })
    unread.stdout.destroy()
    unread.stderr.destroy()
    expect(await unread.closed).toMatchObject({ code: 7 })
    const none = await sh('exit 6', { stdio: 'ignore' })
    expect(await none.closed).toMatchObject({ code: 6 })
    expect(await none.closed).toBe(await none.exited)
  })

  test('await using kills it', async () => {
    const child = await spawn('sleep', ['60'], { backend })
    await child[Symbol.asyncDispose]()
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' })
  })

  test('leaves no descriptor and no zombie', async () => {
    // Streams of earlier tests close when they are garbage-collected, which is not
    // now.
    const before = openFds()
    for (let round = 0; round < 10; round++) {
      const all = Array.from({ length: 20 }, (_, index) =>
        spawn(index % 2 ? 'true' : '/nowhere', [], { backend, stdio: 'ignore' }).then(
          (child) => child.exited,
          (error) => error,
        ),
      )
      await Promise.all(all)
    }
    await nothingLeft(before)
  })
})
