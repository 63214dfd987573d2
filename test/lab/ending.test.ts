// Runs that do not end by themselves leave nothing behind.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lab, processesNaming, scratch, start, until } from './lab.ts'

let own: ReturnType<typeof scratch>
beforeEach(() => {
  own = scratch()
})
afterEach(() => own.remove())

const sleeping = () =>
  start(['--', 'sh', '-c', 'echo ready; exec sleep 1000'], { env: { TMPDIR: own.path } })

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s stops the machine', async (name) => {
  const run = sleeping()
  await until(() => run.output() === 'ready\n')
  expect(processesNaming(own.path).length).toBeGreaterThan(0)
  run.child.kill(name)
  expect((await run.ended).signal).toBe(name)
  expect(processesNaming(own.path)).toEqual([])
  expect(own.files()).toEqual([])
})

test('SIGINT while the machine boots stops it', async () => {
  const run = sleeping()
  await until(() => processesNaming(own.path).length > 0)
  run.child.kill('SIGINT')
  expect((await run.ended).signal).toBe('SIGINT')
  expect(processesNaming(own.path)).toEqual([])
  expect(own.files()).toEqual([])
})

test('even SIGKILL leaves no machine running', async () => {
  const run = sleeping()
  await until(() => run.output() === 'ready\n')
  run.child.kill('SIGKILL')
  await run.ended
  await until(() => processesNaming(own.path).length === 0)
})

test('--timeout ends with 124 and the end of the console', async () => {
  const { status, stdout, stderr } = await lab(
    ['--timeout', '40', '--', 'sh', '-c', 'echo "<3>the last word" >/dev/kmsg; sleep 1000'],
    { env: { TMPDIR: own.path } },
  )
  expect(status).toBe(124)
  expect(stdout.toString()).toBe('')
  expect(stderr.toString()).toMatch(/^lab: stopped after 40 s; the end of the console:\n/)
  expect(stderr.toString()).toContain('the last word')
  expect(own.files()).toEqual([])
})

test('a machine that dies while the command runs is an error', async () => {
  const { status, stderr } = await lab(['--', 'sh', '-c', 'echo o >/proc/sysrq-trigger; sleep 9'])
  expect(status).toBe(99)
  expect(stderr.toString()).toMatch(/^lab: the machine ended before the command did:\n/)
})

test('a panic is shown', async () => {
  const { status, stderr } = await lab(['--', 'sh', '-c', 'echo c >/proc/sysrq-trigger; sleep 9'])
  expect(status).toBe(99)
  expect(stderr.toString()).toMatch(/^lab: the kernel reported:\n.*Kernel panic - not syncing/)
})
