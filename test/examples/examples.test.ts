/** Examples are run, so that they stay true. */
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { run } from '../../dist/index.js'

const example = async (name: string) => {
  const file = fileURLToPath(new URL(`../../examples/${name}.mjs`, import.meta.url))
  const { stdout, stderr, exitCode } = await run(process.execPath, [file])
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

test('lines', async () => {
  expect(await example('lines')).toMatch(
    /^started by \w+\nline 1\nline 2\nline 3\nended by SIGTERM\n$/,
  )
})

test('template', async () => {
  expect(await example('template')).toMatch(
    /^grep is \/.*\/grep\nroot: yes\ndaemon: yes\nno-such-user: no\n$/,
  )
})
