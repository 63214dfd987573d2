/**
 * Five of the examples are there twice, with the library and by node:child_process alone.
 * Both do the same, and the first is half as long.
 */
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { type Running, run } from '../../dist/index.js'
import { HANG, until } from '../support.js'

const examples = fileURLToPath(new URL('../../examples', import.meta.url))
const names = readdirSync(join(examples, 'without'))

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))

/** Without blank lines and comments that have a line of their own. Lint sees that both are formatted alike. */
const lengthOf = (file: string) =>
  readFileSync(join(examples, file), 'utf8')
    .split('\n')
    .filter((line) => !/^\s*(\/\/|\/\*|\*|$)/.test(line)).length

test.each(names)('%s is at most half as long', (name) => {
  expect(lengthOf(name) / lengthOf(`without/${name}`)).toBeLessThanOrEqual(0.5)
})

test('the five are there', () => {
  expect(names).toEqual(['agent-tools.mjs', 'ask.mjs', 'build.mjs', 'lint.mjs', 'tail.mjs'])
})

/** A variable in the environment of a program and of all that it starts. */
const MARK = 'URING_SPAWN_TEST_MARK'

/** Whether any process has the mark, but for zombies, which have no environment. */
const someoneHas = (mark: string) =>
  readdirSync('/proc').some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`).includes(`${MARK}=${mark}`)
    } catch {
      return false // It has ended, or is another user's.
    }
  })

interface Outcome {
  stdout: string
  exitCode: number | null
  signal: string | null
  /** Whether it wrote any to stderr; what it says there differs. */
  complains: boolean
}

interface Play {
  args?: readonly string[]
  input?: string
  /** Talks to the program while it runs; `folder` is its own. */
  meanwhile?: (program: Running, folder: string) => Promise<void>
}

let plays = 0

/** Its outcome, once nothing is left of it. Its working directory is `folder`. */
async function outcomeOf(script: string, folder: string, play: Play): Promise<Outcome> {
  const { args = [], input = '', meanwhile } = play
  const mark = `${process.pid}.${++plays}.`
  const program = run(process.execPath, [join(examples, script), ...args], {
    ...{ cwd: folder, input, timeout: HANG },
    env: { ...process.env, [MARK]: mark },
  })
  await Promise.all([program, meanwhile?.(program, folder)])
  await until(() => !someoneHas(mark))
  const { stdout, stderr, exitCode, signal } = await program
  return { stdout, exitCode, signal, complains: stderr !== '' }
}

/** What both do, which is the same. The files are in the working directory of each. */
async function both(
  name: string,
  play: Play & { files?: Readonly<Record<string, string>>; sorted?: boolean },
): Promise<Outcome> {
  const outcomes = await Promise.all(
    [name, `without/${name}`].map(async (script) => {
      const folder = mkdtempSync(join(dir, 'play-'))
      for (const [file, text] of Object.entries(play.files ?? {})) {
        writeFileSync(join(folder, file), text)
      }
      const outcome = await outcomeOf(`${script}.mjs`, folder, play)
      const stdout = outcome.stdout.replaceAll(folder, '.')
      return { ...outcome, stdout: play.sorted ? stdout.split('\n').sort().join('\n') : stdout }
    }),
  )
  const [ours, theirs] = outcomes as [Outcome, Outcome]
  expect(ours).toEqual(theirs)
  return ours
}

const json = (...values: readonly object[]) =>
  values.map((value) => JSON.stringify(value)).join('\n')

/** What a shell runs that has started something, and waits for that. */
const tree = 'sleep 600 & touch begun; wait'

/** Ends the program once its tree has begun. */
const endIt = async (program: Running, folder: string) => {
  await until(() => existsSync(join(folder, 'begun')))
  program.kill('SIGTERM')
}

describe('agent-tools', () => {
  const answersTo = async (...calls: readonly object[]) => {
    const { stdout, exitCode } = await both('agent-tools', { input: json(...calls) })
    expect(exitCode).toBe(0)
    const answers = stdout.trim().split('\n')
    expect(answers).toHaveLength(calls.length)
    return answers.map((line) => JSON.parse(line) as { output: string; problem?: string })
  }

  test('output, failures and what does not start', async () => {
    const answers = await answersTo(
      { command: ['echo', 'hello'] },
      { command: ['sh', '-c', 'echo x; exit 3'] },
      { command: ['sh', '-c', 'kill -KILL $$'] },
      { command: ['no-such-tool'] },
      { command: ['/etc/passwd'] },
      { command: ['pwd'], cwd: '/no/such/folder' },
      { command: ['pwd'], cwd: '/' },
    )
    expect(answers.map(({ output, problem }) => problem ?? output)).toEqual([
      'hello\n',
      'exit: 3',
      'signal: SIGKILL',
      'ENOENT at exec',
      'EACCES at exec',
      'ENOENT at cwd',
      '/\n',
    ])
  })

  test('the beginning and the end of long output', async () => {
    const answers = await answersTo({ command: ['seq', '100000'] })
    expect(answers).toEqual([{ output: expect.any(String), truncated: true }])
    expect(answers[0]?.output).toMatch(/^1\n2\n[\s\S]*99999\n100000\n$/)
    expect(answers[0]?.output).toHaveLength(65_536)
  })

  test('a tool that takes too long, with all that it has started', async () => {
    const [ended, killed] = await Promise.all(
      [tree, `trap '' TERM; ${tree}`].map((line) =>
        answersTo({ command: ['sh', '-c', line], timeout: 2000 }),
      ),
    )
    expect(ended).toMatchObject([{ problem: 'timeout: SIGTERM' }])
    expect(killed).toMatchObject([{ problem: 'timeout: SIGKILL' }])
  })

  test('is ended itself', async () => {
    const input = json({ command: ['sh', '-c', tree] })
    const { signal } = await both('agent-tools', { input, meanwhile: endIt })
    expect(signal).toBe('SIGTERM')
  })
})

describe('build', () => {
  const build = async (tasks: object, play: Play = {}) =>
    both('build', {
      ...{ ...play, args: ['tasks.json'], sorted: true },
      files: { 'tasks.json': JSON.stringify(tasks) },
    })

  test('runs each task after those that it needs', async () => {
    const { stdout, exitCode } = await build({
      link: { needs: ['one', 'two'], command: 'cat 1 2' },
      one: { needs: ['folder'], command: 'echo one | tee 1' },
      two: { needs: ['folder'], command: 'echo two >2; echo done >&2' },
      folder: { needs: [], command: 'true' },
    })
    expect({ stdout, exitCode }).toEqual({
      stdout: '\nfolder: \nlink: one\none: one\ntwo\ntwo: done',
      exitCode: 0,
    })
  })

  test.skipIf(availableParallelism() < 2)('ends the others when one fails', async () => {
    const { exitCode, complains } = await build({
      long: { needs: [], command: tree },
      bad: { needs: [], command: 'until test -e begun; do sleep 0.05; done; exit 4' },
      never: { needs: ['bad'], command: 'true' },
    })
    expect({ exitCode, complains }).toEqual({ exitCode: 1, complains: true })
  })

  test('tasks that need each other', async () => {
    const { stdout, exitCode, complains } = await build({
      first: { needs: [], command: 'echo first' },
      egg: { needs: ['hen'], command: 'true' },
      hen: { needs: ['egg', 'first'], command: 'true' },
    })
    expect({ stdout, exitCode, complains }).toEqual({
      ...{ stdout: '\nfirst: first', exitCode: 1, complains: true },
    })
  })

  test('is ended itself', async () => {
    const tasks = { long: { needs: [], command: tree } }
    expect((await build(tasks, { meanwhile: endIt })).signal).toBe('SIGTERM')
  })
})

describe('tail', () => {
  test('follows a file that is replaced', async () => {
    const { stdout, exitCode } = await both('tail', {
      args: ['log', 'yes', '3'],
      files: { log: `no\nyes 1\n${'x'.repeat(3_000_000)}\n` },
      meanwhile: async (program, folder) => {
        const log = join(folder, 'log')
        for await (const line of program) {
          if (line === 'yes 1') appendFileSync(log, 'yes 2\n')
          else if (line === 'yes 2') {
            renameSync(log, join(folder, 'log.1'))
            writeFileSync(log, 'no\nyes 3\nyes 4\n')
          }
        }
      },
    })
    expect({ stdout, exitCode }).toEqual({ stdout: 'yes 1\nyes 2\nyes 3\n', exitCode: 0 })
  })

  test('there is nothing to follow', async () => {
    const { exitCode, complains } = await both('tail', { args: ['/', 'yes', '1'] })
    expect({ exitCode, complains }).toEqual({ exitCode: 1, complains: true })
  })

  test('is ended itself', async () => {
    const { signal } = await both('tail', {
      args: ['log', 'yes', '2'],
      files: { log: 'yes 1\n' },
      meanwhile: async (program) => {
        for await (const _ of program) program.kill('SIGTERM')
      },
    })
    expect(signal).toBe('SIGTERM')
  })
})

describe('ask', () => {
  const ask = (program: readonly string[], seconds: number, play: Play = {}) =>
    both('ask', { input: '3\n4\n', ...play, args: [`${seconds}`, ...program] })

  test.each([
    ['answers', 'while read n; do echo $((n * n)); done', '3 = 9\n4 = 16\n', 0],
    ['answers and fails', 'while read n; do echo $((n * n)); done; exit 2', '3 = 9\n4 = 16\n', 1],
    ['ends too early', 'read n; echo 1; echo oh >&2; exit 3', '3 = 1\n', 1],
    ['is killed', 'read n; echo 1; kill -KILL $$', '3 = 1\n', 1],
    ['reads nothing', 'exec <&-; exit 1', '', 1],
  ])('a program that %s', async (_, line, stdout, exitCode) => {
    const outcome = await ask(['sh', '-c', line], HANG)
    expect(outcome).toEqual({ stdout, exitCode, signal: null, complains: exitCode === 1 })
  })

  test('a program that there is not', async () => {
    expect(await ask(['no-such-program'], HANG)).toMatchObject({ exitCode: 1, complains: true })
  })

  test('a program that is silent, with all that it has started', async () => {
    const outcome = await ask(['sh', '-c', `read n; echo 1; ${tree}`], 2)
    expect(outcome).toMatchObject({ stdout: '3 = 1\n', exitCode: 1, complains: true })
  })

  test('is ended itself', async () => {
    expect((await ask(['sh', '-c', tree], HANG, { meanwhile: endIt })).signal).toBe('SIGTERM')
  })
})

describe('lint', () => {
  const files = Array.from({ length: 100 }, (_, index) => `file${index}`)
  const texts = Object.fromEntries(files.map((name, i) => [name, i % 10 === 3 ? 'bad' : 'good']))
  const lint = (linter: readonly string[], seconds: number, play: Play = {}) =>
    both('lint', {
      ...{ input: files.join('\n'), files: texts, sorted: true, ...play },
      args: [`${seconds}`, ...linter],
    })

  test('those that it complains about', async () => {
    const { stdout, exitCode } = await lint(['sh', '-c', 'cat $0; grep -q good $0'], HANG)
    expect(exitCode).toBe(1)
    const lines = stdout.trim().split('\n')
    expect(lines.filter((line) => line === 'bad')).toHaveLength(10)
    expect(lines.filter((line) => line !== 'bad')).toEqual(
      files
        .filter((name) => texts[name] === 'bad')
        .map((name) => `${name}: exit`)
        .sort(),
    )
  })

  test('all are good', async () => {
    expect(await lint(['true'], HANG)).toMatchObject({ stdout: '', exitCode: 0 })
  })

  test('there is no linter, or it takes too long, or it is killed', async () => {
    const play = { input: 'file0' }
    expect((await lint(['no-such-linter'], HANG, play)).stdout).toBe('\nfile0: ENOENT')
    const long = await lint(['sh', '-c', 'exec sleep 600'], 1, play)
    expect(long.stdout).toBe('\nfile0: timeout')
    const killed = await lint(['sh', '-c', 'kill -KILL $$'], HANG, play)
    expect(killed.stdout).toBe('\nfile0: signal')
  })

  test('is ended itself', async () => {
    const play = { input: 'file0', meanwhile: endIt }
    const { signal } = await lint(['sh', '-c', 'touch begun; exec sleep 600'], HANG, play)
    expect(signal).toBe('SIGTERM')
  })
})
