// The demo stops its machine when it is interrupted. What a whole demo prints and
// writes, `npm run test:fresh` checks, and test/demo the rest.
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { processesNaming, project, scratch, until } from './lab.ts'

let own: ReturnType<typeof scratch>
beforeEach(() => {
  own = scratch()
})
afterEach(() => own.remove())

const out = join(project, 'out/demo')
const leftInOut = () => readdirSync(out).filter((name) => name.startsWith('lab-'))

function start(...args: string[]) {
  const child = spawn(process.execPath, [join(project, 'demo/main.mjs'), ...args], {
    cwd: project,
    env: { ...process.env, TMPDIR: own.path },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said.stderr += text
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  return { child, said, ended }
}

const machine = () => processesNaming(own.path).some((line) => line.includes('qemu'))

test.each([
  ['boots', () => machine()],
  // Without a terminal the share that is done comes once a minute, whatever it is by then.
  ['measures', (said: { stderr: string }) => /emulated: [1-9]\d* %/.test(said.stderr)],
] as const)('SIGINT while the machine %s stops it', async (_, reached) => {
  const { child, said, ended } = start('--rounds', '3')
  await until(() => reached(said), 600_000)
  child.kill('SIGINT')
  expect(await ended, said.stderr).toBe(130)
  expect(said.stderr).toContain('demo: interrupted by SIGINT')
  expect(said.stdout).not.toContain('calls per second')
  expect(machine()).toBe(false)
  expect(own.files()).toEqual([])
  expect(leftInOut()).toEqual([])
})
