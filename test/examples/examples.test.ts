/** Runs the examples and checks their output. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { run } from '../../dist/index.js'
import { testedBackends } from '../backends.js'

const project = fileURLToPath(new URL('../..', import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))

describe.each(testedBackends)('examples by %s', (backend) => {
  const example = async (name: string, args: readonly string[] = [], input = '') => {
    const file = join(project, `examples/${name}.mjs`)
    const { stdout, stderr, exitCode } = await run(process.execPath, [file, ...args], {
      input,
      env: { ...process.env, URING_SPAWN_BACKEND: backend },
    })
    return { stdout, stderr, exitCode }
  }
  /** Its output, if nothing goes wrong. */
  const output = async (...asked: Parameters<typeof example>) => {
    const { stdout, stderr, exitCode } = await example(...asked)
    expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' })
    return stdout
  }

  test('agent-tools', async () => {
    const calls = [
      { command: ['echo', 'hello'] },
      { command: ['sh', '-c', 'echo sorry >&2; exit 3'] },
      { command: ['pwd'], cwd: '/no-such-folder' },
    ]
    const answers = await output('agent-tools', [], calls.map((c) => JSON.stringify(c)).join('\n'))
    expect(
      answers
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { output: 'hello\n', truncated: false },
      { output: 'sorry\n', truncated: false, problem: 'exit: 3' },
      { output: '', truncated: false, problem: 'ENOENT at cwd' },
    ])
  })

  test('ask', async () => {
    const squares = ['sh', '-c', 'while read n; do echo $((n * n)); done']
    expect(await output('ask', ['600', ...squares], '12\n99\n')).toBe('12 = 144\n99 = 9801\n')
  })

  test('build', async () => {
    const tasks = {
      link: { needs: ['compile'], command: 'echo linked' },
      compile: { needs: [], command: 'echo compiled' },
    }
    const file = join(dir, 'tasks.json')
    writeFileSync(file, JSON.stringify(tasks))
    expect(await output('build', [file])).toBe('compile: compiled\nlink: linked\n')
  })

  test('chain, which prints what the README shows', async () => {
    const readme = readFileSync(join(project, 'README.md'), 'utf8')
    const block = /examples\/chain\.mjs\n```\n\n```text\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
    const lines = (await output('chain')).split('\n')
    expect(lines[0]).toBe(backend)
    const words = (text: string) => text.split(/\s+/)
    // The pid and the descriptors differ from run to run.
    const steps = (all: readonly string[]) => all.slice(1).map((line) => words(line)[0])
    expect(steps(lines)).toEqual(steps(block.split('\n')))
    expect(lines.slice(-4)).toEqual(block.split('\n').slice(-4))
  })

  test('lint', async () => {
    const good = join(dir, 'good')
    writeFileSync(good, 'expected\n')
    const { stdout, exitCode } = await example(
      'lint',
      ['600', 'grep', '-q', 'expected'],
      `${good}\n/dev/null\n`,
    )
    expect({ stdout, exitCode }).toEqual({ stdout: '/dev/null: exit\n', exitCode: 1 })
  })

  test('tail', async () => {
    const file = join(dir, 'log')
    writeFileSync(file, 'yes 1\nno\nyes 2\nyes 3\n')
    expect(await output('tail', [file, 'yes', '2'])).toBe('yes 1\nyes 2\n')
  })

  test('template', async () => {
    expect(await output('template')).toMatch(
      /^grep is \/.*\/grep\nroot: yes\ndaemon: yes\nno-such-user: no\n$/,
    )
  })
})

test.runIf(testedBackends.includes('uring'))('chain.c', async () => {
  const program = join(dir, 'chain')
  const source = join(project, 'examples/chain.c')
  const include = join(project, 'uring-native/include')
  await run('gcc', ['-Wall', '-Werror', '-I', include, '-o', program, source, '-luring'], {
    check: true,
  })
  const { stdout, stderr, exitCode } = await run(program)
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toMatch(
    /^CLONE {2}0\nOPENAT \d+\nDUP {4}1\nEXEC {3}0\nenv ended with status 0; its output is in \/tmp\/chain-output\n$/,
  )
  expect(readFileSync('/tmp/chain-output', 'utf8')).toBe('GREETING=hello from the chain\n')
})
