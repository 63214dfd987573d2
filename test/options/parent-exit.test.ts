/** onParentExit with a group: however a program ends, its children's groups end first. */
import { spawn as nodeSpawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { text } from '../support.js'

const library = new URL('../../dist/index.js', import.meta.url).href

/** Runs code in a process of its own; its descriptor 3 is a pipe for its children to hold. */
function parent(code: string) {
  const source = `
    import { spawn } from '${library}'
    ${code}`
  const started = nodeSpawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'inherit', 'pipe', 'pipe'],
  })
  started.stderr?.resume()
  return { started, ended: text(started.stdio[3] as Readable) }
}

test.each([
  ['exits', 'process.exit(3)', [3, null]],
  ['has nothing more to do', 'held.unref()', [0, null]],
  ['fails', "setImmediate(() => { throw new Error('on purpose') })", [1, null]],
  ['gets SIGTERM', "process.kill(process.pid, 'SIGTERM')", [null, 'SIGTERM']],
  ['gets SIGINT', "process.kill(process.pid, 'SIGINT')", [null, 'SIGINT']],
  [
    'handles SIGHUP itself',
    "process.on('SIGHUP', () => process.exit(4)); process.kill(process.pid, 'SIGHUP')",
    [4, null],
  ],
])('a program takes whole groups along when it %s', async (_, end, exit) => {
  const { started, ended } = parent(`
    const held = await spawn('sh', ['-c', 'sleep 600 & echo up; wait'], {
      stdio: ['ignore', 'pipe', 'ignore', 3], onParentExit: 'kill', killTarget: 'group',
    })
    held.stdout.once('data', () => {
      held.stdout.destroy()
      ${end}
    })`)
  const left = once(started, 'exit')
  await ended
  expect(await left).toEqual(exit)
})
