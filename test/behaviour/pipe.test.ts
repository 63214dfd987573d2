/** Programs whose outputs are each other's inputs. */
import { describe, expect, test } from 'vitest'
import { pipe, run } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { nothingLeft, openFds, rejection } from '../support.js'

describe.each(testedBackends)('pipe() by %s', (backend) => {
  test('gives the result of each, and the output of the last', async () => {
    const before = openFds()
    const results = await pipe(
      { file: 'cat', input: 'c\na\nb\n', backend },
      { file: 'sh', args: ['-c', 'echo note >&2; sort; exit 3'], backend },
      { file: 'head', args: ['-2'], backend },
    )
    expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 3, 0])
    expect(results.map(({ stdout }) => stdout)).toEqual(['', '', 'a\nb\n'])
    expect(results.map(({ stderr }) => stderr)).toEqual(['', 'note\n', ''])
    expect(results.map((result) => result.backend)).toEqual([backend, backend, backend])
    await nothingLeft(before)
  })

  test('megabytes, and a writer whose reader has ended', async () => {
    const [head, wc] = await pipe(
      { file: 'head', args: ['-c', '5000000', '/dev/zero'], backend },
      { file: 'wc', args: ['-c'], backend },
    )
    expect([head?.exitCode, wc?.stdout.trim()]).toEqual([0, '5000000'])
    const [yes, first] = await pipe(
      { file: 'yes', backend },
      { file: 'head', args: ['-1'], backend },
    )
    expect([yes?.signal, first?.stdout]).toEqual(['SIGPIPE', 'y\n'])
  })

  test('one that does not start ends the others, and is the error', async () => {
    const before = openFds()
    const none = { file: 'no-such-program', backend }
    const error = await rejection(pipe({ file: 'yes', backend }, none, { file: 'cat', backend }))
    expect(error).toMatchObject({ code: 'ENOENT', file: 'no-such-program' })
    expect(error.results[0]).toMatchObject({ signal: 'SIGPIPE' })
    expect(error.results[1]).toBeUndefined()
    expect(error.results[2]).toMatchObject({ exitCode: 0, stdout: '' })
    await nothingLeft(before)
  })

  test('many at once, some of which wait for their turn', async () => {
    const before = openFds()
    const results = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        pipe(
          { file: 'echo', args: [`${index}`], backend },
          { file: 'cat', backend },
          { file: 'cat', backend },
        ),
      ),
    )
    expect(results.map((all) => all[2]?.stdout)).toEqual(
      Array.from({ length: 30 }, (_, index) => `${index}\n`),
    )
    await nothingLeft(before)
  })
})

test('an abort, and check', async () => {
  const signal = AbortSignal.timeout(200)
  const aborted = await rejection(pipe({ file: 'sleep', args: ['1000'], signal }, ['cat']))
  expect(aborted).toMatchObject({ name: 'AbortError' })
  expect(aborted.results[1]).toMatchObject({ exitCode: 0 })
  const failed = await rejection(pipe({ file: 'false', check: true }, ['cat']))
  expect(failed).toMatchObject({ name: 'RunError', exitCode: 1 })
})

test('the messages for bad commands', async () => {
  type Commands = Parameters<typeof pipe>
  const message = async (...commands: unknown[]) =>
    ((await rejection(pipe(...(commands as Commands)))) as Error | undefined)?.message
  expect(await message(['true'])).toContain('pipe() needs two commands or more')
  expect(await message(['true'], 'true')).toContain('a command of pipe() must be an array of words')
  expect(await message(['true'], [])).toContain('file must be a string')
  expect(await message(['true'], { file: 'cat', encoding: 'hex' })).toContain(
    'encoding is no option',
  )
  expect(await message(['true'], { file: 'cat', retries: 1 })).toContain('unknown option "retries"')
  expect(await message(['true'], { file: 'cat', input: 'x' })).toBe(
    "command 1 of pipe() reads what the one before it writes: leave out its input, and stdio[0] or make that 'pipe'",
  )
  for (const options of [{ all: true }, { onStdout: () => {} }, { stdio: 'ignore' }]) {
    expect(await message({ file: 'true', ...options }, ['cat'])).toContain(
      'command 0 of pipe() is read by the next one: leave out its all and onStdout',
    )
  }
  expect(await run('true')).toMatchObject({ exitCode: 0 })
})
