import { AsyncLocalStorage } from 'node:async_hooks'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import {
  AbortError,
  type BatchCommand,
  BatchError,
  type BatchProgress,
  type BatchResult,
  batch,
  RunError,
  SpawnError,
} from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { inTime, nothingLeft, openFds, rejection, until } from '../support.js'

const echo = (count: number): [string, string][] =>
  Array.from({ length: count }, (_, index) => ['echo', String(index)])

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))

describe.each(testedBackends)('batch by %s', (backend) => {
  test('all() is in input order, and names the backend of each', async () => {
    const results = await batch(echo(100), { backend, concurrency: 8 }).all()
    expect(results.map(({ index }) => index)).toEqual(Array.from({ length: 100 }, (_, at) => at))
    expect(results.map(({ result }) => result?.stdout)).toEqual(
      echo(100).map(([, word]) => `${word}\n`),
    )
    expect(new Set(results.map(({ result }) => result?.backend))).toEqual(new Set([backend]))
  })

  test('iteration is in completion order', async () => {
    const told = (index: number) => join(dir, `told-${backend}-${index}`)
    const whenTold = (index: number) => `until [ -e ${told(index)} ]; do sleep 0.02; done`
    const commands: BatchCommand[] = [
      ['sh', '-c', whenTold(1)],
      ['sh', '-c', whenTold(2)],
      ['true'],
    ]
    const order: number[] = []
    for await (const { index, command } of batch(commands, { backend, concurrency: 3 })) {
      expect(command).toBe(commands[index])
      order.push(index)
      writeFileSync(told(index), '')
    }
    expect(order).toEqual([2, 1, 0])
  })

  test('runs at most `concurrency` commands at once', async () => {
    let most = 0
    const onProgress = ({ running }: BatchProgress) => {
      most = Math.max(most, running + 1)
    }
    await batch(echo(60), { backend, concurrency: 5, onProgress }).all()
    expect(most).toBeLessThanOrEqual(5)
    expect(most).toBeGreaterThan(1)
  })

  test('progress has counts, and a total if it is known', async () => {
    const seen: BatchProgress[] = []
    const onProgress = (progress: BatchProgress) => seen.push(progress)
    const commands: BatchCommand[] = [['true'], ['false'], ['no-such']]
    await batch(commands, { backend, onProgress }).all()
    expect(seen.map(({ done, total }) => [done, total])).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
    ])
    expect(seen.at(-1)).toMatchObject({ running: 0, failed: 2, remaining: 0 })
    for (const { done, elapsed, remaining } of seen) {
      expect(remaining).toBeCloseTo((elapsed / done) * (3 - done), 6)
    }
  })

  test('retries: of the batch, or of a command, and how often it was run', async () => {
    const count = (name: string) => {
      const path = join(dir, `count-${backend}-${name}`)
      return ['-c', `echo x >>${path}; test $(wc -l <${path}) -ge 3`]
    }
    const commands: BatchCommand[] = [
      ['sh', ...count('a')],
      { file: 'sh', args: count('b'), retries: 0 },
      { file: 'sh', args: count('c'), retries: 1 },
      ['no-such'],
      ['a\0b'],
      ['true'],
    ]
    const results = await batch(commands, { backend, retries: 3, concurrency: 2 }).all()
    expect(results.map(({ attempts }) => attempts)).toEqual([3, 1, 2, 4, 1, 1])
    expect(results.map(({ result }) => result?.exitCode)).toEqual([
      0,
      1,
      1,
      undefined,
      undefined,
      0,
    ])
    expect(results[3]?.error).toMatchObject({ code: 'ENOENT' })
  })

  test('the callback and the results have the context of the call', async () => {
    const context = new AsyncLocalStorage<string>()
    const seen = await context.run('mine', async () => {
      const stores: (string | undefined)[] = []
      const onProgress = () => stores.push(context.getStore())
      for await (const _ of batch(echo(3), { backend, onProgress })) stores.push(context.getStore())
      return stores
    })
    expect(seen).toEqual(Array(6).fill('mine'))
  })

  test('a timeout of each command', async () => {
    const results = await inTime(
      (timeout) => batch([['sleep', '60'], ['true']], { backend, timeout }).all(),
      // 'true' may not even have ended by then.
      ([sleeps, ends]) => sleeps?.result?.step === null && ends?.result?.timedOut === false,
    )
    expect(results.map(({ result }) => [result?.timedOut, result?.exitCode])).toEqual([
      [true, null],
      [false, 0],
    ])
  })

  test("one command's error does not stop the others", async () => {
    const commands: BatchCommand[] = [
      ['no-such'],
      { file: 'pwd', cwd: '/nowhere' },
      ['a\0b'],
      42 as unknown as BatchCommand,
      { file: 'sh', args: ['-c', 'exit 3'], check: true },
      { file: 'pwd', cwd: '/' },
    ]
    const results = await batch(commands, { backend, concurrency: 2 }).all()
    expect(results[0]?.error).toBeInstanceOf(SpawnError)
    expect(results[0]?.error).toMatchObject({ code: 'ENOENT', step: 'exec' })
    expect(results[1]?.error).toMatchObject({ code: 'ENOENT', step: 'cwd' })
    expect(results[2]?.error).toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' })
    expect(results[3]?.error?.message).toContain('a command of a batch must be an array of words')
    expect(results[4]?.error).toBeInstanceOf(RunError)
    expect(results[4]?.result).toMatchObject({ exitCode: 3 })
    expect(results[5]).toMatchObject({ error: undefined, result: { stdout: '/\n' } })
  })

  test("a command's own options override the batch's", async () => {
    const commands: BatchCommand[] = [['pwd'], { file: 'pwd', cwd: '/usr' }]
    const results = await batch(commands, { backend, cwd: '/', encoding: 'buffer' }).all()
    expect(results.map(({ result }) => result?.stdout)).toEqual([
      Buffer.from('/\n'),
      Buffer.from('/usr\n'),
    ])
  })

  test.each([
    [3, 3],
    [1, 1],
    [undefined, availableParallelism()],
  ])('a generator is read only as there is room: %s at once', async (concurrency, room) => {
    let asked = 0
    function* endless(): Generator<BatchCommand> {
      for (;;) {
        asked++
        yield ['true']
      }
    }
    let read = 0
    for await (const { error } of batch(endless(), { backend, concurrency })) {
      expect(error).toBeUndefined()
      // With a slow reader, results wait and nothing more is started.
      await sleep(30)
      // At most as many waiting results as running commands.
      expect(asked).toBeLessThanOrEqual(read + 1 + room + room)
      if (++read === 10) break
    }
    await nothingLeft()
  })

  test('an async generator, which gets to clean up', async () => {
    let cleaned = false
    async function* commands(): AsyncGenerator<BatchCommand> {
      try {
        for (;;) {
          await sleep(1)
          yield ['true']
        }
      } finally {
        cleaned = true
      }
    }
    let count = 0
    for await (const _ of batch(commands(), { backend, concurrency: 2 })) if (++count === 5) break
    await until(() => cleaned)
  })

  test('an error of the generator ends the batch, after the running commands', async () => {
    function* commands(): Generator<BatchCommand> {
      yield ['sleep', '60']
      throw new Error('no more')
    }
    await expect(batch(commands(), { backend, concurrency: 2 }).all()).rejects.toThrow('no more')
    await nothingLeft()
  })

  test.each<[string, (call: number) => unknown, RegExp]>([
    [
      'throws at once',
      () => {
        throw new Error('no more')
      },
      /no more/,
    ],
    [
      'throws later',
      (call) => {
        if (call > 2) throw new Error('no more')
        return Promise.resolve({ done: false, value: ['true'] })
      },
      /no more/,
    ],
    ['rejects with undefined', () => Promise.reject(undefined), /undefined was thrown/],
    ['resolves to undefined', () => Promise.resolve(undefined), /must return an object/],
    [
      'returns nothing later',
      (call) => (call > 2 ? undefined : { done: false, value: ['true'] }),
      /must return an object/,
    ],
  ])('a next() of an async iterator that %s', async (_name, next, message) => {
    let calls = 0
    const commands = {
      [Symbol.asyncIterator]: () => ({ next: () => next(++calls) }),
    } as AsyncIterable<BatchCommand>
    await expect(batch(commands, { backend, concurrency: 1 }).all()).rejects.toThrow(message)
    await nothingLeft()
  })

  test('an async iterator whose next() returns no promise', async () => {
    let calls = 0
    const next = () =>
      ++calls > 3 ? { done: true, value: undefined } : { done: false, value: ['true'] }
    const commands = { [Symbol.asyncIterator]: () => ({ next }) } as unknown as AsyncIterable<
      readonly [string]
    >
    expect(await batch(commands, { backend, concurrency: 1 }).all()).toHaveLength(3)
  })

  test('code that throws undefined fails all the same', async () => {
    function nothing(): never {
      throw undefined
    }
    function* commands(): Generator<BatchCommand> {
      yield ['true']
      nothing()
    }
    await expect(batch(commands(), { backend }).all()).rejects.toThrow('undefined was thrown')
    await expect(batch([['true']], { backend, onProgress: nothing }).all()).rejects.toThrow(
      'undefined was thrown',
    )
    const bad = Object.defineProperty({ file: 'true' }, 'args', { enumerable: true, get: nothing })
    const [result] = await batch([bad], { backend }).all()
    expect(result?.error?.message).toBe('undefined was thrown')
  })

  test('bail ends what runs and starts nothing more', async () => {
    let asked = 0
    function* commands(): Generator<BatchCommand> {
      for (const command of [['sleep', '60'], ['false'], ['true'], ['true']] as const) {
        asked++
        yield command
      }
    }
    const error = await rejection(batch(commands(), { backend, concurrency: 2, bail: true }).all())
    expect(error).toBeInstanceOf(BatchError)
    expect((error as BatchError).message).toBe('command 1 of the batch failed: it exited with 1')
    expect((error as BatchError).result).toMatchObject({ index: 1, result: { exitCode: 1 } })
    expect((error as BatchError).results.map(({ index }) => index)).toEqual([0, 1])
    expect((error as BatchError).results[0]?.error).toBeInstanceOf(AbortError)
    expect(asked).toBe(2)
    await nothingLeft()
  })

  test('abort, before and during', async () => {
    const aborted = batch(echo(3), { backend, signal: AbortSignal.abort() })
    await expect(aborted.all()).rejects.toBeInstanceOf(AbortError)
    const controller = new AbortController()
    const commands: BatchCommand[] = [['echo', 'done'], ...Array(10).fill(['sleep', '60'])]
    const { signal } = controller
    const onProgress = () => controller.abort()
    const running = batch(commands, { backend, concurrency: 4, signal, onProgress }).all()
    const error = await rejection(running)
    expect(error).toBeInstanceOf(AbortError)
    const { results } = error as unknown as { results: BatchResult[] }
    // Those that were ended come with what ended them.
    expect(results.map(({ index }) => index)).toEqual([0, 1, 2, 3])
    expect(results[0]?.result?.stdout).toBe('done\n')
    for (const { error } of results.slice(1)) expect(error).toBeInstanceOf(AbortError)
    await nothingLeft()
  })

  test('leaving the loop ends what runs', async () => {
    const commands: BatchCommand[] = [['true'], ['sleep', '60'], ['sleep', '60']]
    for await (const { index } of batch(commands, { backend, concurrency: 3 })) {
      expect(index).toBe(0)
      break
    }
    await nothingLeft()
  })

  test('empty', async () => {
    expect(await batch([], { backend }).all()).toEqual([])
  })

  test('runs once', async () => {
    const once = batch(echo(1), { backend })
    await once.all()
    await expect(once.all()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' })
  })

  // test/core/many.test.ts keeps ten thousand results.
  test('many, 64 at once, one by one: none is lost, nothing is left', async () => {
    const count = 400
    await batch(echo(64), { backend, concurrency: 64 }).all()
    const before = openFds()
    let sum = 0
    for await (const { result } of batch(echo(count), { backend, concurrency: 64 })) {
      sum += Number(result?.stdout)
    }
    expect(sum).toBe(((count - 1) * count) / 2)
    await nothingLeft(before)
  })
})
