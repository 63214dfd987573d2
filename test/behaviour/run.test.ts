import { constants } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { RunError, run } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { inTime, rejection, until } from '../support.js'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))

describe.each(testedBackends)('run by %s', (backend) => {
  const sh = (line: string, options = {}) => run('sh', ['-c', line], { backend, ...options })

  test('output, status and backend', async () => {
    const result = await sh('echo out; echo err >&2; exit 7')
    expect(result).toMatchObject({
      exitCode: 7,
      signal: null,
      stdout: 'out\n',
      stderr: 'err\n',
      truncated: false,
      timedOut: false,
      backend,
    })
  })

  test('bytes come back unchanged, 10 MB each way', async () => {
    const input = randomBytes(10 * 1024 * 1024)
    const { stdout, stderr } = await sh('tee /dev/stderr', { input, encoding: 'buffer' })
    expect(input.equals(stdout as unknown as Buffer)).toBe(true)
    expect(input.equals(stderr as unknown as Buffer)).toBe(true)
  })

  test('a child that does not read its input', async () => {
    expect(await run('true', [], { backend, input: 'x'.repeat(1e6) })).toMatchObject({
      exitCode: 0,
    })
  })

  test('input without a pipe to write it to', async () => {
    const options = { backend, input: 'x', stdio: ['ignore', 'pipe', 'pipe'] } as const
    await expect(run('cat', [], options)).rejects.toThrow("input needs stdio[0] to be 'pipe'")
  })

  test('encodings', async () => {
    expect((await run('printf', ['\\377'], { backend, encoding: 'hex' })).stdout).toBe('ff')
    expect((await run('printf', ['ü'], { backend })).stdout).toBe('ü')
  })

  test('beyond maxBuffer', async () => {
    const line = 'head -c 100000 /dev/zero'
    const cut = await sh(line, { maxBuffer: 1000 })
    expect(cut).toMatchObject({ exitCode: 0, truncated: true })
    expect(cut.stdout.length).toBe(1000)
    expect((await sh(line, { maxBuffer: 100000 })).truncated).toBe(false)
    const killed = await run('cat', ['/dev/zero'], { backend, maxBuffer: 1000, overflow: 'kill' })
    expect(killed).toMatchObject({ signal: 'SIGTERM', truncated: true })
    expect(killed.stdout.length).toBe(1000)
  })

  test('a timeout keeps the output so far, and does not wait for grandchildren', async () => {
    const result = await inTime(
      (timeout) => sh('echo early; sleep 60', { timeout }),
      ({ stdout }) => stdout !== '',
    )
    expect(result).toMatchObject({ timedOut: true, signal: 'SIGTERM', stdout: 'early\n' })
  })

  const writers = [
    ['of the same output', 'yes & exec cat /dev/zero'],
    ['of the other output', 'yes >&2 & exec cat /dev/zero'],
    ['of no output', 'sleep 600 & exec cat /dev/zero'],
    ['of both, which the child leaves to them', 'yes & yes >&2 & exec sleep 600'],
  ] as const
  test.for(writers)('too much output does not wait for grandchildren: %s', async ([, line]) => {
    const file = join(dir, `group-${backend}`)
    const ending = { maxBuffer: 1000, overflow: 'kill' } as const
    try {
      const result = await sh(`echo $$ > ${file}; ${line}`, { ...ending, detached: true })
      expect(result).toMatchObject({ truncated: true, signal: 'SIGTERM', timedOut: false })
      expect(Math.max(result.stdout.length, result.stderr.length)).toBe(1000)
    } finally {
      try {
        process.kill(-Number(readFileSync(file, 'utf8')), 'SIGKILL')
      } catch {
        // SIGPIPE has ended them.
      }
    }
  })

  // The grandchild ends with the FIFO's writer, so with this process at the latest.
  const held = (then: string) => {
    const fifo = join(dir, `hold-${backend}-${then.length}`)
    return { fifo, line: `mkfifo ${fifo}; (read x < ${fifo}; echo late) & echo early; ${then}` }
  }

  test("settle: 'exit' does not wait for what a grandchild may write", async () => {
    const { fifo, line } = held('exit 3')
    const result = await sh(line, { settle: 'exit' })
    expect(result).toMatchObject({ exitCode: 3, stdout: 'early\n', timedOut: false })
    writeFileSync(fifo, 'x\n')
  })

  test('drainGrace bounds how long the output is read after the exit', async () => {
    const { fifo, line } = held('exit 5;')
    const begin = performance.now()
    const result = await sh(line, { drainGrace: 200 })
    expect(performance.now() - begin).toBeGreaterThan(190)
    expect(result).toMatchObject({ exitCode: 5, stdout: 'early\n' })
    expect((await sh(`(sleep 0.1; echo late) &`, { drainGrace: 120_000 })).stdout).toBe('late\n')
    writeFileSync(fifo, 'x\n')
  })

  test('abort', async () => {
    const controller = new AbortController()
    const written = join(dir, `written-${backend}`)
    const line = `echo early; : > ${written}; sleep 60`
    const running = rejection(sh(line, { signal: controller.signal }))
    await until(() => existsSync(written))
    controller.abort()
    const error = await running
    expect(error).toMatchObject({ name: 'AbortError', result: { stdout: 'early\n' } })
  })

  test('check', async () => {
    const line = "echo said; echo 'so sorry' >&2; exit 2"
    const error = await sh(line, { check: true }).catch((e) => e)
    expect(error).toBeInstanceOf(RunError)
    expect(error).toMatchObject({
      message: "sh -c 'echo said; echo '\\''so sorry'\\'' >&2; exit 2' exited with 2: so sorry",
      code: 'ERR_EXIT_CODE',
      reason: 'exit',
      file: 'sh',
      spawnargs: ['-c', line],
      exitCode: 2,
      signal: null,
      timedOut: false,
      stdout: 'said\n',
      stderr: 'so sorry\n',
      result: { exitCode: 2, stdout: 'said\n' },
    })
    const killed = await sh('kill -9 $$', { check: true }).catch((e) => e)
    expect(killed).toMatchObject({ code: 'ERR_EXIT_SIGNAL', reason: 'signal', signal: 'SIGKILL' })
    const over = { maxBuffer: 1000, overflow: 'kill', check: true } as const
    const loud = await run('cat', ['/dev/zero'], { backend, ...over }).catch((e) => e)
    expect(loud).toMatchObject({
      message: 'cat /dev/zero was ended because its output went beyond maxBuffer',
      code: 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER',
      reason: 'maxBuffer',
      signal: 'SIGTERM',
    })
    expect(loud.stdout.length).toBe(1000)
  })

  test('a timeout before the program ran has the same shape', async () => {
    const fifo = join(dir, `never-${backend}`)
    await run('mkfifo', [fifo])
    const more = { backend, stdio: ['ignore', 'pipe', 'pipe', { path: fifo }] } as const
    const line = ['-c', 'echo "$0"', "it's"]
    const result = await inTime(
      (timeout) => run('sh', line, { ...more, timeout }),
      ({ step }) => step === 'stdio[3]',
    )
    expect(result).toMatchObject({
      ...{ pid: null, exitCode: null, signal: null, stdout: '', stderr: '', truncated: false },
      ...{ timedOut: true, aborted: false, step: 'stdio[3]', killError: null, backend },
    })
    expect(result.durationMs).toBeGreaterThan(0)
    const bytes = await run('true', [], { ...more, timeout: 100, encoding: 'buffer' })
    expect(bytes).toMatchObject({ timedOut: true, stdout: Buffer.alloc(0) })
    const error = await inTime(
      (timeout) => rejection(run('sh', line, { ...more, timeout, check: true })),
      ({ result }) => result.step === 'stdio[3]',
    )
    expect(error).toBeInstanceOf(RunError)
    expect(error).toMatchObject({ code: 'ETIMEDOUT', reason: 'timeout', timedOut: true })
    expect(error.message).toBe(`sh -c 'echo "$0"' 'it'\\''s' timed out before it ran, at stdio[3]`)
  })

  test('shell', async () => {
    expect((await run('echo a | tr a b', [], { backend, shell: true })).stdout).toBe('b\n')
  })

  test('many at once', async () => {
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, index) => run('echo', [String(index)], { backend })),
    )
    expect(results.map(({ stdout }) => stdout)).toEqual(
      Array.from({ length: 200 }, (_, index) => `${index}\n`),
    )
  })

  // Two characters for each byte: more than a V8 string can hold.
  test.runIf(backend === 'vfork' || backend === 'fork')(
    'more output than a string holds: an error with the result, as bytes',
    async () => {
      const length = constants.MAX_STRING_LENGTH / 2 + 1000
      const error = await rejection(
        run('sh', ['-c', `head -c ${Math.floor(length)} /dev/zero; echo said >&2`], {
          backend,
          encoding: 'hex',
          maxBuffer: Number.POSITIVE_INFINITY,
        }),
      )
      expect(error.code).toBe('ERR_STRING_TOO_LONG')
      expect(error.message).toContain('stdio[1]')
      const { stdout, stderr, exitCode } = error.result
      expect([stdout.length, stderr, exitCode]).toEqual([
        Math.floor(length),
        Buffer.from('said\n').toString('hex'),
        0,
      ])
    },
  )
})
