/** A child and what it has started: killTarget. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { run, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { inTime, nothingLeft, rejection, until } from '../support.js'

/** Whether a process runs; an orphan that nobody reaps does not. */
function runs(pid: number): boolean {
  try {
    return !/^.*\) [ZX] /s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

const pids = (output: string) => output.trim().split(/\s+/).map(Number)

/** Waits until both processes have ended; their output ends a moment before they do. */
const bothEnded = async (output: string) => {
  expect(pids(output).length).toBe(2)
  await until(() => !pids(output).some(runs))
}

describe.each(testedBackends)('killTarget by %s', (backend) => {
  const options = { backend, killTarget: 'group' } as const
  const sh = (line: string, more = {}) => run('sh', ['-c', line], { ...options, ...more })
  const begun = ({ stdout }: { stdout: string }) => pids(stdout).length === 2
  /** A child with a child of its own; prints both pids once both run. */
  const two = 'sleep 600 & echo $$ $!; wait'

  test.each([
    ['in a group of its own', {}],
    ['in a session of its own', { detached: true }],
    ['with processGroup: 0', { processGroup: 0 }],
  ])('a timeout ends the whole group: %s', async (_, more) => {
    const result = await inTime((timeout) => sh(two, { ...more, timeout }), begun)
    expect(result).toMatchObject({ timedOut: true, signal: 'SIGTERM', killError: null })
    await bothEnded(result.stdout)
  })

  test("without it only the child is signalled, and so it is with 'child'", async () => {
    for (const more of [{}, { killTarget: 'child' }] as const) {
      const line = `${two.replace('sleep 600', 'sleep 600 >/dev/null 2>&1')}`
      const result = await inTime(
        (timeout) => run('sh', ['-c', line], { backend, timeout, ...more }),
        begun,
      )
      expect(result.signal).toBe('SIGTERM')
      const [, grandchild = 0] = pids(result.stdout)
      expect(runs(grandchild)).toBe(true)
      process.kill(grandchild, 'SIGKILL')
    }
  })

  test('a member that ignores killSignal gets SIGKILL before the result comes', async () => {
    const line = "(trap '' TERM; exec sleep 600) & echo $$ $!; sleep 600"
    const result = await inTime(
      (timeout) => sh(line, { timeout, killGrace: 100 }),
      ({ stdout }) => pids(stdout).length === 2,
    )
    expect(result).toMatchObject({ timedOut: true, signal: 'SIGTERM' })
    const [, grandchild = 0] = pids(result.stdout)
    await until(() => !runs(grandchild))
  })

  test('a timeout after the end of the child ends what holds its output', async () => {
    const result = await inTime((timeout) => sh('sleep 600 & echo $$ $!', { timeout }), begun)
    expect(result).toMatchObject({ timedOut: true, exitCode: 0 })
    await until(() => !runs(pids(result.stdout)[1] as number))
  })

  test('abort, and too much output', async () => {
    const error = await inTime(
      (ms) => rejection(sh(two, { signal: AbortSignal.timeout(ms) })),
      ({ result }) => result !== undefined && begun(result),
    )
    expect(error.name).toBe('AbortError')
    await bothEnded(error.result.stdout)
    const loud = await sh('sleep 600 & echo $$ $! >&2; exec yes', {
      maxBuffer: 1000,
      overflow: 'kill',
    })
    expect(loud).toMatchObject({ truncated: true, signal: 'SIGTERM' })
    await bothEnded(loud.stderr)
  })

  test('kill() and await using', async () => {
    const stdio = ['ignore', 'pipe', 'ignore'] as const
    const start = async () => {
      const child = await spawn('sh', ['-c', two], { ...options, stdio })
      const said = String(await new Promise((done) => child.stdout.once('data', done)))
      child.stdout.destroy()
      return { child, grandchild: pids(said)[1] as number }
    }
    const killed = await start()
    expect(killed.child.kill(0)).toBe(true)
    expect(killed.child.kill()).toBe(true)
    expect(await killed.child.exited).toMatchObject({ signal: 'SIGTERM' })
    await until(() => !runs(killed.grandchild))
    await until(() => !killed.child.kill(0))
    const used = await start()
    await used.child[Symbol.asyncDispose]()
    await until(() => !runs(used.grandchild))
    // The child has ended, what it has started has not.
    const left = await spawn('sh', ['-c', 'sleep 600 & echo $!'], { ...options, stdio })
    const orphan = Number(String(await new Promise((done) => left.stdout.once('data', done))))
    left.stdout.destroy()
    await left.exited
    expect(runs(orphan)).toBe(true)
    expect(left.kill('SIGKILL')).toBe(true)
    await until(() => !runs(orphan))
  })

  test('a child of spawn() that times out: its group ends as well', async () => {
    const line = "(trap '' TERM; exec sleep 600) & echo $!; wait"
    const { exit, orphan } = await inTime(
      async (timeout) => {
        const more = { timeout, killGrace: 100, stdio: ['ignore', 'pipe', 'ignore'] } as const
        const child = await spawn('sh', ['-c', line], { ...options, ...more })
        let said = ''
        child.stdout.on('data', (chunk) => {
          said += chunk
        })
        const exit = await child.exited
        return { exit, orphan: Number(said) }
      },
      ({ orphan }) => orphan > 0,
    )
    expect(exit).toMatchObject({ timedOut: true, signal: 'SIGTERM' })
    await until(() => !runs(orphan))
    await nothingLeft()
  })
})
