/** How processes end: by themselves, by signals, by a timeout, on abort. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { exec } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { AbortError, RunError, run, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { inNode, inTime, nothingLeft, rejection, text, until } from '../support.js'

/** Signals whose default action ends a process. */
const deadly = (Object.keys(constants.signals) as NodeJS.Signals[]).filter(
  (name) =>
    ![
      'SIGCHLD',
      'SIGCONT',
      'SIGURG',
      'SIGWINCH',
      'SIGSTOP',
      'SIGTSTP',
      'SIGTTIN',
      'SIGTTOU',
    ].includes(name) &&
    // Other names of the same signals.
    !['SIGIOT', 'SIGPOLL', 'SIGUNUSED'].includes(name),
)

describe.each(testedBackends)('endings by %s', (backend) => {
  test('a signal to all is told before the end of a child', () => {
    const code = `
      import { readFileSync } from 'node:fs'
      const told = []
      process.on('SIGTERM', () => told.push('signal'))
      const child = await spawn('sleep', ['60'], { backend: '${backend}', stdio: 'ignore' })
      process.kill(process.pid, 'SIGTERM')
      child.kill('SIGTERM')
      // Both are there when the event loop goes on.
      const over = () => {
        try {
          return readFileSync('/proc/' + child.pid + '/status', 'utf8').includes('zombie')
        } catch {
          return true
        }
      }
      while (!over()) {}
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
      told.push((await child.exited).signal)
      console.log(JSON.stringify(told))`
    expect(inNode(code)).toEqual(['signal', 'SIGTERM'])
  })

  const options = { backend } as const
  const sh = (line: string, more = {}) => run('sh', ['-c', line], { ...options, ...more })

  test.each([0, 1, 2, 126, 127, 128, 255])('exit code %i', async (code) => {
    expect(await sh(`exit ${code}`)).toMatchObject({ exitCode: code, signal: null, backend })
  })

  test.each(deadly)('%s', async (signal) => {
    const child = await spawn('sleep', ['60'], { ...options, rlimits: { core: 0 } })
    expect(child.kill(signal)).toBe(true)
    expect(await child.exited).toMatchObject({ code: null, signal })
  })

  test('every real-time signal, by number', async () => {
    const numbers = Array.from({ length: 64 - 32 + 1 }, (_, at) => 32 + at)
    const ends = numbers.map(async (number) => {
      const child = await spawn('sleep', ['60'], { ...options, stdio: 'ignore' })
      child.kill(number)
      return child.exited
    })
    expect((await Promise.all(ends)).map(({ code, signal }) => [code, signal])).toEqual(
      numbers.map((number) => [null, `SIG${number}`]),
    )
  })

  test('stopped and continued is not ended', async () => {
    const child = await spawn('sh', ['-c', 'echo up; read line; exit 4'], options)
    await new Promise((done) => child.stdout.once('data', done))
    child.kill('SIGSTOP')
    child.stdin.end('\n')
    const first = await Promise.race([
      child.exited,
      new Promise((done) => setTimeout(done, 100, 'no')),
    ])
    expect(first).toBe('no')
    child.kill('SIGCONT')
    expect(await child.exited).toMatchObject({ code: 4 })
  })

  test('signal 0 only checks, and an unknown signal is refused', async () => {
    const child = await spawn('sleep', ['60'], options)
    expect(child.kill(0)).toBe(true)
    expect(() => child.kill(65)).toThrow('signal must be an integer from 0 to 64')
    expect(() => child.kill('SIGNO' as 'SIGINT')).toThrow('signal must be a known signal: "SIGNO"')
    child.kill('SIGKILL')
    await child.exited
    expect(child.kill(0)).toBe(false)
  })

  test('killGroup ends grandchildren', async () => {
    const child = await spawn('sh', ['-c', 'sleep 60 & echo $!; wait'], {
      ...options,
      detached: true,
    })
    const grandchild = Number(String(await new Promise((done) => child.stdout.once('data', done))))
    expect(child.killGroup('SIGKILL')).toBe(true)
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' })
    // The process that adopts orphans may not reap them.
    await until(() => {
      try {
        return / Z /.test(readFileSync(`/proc/${grandchild}/stat`, 'utf8'))
      } catch {
        return true
      }
    })
  })

  test('resource usage is the child’s', async () => {
    const { rusage } = await sh('i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done')
    expect(rusage.userCPUTime + rusage.systemCPUTime).toBeGreaterThan(0)
    expect(rusage.maxRSS).toBeGreaterThan(100)
  })

  test('killSignal, for timeout and abort', async () => {
    const line = "trap 'echo got; exit 9' USR1; echo; while :; do sleep 0.01; done"
    const killSignal = 'SIGUSR1'
    const timed = await inTime(
      (timeout) => sh(line, { timeout, killSignal }),
      // The signal may come between the trap and the echo.
      ({ stdout }) => stdout.startsWith('\n'),
    )
    expect(timed).toMatchObject({ exitCode: 9, timedOut: true, stdout: '\ngot\n' })
    const error = await inTime(
      (ms) => rejection(sh(line, { signal: AbortSignal.timeout(ms), killSignal })),
      ({ result }) => Boolean(result?.stdout),
    )
    expect(error).toMatchObject({ name: 'AbortError', result: { exitCode: 9 } })
  })

  test('killGrace', async () => {
    const line = "trap '' TERM; echo; while :; do sleep 0.01; done"
    const deaf = await inTime(
      (timeout) => sh(line, { timeout, killGrace: 50 }),
      ({ stdout }) => stdout !== '',
    )
    expect(deaf).toMatchObject({ timedOut: true, signal: 'SIGKILL' })
    // A child that ends in time does not get it.
    const polite = await inTime(
      (timeout) => sh('sleep 60', { timeout, killGrace: 60_000 }),
      ({ step }) => step === null,
    )
    expect(polite).toMatchObject({ timedOut: true, signal: 'SIGTERM' })
  })

  test('a timeout of 0 means none, and one that is not reached does nothing', async () => {
    expect(await sh('sleep 0.05', { timeout: 0 })).toMatchObject({ exitCode: 0, timedOut: false })
    expect(await sh('true', { timeout: 60_000 })).toMatchObject({ exitCode: 0, timedOut: false })
  })

  test('abort before, at once, during and after', async () => {
    const aborted = await rejection(sh('true', { signal: AbortSignal.abort('why') }))
    expect(aborted).toBeInstanceOf(AbortError)
    expect(aborted.cause).toBe('why')
    const now = new AbortController()
    const started = spawn('sleep', ['60'], { ...options, signal: now.signal })
    now.abort()
    // It may be too late to stop the start; in any case the child ends.
    const child = await started.catch((error) => error)
    if (child instanceof Error) expect(child).toBeInstanceOf(AbortError)
    else expect(await child.exited).toMatchObject({ signal: 'SIGTERM' })
    const during = new AbortController()
    const running = await spawn('sleep', ['60'], { ...options, signal: during.signal })
    during.abort()
    expect(await running.exited).toMatchObject({ signal: 'SIGTERM' })
    const after = new AbortController()
    expect(await sh('exit 5', { signal: after.signal })).toMatchObject({ exitCode: 5 })
    after.abort()
    await nothingLeft()
  })

  test('check', async () => {
    for (const [line, message] of [
      ['exit 2', "sh -c 'exit 2' exited with 2"],
      ['kill -9 $$', "sh -c 'kill -9 $$' was ended by SIGKILL (Killed)"],
    ] as const) {
      const error = await rejection(sh(line, { check: true }))
      expect(error).toBeInstanceOf(RunError)
      expect(error.message).toBe(message)
    }
    const late = await inTime(
      (timeout) => rejection(sh('sleep 60', { check: true, timeout })),
      ({ result }) => result.step === null,
    )
    expect(late).toBeInstanceOf(RunError)
    expect(late).toMatchObject({ code: 'ETIMEDOUT', reason: 'timeout', timedOut: true })
    expect(late.message).toBe("sh -c 'sleep 60' timed out")
    expect(await sh('true', { check: true })).toMatchObject({ exitCode: 0 })
  })

  test('how a child ended: by itself', async () => {
    const begin = performance.now()
    const child = await spawn('sh', ['-c', 'exit 3'], options)
    const exit = await child.exited
    expect(exit).toMatchObject({ code: 3, exitCode: 3, signal: null, signalDescription: null })
    expect(exit).toMatchObject({ coreDumped: false, timedOut: false, aborted: false })
    expect(exit.durationMs).toBeGreaterThan(0)
    expect(exit.durationMs).toBeLessThanOrEqual(performance.now() - begin)
    const { durationMs, ...result } = await sh('exit 3')
    expect(result).toMatchObject({ exitCode: 3, signalDescription: null, coreDumped: false })
    expect(result).toMatchObject({ timedOut: false, aborted: false, step: null })
    expect(durationMs).toBeGreaterThan(0)
  })

  test('how a child ended: by a timeout, an abort, or somebody else', async () => {
    const timed = await inTime(
      async (timeout) => (await spawn('sleep', ['60'], { ...options, timeout })).exited,
      () => true,
    )
    expect(timed).toMatchObject({ timedOut: true, aborted: false, signal: 'SIGTERM' })
    expect(timed.signalDescription).toBe('Terminated')
    const controller = new AbortController()
    const child = await spawn('sleep', ['60'], { ...options, signal: controller.signal })
    controller.abort()
    const aborted = await child.exited
    expect(aborted).toMatchObject({ timedOut: false, aborted: true, signal: 'SIGTERM' })
    const other = await spawn('sleep', ['60'], { ...options, timeout: 600_000 })
    other.kill('SIGINT')
    const interrupted = await other.exited
    expect(interrupted).toMatchObject({ timedOut: false, aborted: false, signal: 'SIGINT' })
    expect(interrupted.signalDescription).toBe('Interrupt')
  })

  test('asyncDispose kills and waits', async () => {
    const child = await spawn('sleep', ['60'], options)
    await child[Symbol.asyncDispose]()
    await nothingLeft()
  })

  test('the async context is kept', async () => {
    const context = new AsyncLocalStorage<number>()
    const seen = await Promise.all(
      [1, 2, 3].map((id) =>
        context.run(id, async () => {
          const child = await spawn('echo', ['x'], options)
          const inStart = context.getStore()
          const inData = new Promise((done) =>
            child.stdout.once('data', () => done(context.getStore())),
          )
          await child.exited
          return [inStart, await inData, context.getStore()]
        }),
      ),
    )
    expect(seen).toEqual([
      [1, 1, 1],
      [2, 2, 2],
      [3, 3, 3],
    ])
  })

  test('node:child_process and a SIGCHLD handler beside it', async () => {
    let signals = 0
    const count = () => signals++
    process.on('SIGCHLD', count)
    const theirs = promisify(exec)
    const [ours, other] = await Promise.all([
      Promise.all(Array.from({ length: 20 }, (_, index) => sh(`exit ${index}`))),
      Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          theirs(`exit ${index}`).then(
            () => 0,
            ({ code }: { code: number }) => code,
          ),
        ),
      ),
    ])
    await until(() => signals > 0)
    process.off('SIGCHLD', count)
    const codes = Array.from({ length: 20 }, (_, index) => index)
    expect(ours.map(({ exitCode }) => exitCode)).toEqual(codes)
    expect(other).toEqual(codes)
  })

  test('ref and unref, any number of times', async () => {
    const child = await spawn('sleep', ['0.05'], options)
    child.unref()
    child.unref()
    child.ref()
    child.ref()
    await child.exited
    child.ref()
    child.unref()
    expect(await text(child.stdout)).toBe('')
  })
})
