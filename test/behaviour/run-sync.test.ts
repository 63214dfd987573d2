/** runSync(): the same results as run(), while the thread waits. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { RunError, run, runSync, SpawnError, template } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { nothingLeft, openFds } from '../support.js'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))

/** What `call` throws; undefined if it returns. */
function thrown(call: () => unknown): Error & Record<string, unknown> {
  try {
    call()
  } catch (error) {
    return error as Error & Record<string, unknown>
  }
  throw new Error('it has thrown nothing')
}

/** Whether a process runs; an orphan that nobody reaps does not. */
function runs(pid: number): boolean {
  try {
    return !/^.*\) [ZX] /s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

/** As inTime(), for calls that block. */
function inTimeSync<T>(work: (milliseconds: number) => T, begun: (found: T) => boolean): T {
  for (let ms = 200; ; ms *= 3) {
    const found = work(ms)
    if (begun(found) || ms > 60_000) return found
  }
}

describe.each(testedBackends)('runSync() by %s', (backend) => {
  const sh = (line: string, more = {}) => runSync('sh', ['-c', line], { backend, ...more })

  test('gives what run() gives', async () => {
    const before = openFds()
    const script = ['-c', 'cat; echo err >&2; echo three >&3; pwd; exit 7']
    const options = {
      ...{ backend, input: 'in ', cwd: '/', env: { PATH: process.env.PATH } },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'ignore'] as const,
    }
    const sync = runSync('sh', script, options)
    const later = await run('sh', script, options)
    const { pid: _, durationMs: _ms, rusage: _usage, ...same } = later
    expect(sync).toMatchObject(same)
    expect(Object.keys(sync)).toEqual(Object.keys(later))
    expect(sync.stdio).toEqual([null, 'in /\n', 'err\n', 'three\n', null])
    expect(sync.durationMs).toBeGreaterThan(0)
    expect(sync.rusage.maxRSS).toBeGreaterThan(0)
    await nothingLeft(before)
  })

  test('much of everything, and programs that do not read', () => {
    const input = Buffer.alloc(3_000_000, 'x')
    const { stdout } = runSync('cat', [], { backend, input, encoding: 'buffer' })
    expect(stdout.equals(input)).toBe(true)
    expect(sh('exec <&-; echo done', { input }).stdout).toBe('done\n')
    const all = sh('seq 1000; seq 1000 >&2', { all: true })
    expect(all.all).toBe(`${all.all.slice(0, 3893)}`.repeat(2))
    expect([all.stdout, all.stderr]).toEqual(['', ''])
    writeFileSync(`${dir}/file`, 'from a file')
    expect(sh('test ! -S /dev/stdin && cat', { input: { path: `${dir}/file` } }).stdout).toBe(
      'from a file',
    )
    // As with run(), stdin is a pipe: it can be opened by its name.
    expect(sh('cat /dev/stdin', { input: 'by name' }).stdout).toBe('by name')
  })

  test('its errors are those of run()', async () => {
    const before = openFds()
    const missing = thrown(() => runSync('no-such-program', ['a'], { backend }))
    expect(missing).toBeInstanceOf(SpawnError)
    expect(missing).toMatchObject({ code: 'ENOENT', step: 'exec', file: 'no-such-program' })
    expect(thrown(() => sh('', { cwd: '/no/such' }))).toMatchObject({ step: 'cwd' })
    const stdio = ['ignore', { path: '/no/such/file' }]
    expect(thrown(() => sh('', { stdio }))).toMatchObject({ step: 'stdio[1]', code: 'ENOENT' })
    const failed = thrown(() => sh('echo why >&2; exit 3', { check: true }))
    expect(failed).toBeInstanceOf(RunError)
    expect(failed.message).toBe("sh -c 'echo why >&2; exit 3' exited with 3: why")
    await nothingLeft(before)
  })

  test('a timeout: killSignal, SIGKILL after killGrace, and what was written before', () => {
    const plain = inTimeSync(
      (timeout) => sh('echo begun; exec sleep 600', { timeout }),
      ({ stdout }) => stdout !== '',
    )
    expect(plain).toMatchObject({ timedOut: true, signal: 'SIGTERM', stdout: 'begun\n' })
    const stubborn = inTimeSync(
      (timeout) =>
        sh("trap '' TERM; echo begun; while :; do sleep 0.1; done", { timeout, killGrace: 100 }),
      ({ stdout, signal }) => stdout !== '' && signal === 'SIGKILL',
    )
    expect(stubborn).toMatchObject({ timedOut: true, signal: 'SIGKILL' })
  })

  test('a timeout that passes before the program runs', () => {
    sh(`mkfifo ${dir}/fifo-${backend}`)
    const options = { backend, stdio: [{ path: `${dir}/fifo-${backend}` }] }
    const late = inTimeSync(
      (timeout) => runSync('true', [], { ...options, timeout }),
      ({ step }) => step === 'stdio[0]',
    )
    expect(late).toMatchObject({ pid: null, exitCode: null, timedOut: true, step: 'stdio[0]' })
    const message = 'true timed out before it ran, at stdio[0]'
    const error = inTimeSync(
      (timeout) => thrown(() => runSync('true', [], { ...options, timeout, check: true })),
      (error) => error.message === message,
    )
    expect(error.message).toBe(message)
  })

  test("killTarget: 'group'", () => {
    const line = "(trap '' TERM; exec sleep 600) & echo $$ $!; wait"
    const { stdout, timedOut } = inTimeSync(
      (timeout) => sh(line, { timeout, killTarget: 'group', killGrace: 100 }),
      ({ stdout }) => stdout !== '',
    )
    const end = Date.now() + 60_000
    const pids = stdout.trim().split(' ').map(Number)
    while (pids.some(runs) && Date.now() < end);
    expect([timedOut, pids.length, pids.some(runs)]).toEqual([true, 2, false])
  })

  test('a grandchild that holds the output', () => {
    const line = 'sleep 600 & echo $!; exit 4'
    for (const more of [
      { settle: 'exit' },
      { drainGrace: 0 },
      { drainGrace: 50 },
      { timeout: 1500 },
    ]) {
      const { stdout, exitCode } = sh(line, more)
      expect(exitCode).toBe(4)
      process.kill(Number(stdout), 'SIGKILL')
    }
  })

  test('keep, overflow', () => {
    const script = ['-c', 'seq 2000; seq 5 >&2']
    const all = runSync('sh', script, { backend }).stdout
    for (const keep of ['head', 'tail', 'both'] as const) {
      for (const stdout of [0, 999, all.length - 1]) {
        const half = keep === 'head' ? 0 : keep === 'tail' ? stdout : Math.floor(stdout / 2)
        const result = runSync('sh', script, { backend, keep, maxBuffer: { stdout } })
        const kept = all.slice(0, stdout - half) + all.slice(all.length - half)
        expect(result).toMatchObject({ truncated: true, stderr: '1\n2\n3\n4\n5\n', exitCode: 0 })
        expect(result.stdout === kept).toBe(true)
      }
    }
    const exact = runSync('sh', script, { backend, keep: 'both', maxBuffer: all.length })
    expect([exact.truncated, exact.stdout === all]).toEqual([false, true])
    const options = { backend, maxBuffer: 1000, overflow: 'kill', check: true } as const
    const error = thrown(() => runSync('yes', [], options))
    expect(error).toMatchObject({ reason: 'maxBuffer', signal: 'SIGTERM' })
    expect((error.stdout as string).length).toBe(1000)
  })

  test('a template, and other calls of the same time', async () => {
    const echo = await template('echo')
    const running = run('sh', ['-c', 'sleep 0.2; echo async'], { backend })
    const sync = runSync('anything', ['sync'], { backend, template: echo })
    expect(sync.stdout).toBe('sync\n')
    expect((await running).stdout).toBe('async\n')
    const again = await echo.run(['later'], { backend })
    expect(sync.fromTemplate).toBe(again.fromTemplate)
    echo.close()
  })
})
