// What the tests of every runner here check: that uring-spawn starts programs in it.
import assert from 'node:assert/strict'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { promisify } from 'node:util'

/** Rejects with what is wrong. */
export async function check() {
  const events = []
  const listen = ({ event }) => events.push(event)
  subscribe('uring-spawn:launch', listen)
  try {
    const child = spawn('sh', ['-c', 'read line; echo "got $line"; exit 3'])
    child.stdin.end('a line\n')
    let text = ''
    child.stdout.on('data', (data) => {
      text += data
    })
    const [code] = await once(child, 'close')
    assert.deepEqual([code, text], [3, 'got a line\n'])
    assert.deepEqual(events, ['start', 'started', 'exit'])
    const { stdout } = await promisify(execFile)('echo', ['x'])
    assert.equal(stdout, 'x\n')
    await assert.rejects(promisify(execFile)('/no/such'), { code: 'ENOENT' })
    assert.equal(execFileSync('echo', ['y'], { encoding: 'utf8' }), 'y\n')
    assert.ok(!events.includes('delegated'))
  } finally {
    unsubscribe('uring-spawn:launch', listen)
  }
}
