/** One process at a time: set-ups and builds of a clone, labs that change the cache. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'

const tools = join(import.meta.dirname, '../../tools/lock.mjs')
const paths = join(import.meta.dirname, '../../kernel/lib/paths.mjs')
let folder: string
const running = new Set<ChildProcess>()

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'))
})
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
  rmSync(folder, { recursive: true })
})

/** A process that runs `code`, and its first line. */
function start(code: string) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    env: { ...process.env, XDG_CACHE_HOME: folder },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  running.add(child)
  const stderr = text(child.stderr)
  const stdout = text(child.stdout)
  const ended = once(child, 'close').then(async ([status]) => ({
    ...{ status, stdout: await stdout, stderr: await stderr },
  }))
  return { child, ended, line: once(child.stdout, 'data').then(String) }
}

/** Does `work` under the lock: prints 'has it' then, and 'waits' if it has to wait. */
const locked = (work: string, patience?: number) => `
  import { withLock } from ${JSON.stringify(tools)}
  const options = { waiting: () => console.log('waits'), patience: ${patience} }
  await withLock(${JSON.stringify(join(folder, 'some/lock'))}, options, async () => {
    console.log('has it')
    ${work}
  }).catch(({ name, constructor, message }) => console.log(constructor.name, message))`

const untilStdinEnds = `for await (const _ of process.stdin);`

test('the second waits, and says so, until the first has ended its work', async () => {
  const first = start(locked(untilStdinEnds))
  expect(await first.line).toBe('has it\n')
  const second = start(locked(''))
  expect(await second.line).toBe('waits\n')
  first.child.stdin?.end()
  expect((await first.ended).status).toBe(0)
  expect(await second.ended).toEqual({ status: 0, stdout: 'waits\nhas it\n', stderr: '' })
})

test('work that fails lets the next one in, and throws what it threw', async () => {
  const { stdout } = await start(locked(`throw new RangeError('too far')`)).ended
  expect(stdout).toBe('has it\nRangeError too far\n')
  expect((await start(locked('')).ended).stdout).toBe('has it\n')
})

test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('%s to the first one', async (signal) => {
  const first = start(locked(untilStdinEnds))
  await first.line
  const second = start(locked(''))
  expect(await second.line).toBe('waits\n')
  first.child.kill(signal)
  expect((await second.ended).stdout).toBe('waits\nhas it\n')
})

test('whose patience ends gets an error that names the lock', async () => {
  const first = start(locked(untilStdinEnds))
  await first.line
  const { stdout } = await start(locked('', 1)).ended
  const file = join(folder, 'some/lock')
  expect(stdout).toBe(`waits\nLockedError another process has held ${file} for 1 s\n`)
})

test('labs wait for each other, but not for one that changes another folder', async () => {
  const lab = (work: string, of = '') => `
    import { cached, withCacheLock } from ${JSON.stringify(paths)}
    await withCacheLock(async () => {
      console.log('has it')
      ${work}
    }${of})`
  const first = start(lab(untilStdinEnds))
  await first.line
  const other = await start(lab('', `, cached('unpacking')`)).ended
  expect(other).toEqual({ status: 0, stdout: 'has it\n', stderr: '' })
  const second = start(lab(''))
  const said = String((await once(second.child.stderr as never, 'data'))[0])
  expect(said).toBe('lab: waiting for another lab that is building\n')
  first.child.stdin?.end()
  expect((await second.ended).stdout).toBe('has it\n')
  expect(existsSync(join(folder, 'uring-spawn/.lock'))).toBe(true)
})
