/** The handle that run() returns, and its output while the program runs. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { RunError, run, SpawnError } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { nothingLeft, rejection } from '../support.js'

describe.each(testedBackends)('run() by %s, while it runs', (backend) => {
  test('has a pid, and can be signalled', async () => {
    const running = run('sleep', ['1000'], { backend })
    expect(running.pid).toBeUndefined()
    const pid = await running.started
    expect(running.pid).toBe(pid)
    expect(process.kill(pid, 0)).toBe(true)
    expect(running.kill('SIGKILL')).toBe(true)
    expect(await running).toMatchObject({ pid, signal: 'SIGKILL' })
    expect(running.kill()).toBe(false)
  })

  test('what comes line by line is there before the end', async () => {
    // It goes on once each line has been seen: `read` waits for the signal's line.
    const script = 'trap "exit 0" TERM; printf "a\\nb"; echo c; while :; do sleep 0.05; done'
    const seen: string[] = []
    const running = run('sh', ['-c', script], { backend })
    for await (const line of running) {
      seen.push(line)
      if (line === 'bc') running.kill()
    }
    expect(seen).toEqual(['a', 'bc'])
    expect(await running).toMatchObject({ exitCode: 0, stdout: 'a\nbc\n' })
  })

  test.each([0, 1, 1000])(
    'nothing is lost before it is asked for: maxBuffer %i',
    async (maxBuffer) => {
      const script = 'seq 2000; echo e >&2; exec sleep 1000'
      let told = ''
      const onStderr = (bytes: Buffer) => {
        told += bytes
      }
      const running = run('sh', ['-c', script], { backend, maxBuffer, onStderr })
      // All of it has been written when somebody asks.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
      let lines = 0
      for await (const line of running) {
        expect(line).toBe(String(++lines))
        if (lines === 2000) running.kill()
      }
      const { stdout, truncated } = await running
      expect({ lines, told, kept: stdout.length, truncated }).toEqual({
        ...{ lines: 2000, told: 'e\n', kept: maxBuffer, truncated: true },
      })
    },
  )

  test('callbacks have all bytes in order, and the result has them, too', async () => {
    const chunks: Buffer[] = []
    const lines: string[] = []
    const { stdout, stderr } = await run('sh', ['-c', 'seq 60000; echo e1 >&2; printf e2 >&2'], {
      backend,
      onStdout: (bytes) => void chunks.push(bytes),
      onLine: (line, from) => {
        if (from === 'stderr') lines.push(line)
      },
    })
    expect(stdout.length).toBe(348894)
    expect(Buffer.concat(chunks).toString()).toBe(stdout)
    expect([stderr, lines]).toEqual(['e1\ne2', ['e1', 'e2']])
  })

  test('all: both outputs as they are written', async () => {
    const script = 'for i in 1 2 3 4 5; do echo o$i; echo e$i >&2; done; exit 3'
    const result = await run('sh', ['-c', script], { backend, all: true })
    const both = [1, 2, 3, 4, 5].map((i) => `o${i}\ne${i}\n`).join('')
    expect(result).toMatchObject({ all: both, stdout: '', stderr: '', exitCode: 3 })
    const inherits = await run('sh', ['-c', script], { backend, all: true, inheritFds: true })
    expect(inherits.all).toBe(both)
  })

  test('keep: head, tail or both ends of a long output', async () => {
    const seq = ['-w', '10000'] // lines of 6 bytes
    const keep = async (keep: 'head' | 'tail' | 'both', maxBuffer: number) => {
      const { stdout, truncated } = await run('seq', seq, { backend, keep, maxBuffer })
      return [stdout, truncated]
    }
    expect(await keep('head', 12)).toEqual(['00001\n00002\n', true])
    expect(await keep('tail', 12)).toEqual(['09999\n10000\n', true])
    expect(await keep('both', 24)).toEqual(['00001\n00002\n09999\n10000\n', true])
    const { stdout, truncated } = await run('seq', seq, { backend, keep: 'tail' })
    expect([stdout.length, truncated]).toEqual([60000, false])
  })

  test('a slow reader holds the program back', async () => {
    let most = 0
    let seen = 0
    // Both sides count bytes: the difference is what lies in between.
    const running = run(
      'sh',
      [
        '-c',
        'i=0; while [ $i -lt 40 ]; do head -c 100000 /dev/zero; i=$((i+1)); echo $i >&2; done',
      ],
      {
        backend,
        onStdout: async (bytes) => {
          await sleep(1)
          seen += bytes.length
        },
        onLine: (line, from) => {
          if (from === 'stderr') most = Math.max(most, Number(line) * 100000 - seen)
        },
      },
    )
    expect((await running).stdout.length).toBe(4_000_000)
    expect(seen).toBe(4_000_000)
    // A pipe, and two chunks.
    expect(most).toBeLessThan(1_000_000)
  })

  test('what a callback throws ends the program, and is what the call rejects with', async () => {
    const error = new Error('mine')
    const onLine = () => {
      throw error
    }
    expect(await rejection(run('yes', [], { backend, onLine }))).toBe(error)
    await nothingLeft()
  })

  test('a loop that is left lets the program go on', async () => {
    const running = run('seq', ['100000'], { backend })
    for await (const line of running) if (line === '10') break
    expect((await running).stdout.length).toBe(588895)
  })

  test('a loop throws what the call rejects with, after the last line', async () => {
    const seen: string[] = []
    const failing = run('sh', ['-c', 'echo a; exit 3'], { backend, check: true })
    const loop = async () => {
      for await (const line of failing) {
        seen.push(line)
        // Meanwhile it fails, which is not an unhandled rejection.
        await sleep(50)
      }
    }
    expect(await rejection(loop())).toBeInstanceOf(RunError)
    expect(seen).toEqual(['a'])
    const missing = run('no-such-program', [], { backend })
    expect(await rejection(missing.lines().next())).toBeInstanceOf(SpawnError)
    expect(await rejection(missing.started)).toBeInstanceOf(SpawnError)
  })

  test('lines can be read late, twice, and of stderr', async () => {
    const running = run('sh', ['-c', 'echo 1; echo 2; echo 3 >&2'], { backend })
    const all = async (from: 'stdout' | 'stderr') => {
      const lines: string[] = []
      for await (const line of running.lines(from)) lines.push(line)
      return lines
    }
    expect(await Promise.all([all('stdout'), all('stdout'), all('stderr')])).toEqual([
      ['1', '2'],
      ['1', '2'],
      ['3'],
    ])
    await running
    expect(await all('stdout')).toEqual(['1', '2'])
  })

  test('a kill cuts what a grandchild would still write', async () => {
    const running = run('sh', ['-c', '(sleep 1000 & echo $!); exec sleep 1000'], { backend })
    const pids: number[] = []
    for await (const line of running) {
      pids.push(Number(line))
      break
    }
    running.kill()
    expect(pids.length).toBe(1)
    // It holds the output open until it ends, too.
    process.kill(pids[0] as number)
    expect(await running).toMatchObject({ signal: 'SIGTERM' })
  })

  test('many at once, in chunks', async () => {
    const results = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const lines: string[] = []
        for await (const line of run('seq', [String(index)], { backend })) lines.push(line)
        return lines.length
      }),
    )
    expect(results).toEqual(Array.from({ length: 40 }, (_, index) => index))
    await nothingLeft()
  })
})
