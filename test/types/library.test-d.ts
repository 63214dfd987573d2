/** The types of calls; nothing here is run. */
import type { Duplex, Readable, Writable } from 'node:stream'
import { describe, expectTypeOf, test } from 'vitest'
import {
  type BatchCommand,
  type BatchOptions,
  type BatchResult,
  batch,
  type Child,
  type OutputEncoding,
  type RunOptions,
  type RunResult,
  type RunSyncOptions,
  run,
  runSync,
  type SpawnOptions,
  spawn,
  template,
} from '../../dist/index.js'

describe('spawn() by stdio', () => {
  test('pipes by default', () => {
    const child = spawn('a')
    expectTypeOf(child).resolves.toHaveProperty('stdin').toEqualTypeOf<Writable>()
    expectTypeOf(child).resolves.toHaveProperty('stdout').toEqualTypeOf<Readable>()
    expectTypeOf(child).resolves.toHaveProperty('stderr').toEqualTypeOf<Readable>()
    const other = spawn('a', [], { cwd: '/' })
    expectTypeOf(other).resolves.toHaveProperty('stdout').toEqualTypeOf<Readable>()
  })

  test('one word for all', () => {
    const pipes = spawn('a', [], { stdio: 'pipe' })
    expectTypeOf(pipes).resolves.toHaveProperty('stdin').toEqualTypeOf<Writable>()
    const none = spawn('a', [], { stdio: 'ignore' })
    expectTypeOf(none).resolves.toHaveProperty('stdout').toEqualTypeOf<null>()
    const ours = spawn('a', [], { stdio: 'inherit' })
    expectTypeOf(ours).resolves.toHaveProperty('stderr').toEqualTypeOf<null>()
  })

  test('each entry of a list', () => {
    const child = spawn('a', [], { stdio: ['ignore', 'pipe', { path: 'x' }, 'pipe'] })
    expectTypeOf(child).resolves.toHaveProperty('stdin').toEqualTypeOf<null>()
    expectTypeOf(child).resolves.toHaveProperty('stdout').toEqualTypeOf<Readable>()
    expectTypeOf(child).resolves.toHaveProperty('stderr').toEqualTypeOf<null>()
    const short = spawn('a', [], { stdio: [0, null] })
    expectTypeOf(short).resolves.toHaveProperty('stdin').toEqualTypeOf<null>()
    expectTypeOf(short).resolves.toHaveProperty('stdout').toEqualTypeOf<Readable>()
    expectTypeOf(short).resolves.toHaveProperty('stderr').toEqualTypeOf<Readable>()
  })

  test('a stream', () => {
    const child = spawn('a', [], { stdio: [process.stdin, process.stdout, 'pipe'] })
    expectTypeOf(child).resolves.toHaveProperty('stdin').toEqualTypeOf<null>()
    expectTypeOf(child).resolves.toHaveProperty('stdout').toEqualTypeOf<null>()
  })

  test('not known at compile time', () => {
    const options = {} as SpawnOptions
    const child = spawn('a', [], options)
    expectTypeOf(child).resolves.toHaveProperty('stdin').toEqualTypeOf<Writable | null>()
    expectTypeOf(child).resolves.toHaveProperty('stdout').toEqualTypeOf<Readable | null>()
    expectTypeOf<Child['stdout']>().toEqualTypeOf<Readable | null>()
  })
})

describe('run() by encoding', () => {
  test('strings, except for buffer', () => {
    expectTypeOf(run('a')).resolves.toEqualTypeOf<RunResult<string>>()
    expectTypeOf(run('a', [], { timeout: 1 })).resolves.toEqualTypeOf<RunResult<string>>()
    expectTypeOf(run('a', [], { encoding: 'hex' })).resolves.toEqualTypeOf<RunResult<string>>()
    expectTypeOf(run('a', [], { encoding: 'buffer' })).resolves.toEqualTypeOf<RunResult<Buffer>>()
    const text = {} as RunOptions
    expectTypeOf(run('a', [], text)).resolves.toEqualTypeOf<RunResult<string>>()
    const either = {} as RunOptions<OutputEncoding>
    expectTypeOf(run('a', [], either)).resolves.toEqualTypeOf<RunResult<string | Buffer>>()
    const bytes = { encoding: 'buffer' } satisfies RunOptions<'buffer'>
    // @ts-expect-error a variable of this type is for text
    const wrong: RunOptions = { encoding: 'buffer' }
    expectTypeOf(run('a', [], { encoding: undefined })).resolves.toEqualTypeOf<RunResult<string>>()
    return [bytes, wrong]
  })
})

describe('pipes in either direction', () => {
  test('have the streams for it', async () => {
    const child = await spawn('a', [], {
      stdio: [{ pipe: 'both' }, { pipe: 'in' }, { pipe: 'out' }],
    })
    expectTypeOf(child.stdin).toEqualTypeOf<Duplex>()
    expectTypeOf(child.stdout).toEqualTypeOf<Writable>()
    expectTypeOf(child.stderr).toEqualTypeOf<Readable>()
    // @ts-expect-error no such direction
    spawn('a', [], { stdio: [{ pipe: 'up' }] })
    expectTypeOf(run('a').then(({ stdio }) => stdio)).resolves.toEqualTypeOf<
      readonly (string | null)[]
    >()
  })
})

describe('a terminal', () => {
  test('has stdin and stdout', async () => {
    const child = await spawn('a', [], { stdio: 'pty' })
    expectTypeOf(child.stdin).toEqualTypeOf<Writable>()
    expectTypeOf(child.stdout).toEqualTypeOf<Readable>()
    expectTypeOf(child.stderr).toEqualTypeOf<null>()
    const sized = await spawn('a', [], { stdio: { pty: { columns: 1, rows: 1 } } })
    expectTypeOf(sized.stdout).toEqualTypeOf<Readable>()
    expectTypeOf(sized.stderr).toEqualTypeOf<null>()
    sized.resize(80, 24)
  })
})

describe('the handle of run()', () => {
  test('is a promise, and has lines', async () => {
    const running = run('a')
    expectTypeOf(running.pid).toEqualTypeOf<number | undefined>()
    expectTypeOf(running.started).resolves.toEqualTypeOf<number>()
    expectTypeOf(running.kill('SIGINT')).toEqualTypeOf<boolean>()
    for await (const line of running) expectTypeOf(line).toEqualTypeOf<string>()
    for await (const line of running.lines('stderr')) expectTypeOf(line).toEqualTypeOf<string>()
    // @ts-expect-error no such output
    running.lines('stdin')
    expectTypeOf(
      run('a', [], { encoding: 'buffer', all: true }).then(({ all }) => all),
    ).resolves.toEqualTypeOf<Buffer>()
    run('a', [], {
      keep: 'tail',
      maxBuffer: { stdout: 1 },
      onStdout: (bytes) => expectTypeOf(bytes).toEqualTypeOf<Buffer>(),
      onLine: async (line, from) => {
        expectTypeOf(line).toEqualTypeOf<string>()
        expectTypeOf(from).toEqualTypeOf<'stdout' | 'stderr' | 'all'>()
      },
    })
    // @ts-expect-error no such output
    run('a', [], { maxBuffer: { out: 1 } })
    expectTypeOf(running.stdin).toEqualTypeOf<Writable | null>()
    run('a', [], { input: process.stdin })
    run('a', [], { input: new Blob([]) })
    run('a', [], { input: new Blob([]).stream() })
    run('a', [], { input: ['a', Buffer.alloc(1)] })
    run('a', [], { input: new URL('file:///a') })
    run('a', [], { input: { path: 'a' } })
    run('a', [], { input: true })
    // @ts-expect-error no bytes
    run('a', [], { input: [1] })
  })
})

describe('options', () => {
  test('unknown and wrong ones are errors', () => {
    // @ts-expect-error no such option
    spawn('a', [], { timeOut: 1 })
    // @ts-expect-error an option of run(), not of spawn()
    spawn('a', [], { maxBuffer: 1 })
    // @ts-expect-error a number
    run('a', [], { timeout: '1' })
    // @ts-expect-error no such backend
    run('a', [], { backend: 'magic' })
    // @ts-expect-error no such limit
    run('a', [], { rlimits: { files: 1 } })
    // @ts-expect-error no such option
    batch([], { concurency: 1 })
    // @ts-expect-error strings only
    run('a', [1])
  })
})

describe('batch()', () => {
  test('lists of words, however they are typed', () => {
    const list: string[][] = [['a', 'b']]
    expectTypeOf(batch(list).all()).resolves.toEqualTypeOf<BatchResult<string[], string>[]>()
    const frozen: readonly (readonly string[])[] = list
    expectTypeOf(batch(frozen).all()).resolves.toEqualTypeOf<
      BatchResult<readonly string[], string>[]
    >()
    const commands: BatchCommand[] = [['a'], { file: 'b' }]
    expectTypeOf(batch(commands).all()).resolves.toEqualTypeOf<
      BatchResult<BatchCommand, string>[]
    >()
    const options: BatchOptions = {}
    expectTypeOf(batch(commands, options).all()).resolves.toEqualTypeOf<
      BatchResult<BatchCommand, string>[]
    >()
    // @ts-expect-error words are strings
    batch([['a', 1]])
  })

  test('commands and results keep their types', () => {
    const commands = [{ file: 'a', id: 1 }]
    expectTypeOf(batch(commands).all()).resolves.toEqualTypeOf<
      BatchResult<{ file: string; id: number }, string>[]
    >()
    const bytes = batch([['a', 'b']] as [string, string][], { encoding: 'buffer' })
    expectTypeOf(bytes.all()).resolves.toEqualTypeOf<BatchResult<[string, string], Buffer>[]>()
  })

  test('an error, or a result', async () => {
    for await (const { error, result } of batch([['a']])) {
      if (error === undefined) expectTypeOf(result).toEqualTypeOf<RunResult<string>>()
      else expectTypeOf(error).toEqualTypeOf<Error>()
    }
  })
})

describe('template()', () => {
  test('as spawn() and run()', async () => {
    const tool = await template('a')
    expectTypeOf(tool.run([], { encoding: 'buffer' })).resolves.toEqualTypeOf<RunResult<Buffer>>()
    const child = tool.spawn([], { stdio: 'ignore' })
    expectTypeOf(child).resolves.toHaveProperty('stdout').toEqualTypeOf<null>()
    // @ts-expect-error a shell would be run instead
    tool.run([], { shell: true })
  })
})

describe('runSync()', () => {
  test('gives what run() resolves to', () => {
    expectTypeOf(runSync('a')).toEqualTypeOf<RunResult>()
    expectTypeOf(runSync('a', [], { encoding: 'buffer' }).stdout).toEqualTypeOf<Buffer>()
    const options: RunSyncOptions = { input: 'x', timeout: 1 }
    expectTypeOf(runSync('a', [], options).stdout).toEqualTypeOf<string>()
  })

  test('has no options that cannot be while it blocks', () => {
    // @ts-expect-error: nothing can abort it
    runSync('a', [], { signal: new AbortController().signal })
    // @ts-expect-error: no function is called
    runSync('a', [], { onLine: () => {} })
    // @ts-expect-error: nobody reads a stream
    runSync('a', [], { input: process.stdin })
    // @ts-expect-error: nobody writes
    runSync('a', [], { input: true })
  })
})
