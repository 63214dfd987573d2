// A debugger attaches before the first instruction. This one speaks just enough of
// GDB's remote protocol to let the machine go on.
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { start, until } from './lab.ts'

/** A packet: its text, and the sum of its bytes. */
function packet(text: string): string {
  const sum = [...Buffer.from(text)].reduce((a, b) => (a + b) & 255, 0)
  return `$${text}#${sum.toString(16).padStart(2, '0')}`
}

test('--gdb: the machine stands still until a debugger lets it go on', async () => {
  const run = start(['--gdb', '--smp', '1', '--', 'echo', 'on it went'])
  await until(() => run.messages().includes('continue'))
  const [, vmlinux, socket] =
    /gdb '(.*)' -ex 'target remote (.*)'/.exec(run.messages()) ?? expect.fail(run.messages())
  expect(existsSync(vmlinux as string), vmlinux).toBe(true)
  await until(() => existsSync(socket as string))
  const debuggee = connect(socket as string)
  let said = ''
  debuggee.on('data', (data) => {
    said += data
  })
  // Why it stands still: the signal of a breakpoint, before anything has run.
  debuggee.write(packet('?'))
  await until(() => /\$T05.*#/.test(said))
  expect(run.output()).toBe('')
  debuggee.write(`+${packet('c')}`)
  const { status, stdout } = await run.ended
  expect([status, stdout.toString()]).toEqual([0, 'on it went\n'])
  debuggee.destroy()
})
