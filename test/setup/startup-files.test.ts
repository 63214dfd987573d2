/** What the tools run does not depend on the user's start-up files. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, expect, test } from 'vitest'

const home = mkdtempSync(join(tmpdir(), 'startup-files-'))
afterAll(() => rmSync(home, { recursive: true }))

const tools = new URL('../../tools/sh.mjs', import.meta.url).href
const program = `
  const { sh } = await import(${JSON.stringify(tools)})
  console.log((await sh\`echo read: $FROM\`).stdout.trim())`

test.each([
  ['by no shell', undefined],
  ['by a shell that has replaced itself', '0'],
  ['by a shell', '1'],
])('a command that is run %s reads no ~/.bashrc', (_, level) => {
  writeFileSync(join(home, '.bashrc'), 'FROM=yes\n')
  const { SHLVL: _level, ...environment } = process.env
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    env: { ...environment, HOME: home, FROM: 'no', ...(level && { SHLVL: level }) },
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  expect(stdout).toBe('read: no\n')
})
