// The demo's half in the lab; test/demo has the rest.
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
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

test('compares chains with the others on both kernels, on two screens', async () => {
  const { said, ended } = start('--rounds', '1')
  expect(await ended, said.stdout + said.stderr).toBe(0)
  const { here, lab } = JSON.parse(readFileSync(join(out, 'demo.json'), 'utf8'))
  const names = ({ sides }: { sides: { side: string }[] }) => sides.map(({ side }) => side)
  expect(names(lab)).toEqual(['uring', 'vfork', 'node:child_process'])
  expect(names(here)).toEqual(expect.arrayContaining(['vfork', 'node:child_process']))
  expect(lab.kernel).not.toBe(here.kernel)
  expect(lab).toMatchObject({ rounds: 1, failed: 0, different: 0 })

  const lines = said.stdout.split('\n')
  expect(lines.length).toBeLessThanOrEqual(2 * 24)
  expect(lines.filter((line) => line.length > 80 && !/demo\.(html|json)$/.test(line))).toEqual([])
  expect(said.stdout).toMatch(/Patched kernel .*, in an emulator/)
  expect(said.stdout).toMatch(/calls per second +chains +[\d.]+ █/)
  expect(readFileSync(join(out, 'demo.html'), 'utf8')).toContain('<figure id="lab-rate">')
  expect(own.files()).toEqual([])
  expect(leftInOut()).toEqual([])
})

const machine = () => processesNaming(own.path).some((line) => line.includes('qemu'))

test.each([
  ['boots', () => machine()],
  ['measures', (said: { stderr: string }) => /emulated: 25 %/.test(said.stderr)],
] as const)('SIGINT while the machine %s stops it', async (_, reached) => {
  const { child, said, ended } = start('--rounds', '1')
  await until(() => reached(said), 600_000)
  child.kill('SIGINT')
  expect(await ended, said.stderr).toBe(130)
  expect(said.stderr).toContain('demo: interrupted by SIGINT')
  expect(said.stdout).not.toContain('calls per second')
  expect(machine()).toBe(false)
  expect(own.files()).toEqual([])
  expect(leftInOut()).toEqual([])
})
