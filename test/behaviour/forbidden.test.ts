/** What container profiles forbid: everything else works on. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { HANG } from '../support.js'

const deny = fileURLToPath(new URL('../../build/deny', import.meta.url))
const library = new URL('../../dist/index.js', import.meta.url).href

const code = `
  import { probe, run } from '${library}'
  const { poller, ioUring } = probe()
  const all = []
  for (const backend of ['vfork', 'fork']) {
    const { stdout } = await run('ls', ['/proc/self/fd'], { backend })
    const { step, code } = await run('true', [], { backend, cwd: '/nowhere' }).catch((e) => e)
    all.push([backend, stdout.split('\\n').join(' '), step, code])
  }
  console.log(JSON.stringify({ poller, why: ioUring.why, all }))`

// Not clone3=EPERM: there libc itself makes no thread, and Node does not start.
test.each([
  [['clone3=ENOSYS'], 'io_uring', undefined],
  [['close_range=ENOSYS'], 'io_uring', undefined],
  [['io_uring_setup=EPERM'], 'epoll', 'EPERM'],
  [['io_uring_setup=ENOSYS', 'clone3=ENOSYS', 'close_range=EPERM'], 'epoll', 'ENOSYS'],
])('%j', (denied, poller, why) => {
  const out = execFileSync(
    deny,
    [...denied, '--', process.execPath, '--input-type=module', '-e', code],
    { encoding: 'utf8', timeout: HANG },
  )
  expect(JSON.parse(out)).toEqual({
    poller,
    why,
    all: [
      ['vfork', '0 1 2 3 ', 'cwd', 'ENOENT'],
      ['fork', '0 1 2 3 ', 'cwd', 'ENOENT'],
    ],
  })
})
