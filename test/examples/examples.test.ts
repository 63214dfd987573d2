/** Runs the examples and checks their output. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
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
  const example = async (name: string) => {
    const file = join(project, `examples/${name}.mjs`)
    const { stdout, stderr, exitCode } = await run(process.execPath, [file], {
      env: { ...process.env, URING_SPAWN_BACKEND: backend },
    })
    expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' })
    return stdout
  }

  test('agent-tools', async () => {
    const lines = (await example('agent-tools')).split('\n')
    expect(lines).toContain('echo: hello')
    expect(lines).toContain('sh: sorry')
    expect(
      lines.filter((line) => line.includes('exec failed: execveat "no-such-tool": ENOENT')),
    ).toHaveLength(1)
    expect(lines.at(-2)).toContain('cwd failed: openat "/no-such-folder": ENOENT')
  })

  test('build', async () => {
    expect(await example('build')).toBe('built 24 units\n')
  })

  test('chain, which prints what the README shows', async () => {
    const readme = readFileSync(join(project, 'README.md'), 'utf8')
    const block = /examples\/chain\.mjs\n```\n\n```text\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
    const lines = (await example('chain')).split('\n')
    expect(lines[0]).toBe(backend)
    const words = (text: string) => text.split(/\s+/)
    // The pid and the descriptors differ from run to run.
    const steps = (all: readonly string[]) => all.slice(1).map((line) => words(line)[0])
    expect(steps(lines)).toEqual(steps(block.split('\n')))
    expect(lines.slice(-4)).toEqual(block.split('\n').slice(-4))
  })

  test('lines', async () => {
    expect(await example('lines')).toBe(
      `line 1\nline 2\nline 3\nstarted by ${backend}, ended by SIGTERM\n`,
    )
  })

  test('template', async () => {
    expect(await example('template')).toMatch(
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
