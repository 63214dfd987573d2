/** Inputs that come while the program runs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { batch, type RunOptions, run } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { nothingLeft, openFds, rejection, until } from '../support.js'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))
const file = join(dir, 'a file')
writeFileSync(file, 'of a file\n')

const MEGABYTE = 1_000_000

describe.each(testedBackends)('input by %s', (backend) => {
  const cat = async (input: RunOptions['input']) =>
    (await run('cat', [], { backend, input })).stdout

  test('from streams, iterables, a Blob', async () => {
    async function* slowly() {
      yield 'a'
      await sleep(20)
      yield Buffer.from('bä')
      yield new Uint8Array(0)
      yield new Uint16Array([0x6463])
    }
    expect(await cat(Readable.from(['a', Buffer.from('b')]))).toBe('ab')
    expect(await cat(slowly())).toBe('abäcd')
    expect(await cat(['x', 'y'])).toBe('xy')
    expect(await cat(new Set(['x', 'z']))).toBe('xz')
    expect(await cat(new Blob(['blob', new Uint8Array([10])]))).toBe('blob\n')
    expect(await cat(new Response('web').body as ReadableStream)).toBe('web')
    expect(await cat(Readable.from([]))).toBe('')
  })

  test('from a file: its path, URL or handle, read by the program itself', async () => {
    expect(await cat({ path: file })).toBe('of a file\n')
    expect(await cat(pathToFileURL(file))).toBe('of a file\n')
    const handle = await open(file)
    await handle.read(Buffer.alloc(3), 0, 3)
    expect(await cat(handle)).toBe('a file\n')
    await handle.close()
    expect(await rejection(cat({ path: '/nowhere' }))).toMatchObject({
      code: 'ENOENT',
      step: 'stdio[0]',
      path: '/nowhere',
    })
  })

  test('true: written to stdin of the promise', async () => {
    const running = run('cat', [], { backend, input: true })
    running.stdin?.write('ask\n')
    const answers: string[] = []
    for await (const line of running) {
      answers.push(line)
      running.stdin?.end(answers.length === 1 ? 'more' : undefined)
    }
    expect(answers).toEqual(['ask', 'more'])
    expect(run('true', [], { backend }).stdin).toBeNull()
  })

  test('a program that reads slowly holds the source back', async () => {
    let asked = 0
    function* endless() {
      for (; asked < 100; asked++) yield Buffer.alloc(MEGABYTE)
    }
    const running = run('sh', ['-c', 'read -r x; echo $x; exec wc -c'], {
      backend,
      input: (function* () {
        yield 'ready\n'
        yield* endless()
      })(),
    })
    for await (const line of running) {
      if (line !== 'ready') {
        expect(Number(line)).toBe(100 * MEGABYTE)
        continue
      }
      // What a pipe and a stream hold.
      expect(asked).toBeLessThan(3)
    }
    expect(asked).toBe(100)
  })

  test('a program that does not read it ends all the same, and the source is told', async () => {
    const before = openFds()
    const told: string[] = []
    async function* endless() {
      try {
        for (;;) {
          yield Buffer.alloc(MEGABYTE)
          await sleep(1)
        }
      } finally {
        told.push('generator')
      }
    }
    const waits = new PassThrough()
    waits.on('close', () => told.push('stream'))
    const web = new ReadableStream({ cancel: () => void told.push('web') })
    const results = await Promise.all(
      [endless(), waits, web].map((input) => run('true', [], { backend, input })),
    )
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0])
    await until(() => told.length === 3)
    await nothingLeft(before)
  })

  test('what a source throws ends the program, and is what the call rejects with', async () => {
    const error = new Error('mine')
    const failing = new PassThrough()
    failing.write('x')
    const running = run('sleep', ['1000'], { backend, input: failing })
    await running.started
    failing.destroy(error)
    expect(await rejection(running)).toBe(error)
    async function* throws() {
      yield 'x'
      throw error
    }
    expect(await rejection(run('sleep', ['1000'], { backend, input: throws() }))).toBe(error)
    const input = [1] as unknown as string[]
    expect(await rejection(run('sleep', ['1000'], { backend, input }))).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message: 'input: a chunk must be a string or bytes, not number',
    })
    await nothingLeft()
  })

  test('a source of a program that does not start is left alone', async () => {
    const stream = Readable.from(['still there'])
    expect(await rejection(run('no-such-program', [], { backend, input: stream }))).toMatchObject({
      code: 'ENOENT',
    })
    expect(await cat(stream)).toBe('still there')
  })

  test('of each command of a batch', async () => {
    const commands = Array.from({ length: 40 }, (_, index) => ({
      file: 'cat',
      input: Readable.from([`${index}`]),
    }))
    const results = await batch(commands, { backend }).all()
    expect(results.map(({ result }) => result?.stdout)).toEqual(commands.map((_, at) => `${at}`))
  })
})
