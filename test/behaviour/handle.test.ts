/** The handle that run() returns, and its output while the program runs. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { batch, RunError, type RunOptions, run, SpawnError } from '../../dist/index.js'
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

  describe('a callback whose promise never settles', () => {
    const never = () => new Promise<void>(() => {})
    const pending = async (running: Promise<unknown>) => {
      const error = await rejection(running)
      const { code, callback, result } = error as Error & Record<string, unknown>
      return { code, callback, result, message: error.message }
    }

    test.each(['onStdout', 'onStderr', 'onLine'] as const)(
      'is given up after drainGrace: %s',
      async (name) => {
        const script = 'echo a; echo b >&2'
        const options: RunOptions = { backend, drainGrace: 50, [name]: never }
        expect(await pending(run('sh', ['-c', script], options))).toEqual({
          code: 'ERR_CALLBACK_PENDING',
          callback: name,
          result: expect.objectContaining({ stdout: 'a\n', stderr: 'b\n', exitCode: 0 }),
          message:
            `run sh: the promise that ${name} returned has not settled 50 ms after the end of ` +
            'the program: have it settle, or give it more time with drainGrace',
        })
        await nothingLeft()
      },
    )

    test('of more output than is asked for at once, all that was written is kept', async () => {
      const error = await pending(
        run('sh', ['-c', 'seq 10000; echo e >&2'], { backend, drainGrace: 50, onLine: never }),
      )
      const { stdout, stderr } = error.result as { stdout: string; stderr: string }
      expect([stdout.length, stderr]).toEqual([48894, 'e\n'])
    })

    test('and a grandchild that holds the output open', async () => {
      const script = 'sleep 1000 & echo $!'
      const error = await pending(
        run('sh', ['-c', script], { backend, drainGrace: 50, onStdout: never }),
      )
      process.kill(Number((error.result as { stdout: string }).stdout))
      expect(error.callback).toBe('onStdout')
    })

    test.each([
      ['settle', { settle: 'exit', killGrace: 50 }],
      ['drainGrace: 0', { drainGrace: 0, killGrace: 50 }],
    ] as const)('%s: after killGrace', async (_, more) => {
      const { code, message } = await pending(
        run('echo', ['a'], { backend, onLine: never, ...more }),
      )
      expect(code).toBe('ERR_CALLBACK_PENDING')
      expect(message).toMatch(/more time with killGrace$/)
    })

    test.each([{}, { killGrace: false as const }, { drainGrace: 100_000 }])(
      'a timeout is told as such, though it comes after the exit: %j',
      async (more) => {
        const options: RunOptions = {
          backend,
          onLine: never,
          timeout: 1000,
          killGrace: 50,
          ...more,
        }
        expect(await run('echo', ['a'], options)).toMatchObject({ timedOut: true })
        await nothingLeft()
      },
    )

    test.each([0, 200])('and so is an abort, after %i ms', async (ms) => {
      const abort = new AbortController()
      const { signal } = abort
      const onLine = () => {
        setTimeout(() => abort.abort(), ms)
        return never()
      }
      const running = run('echo', ['a'], { backend, onLine, signal, killGrace: 50 })
      expect(await rejection(running)).toMatchObject({
        name: 'AbortError',
        result: { stdout: 'a\n' },
      })
    })

    test('what another throws is thrown', async () => {
      const mine = new Error('mine')
      const onStderr = () => sleep(100).then(() => Promise.reject(mine))
      const options = { backend, onStdout: never, onStderr, killGrace: 50 }
      expect(await rejection(run('sh', ['-c', 'echo a; echo b >&2'], options))).toBe(mine)
    })

    test('one that is slow is not, and is called no more once one is', async () => {
      const seen: string[] = []
      let settle = () => {}
      const onLine = (line: string) => {
        seen.push(line)
        return line === '8' ? new Promise<void>((resolve) => (settle = resolve)) : sleep(200)
      }
      // Eight of them take longer than drainGrace together, and none by itself.
      const { callback } = await pending(
        run('seq', ['12'], { backend, drainGrace: 1000, onLine, onStdout: () => {} }),
      )
      settle()
      await sleep(100)
      expect([callback, seen.join()]).toEqual(['onLine', '1,2,3,4,5,6,7,8'])
    })

    test('in a batch, a loop that is left ends', async () => {
      const commands = [['sleep', '0.05'], { file: 'echo', args: ['a'], onLine: never }] as const
      for await (const { result } of batch(commands, { backend, killGrace: 50, concurrency: 2 })) {
        expect(result?.exitCode).toBe(0)
        break
      }
      await nothingLeft()
    })

    test('without any limit, it is waited for', async () => {
      let settle = () => {}
      let tell = () => {}
      const called = new Promise<void>((resolve) => (tell = resolve))
      const onLine = () => {
        tell()
        return new Promise<void>((resolve) => (settle = resolve))
      }
      const running = run('echo', ['a'], { backend, onLine })
      const first = await Promise.race([running, called.then(() => sleep(100, 'waits'))])
      settle()
      expect([first, (await running).stdout]).toEqual(['waits', 'a\n'])
    })
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
