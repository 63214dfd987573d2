/** Many starts and exits at once don't block the event loop, and nothing is lost or mixed up. */
import { once, setMaxListeners } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  type RunOptions,
  type RunResult,
  run,
  type StdioEntry,
  spawn,
  template,
} from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { nothingLeft, openFds } from '../support.js'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))

const COUNT = 150

/** Counts the turns of the event loop until `work` has ended. */
async function turns(work: (now: () => number) => Promise<unknown>): Promise<number> {
  let turn = 0
  let on = true
  const next = () => {
    turn++
    if (on) setImmediate(next)
  }
  setImmediate(next)
  await work(() => turn)
  on = false
  return turn
}

describe.each(testedBackends)('a burst by %s', (backend) => {
  test('each start uses the values at the call, whatever the caller does to them later', async () => {
    const args = ['-c', '']
    const env = { N: '' }
    const stdio: ('pipe' | 'ignore')[] = ['pipe', 'pipe', 'pipe']
    const input = new Uint8Array(1)
    const options: RunOptions = { backend, env, stdio, input }
    const all: Promise<RunResult>[] = []
    for (let i = 0; i < COUNT; i++) {
      args[1] = `echo ${i} $N; cat`
      env.N = String(i)
      input[0] = 97 + (i % 26)
      all.push(run('/bin/sh', args, options) as Promise<RunResult>)
    }
    args.length = 0
    stdio.fill('ignore')
    options.cwd = '/nowhere'
    input[0] = 0
    const letter = (i: number) => String.fromCharCode(97 + (i % 26))
    const said = (await Promise.all(all)).map(({ stdout }) => stdout)
    expect(said).toEqual(Array.from({ length: COUNT }, (_, i) => `${i} ${i}\n${letter(i)}`))
  })

  test.each([0, 3])('a stream is not read here any more from the call on, as %i', async (at) => {
    const script = 'echo one; echo >&2; read go; echo two'
    const source = await spawn('sh', ['-c', script], { backend })
    await once(source.stderr, 'data')
    const others = Array.from({ length: COUNT }, () => run('true', [], { backend }))
    const stdio: StdioEntry[] = ['ignore', 'pipe', 'pipe']
    stdio[at] = source.stdout
    const said = run('sh', ['-c', `cat <&${at}`], { backend, stdio })
    source.stdin.end('\n')
    expect((await said).stdout).toBe('one\ntwo\n')
    await Promise.all(others)
  })

  test('the environment is that of the call', async () => {
    const all = []
    for (let i = 0; i < COUNT; i++) {
      process.env.URING_SPAWN_TEST_N = String(i)
      all.push(run('/bin/sh', ['-c', 'echo $URING_SPAWN_TEST_N'], { backend }))
    }
    delete process.env.URING_SPAWN_TEST_N
    const said = (await Promise.all(all)).map(({ stdout }) => stdout)
    expect(said).toEqual(Array.from({ length: COUNT }, (_, i) => `${i}\n`))
  })

  test('the event loop gets its turns, and a start that is aborted before its own does not begin', async () => {
    const controller = new AbortController()
    const { signal } = controller
    setMaxListeners(0, signal)
    const file = join(dir, `lines-${backend}`)
    const options = { backend, signal, cwd: dir }
    const line = `echo >> ${file}; exec sleep 60`
    const all = Array.from({ length: COUNT }, () =>
      run('/bin/sh', ['-c', line], options).catch(({ name }) => name),
    )
    setImmediate(() => controller.abort())
    expect(await Promise.all(all)).toEqual(Array(COUNT).fill('AbortError'))
    const begun = existsSync(file) ? readFileSync(file, 'utf8').length : 0
    expect(begun).toBeLessThanOrEqual(128)
  })

  test('32 starts begin in each turn of the event loop', async () => {
    let begun = 0
    let on = true
    const perTurn: number[] = []
    // A start listens to its signal when it begins.
    const signal = {
      ...{ aborted: false, removeEventListener: () => {} },
      addEventListener: () => {
        begun++
      },
    } as unknown as AbortSignal
    const count = () => {
      perTurn.push(begun)
      begun = 0
      if (on) setImmediate(count)
    }
    setImmediate(count)
    await Promise.all(Array.from({ length: COUNT }, () => run('true', [], { backend, signal })))
    on = false
    expect(perTurn.reduce((sum, n) => sum + n, begun)).toBe(COUNT)
    expect(Math.max(...perTurn)).toBe(32)
  })

  test('a template serves waiting starts, even if it is closed meanwhile', async () => {
    await run('true', [], { backend })
    const before = openFds()
    const sh = await template('sh')
    const all = Array.from({ length: COUNT }, (_, i) => sh.run(['-c', `echo ${i}`], { backend }))
    const turned = turns(() => Promise.all(all))
    sh.close()
    await expect(sh.run([], { backend })).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' })
    expect(await turned).toBeGreaterThanOrEqual(COUNT / 32 - 1)
    const said = (await Promise.all(all)).map(({ stdout }) => stdout)
    expect(said).toEqual(Array.from({ length: COUNT }, (_, i) => `${i}\n`))
    await nothingLeft(before)
  })

  test('exits that pile up are delivered over several turns', async () => {
    const perTurn = new Map<number, number>()
    let started = 0
    const one = async (now: () => number) => {
      const child = await spawn('sleep', ['0.5'], { backend, stdio: 'ignore' })
      // Block the event loop meanwhile, so that the exits arrive at once.
      if (++started === COUNT) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
      }
      const { code } = await child.exited
      expect(code).toBe(0)
      perTurn.set(now(), (perTurn.get(now()) ?? 0) + 1)
    }
    const count = await turns((now) => Promise.all(Array.from({ length: COUNT }, () => one(now))))
    const numbers = [...perTurn.values()]
    expect(numbers.reduce((sum, n) => sum + n, 0)).toBe(COUNT)
    // 64 for a wake-up, and 64 more for each full batch.
    expect(Math.max(...numbers)).toBeLessThanOrEqual(128)
    // Counting begins with the turn after the one in which it began.
    expect(count + 1).toBeGreaterThanOrEqual(numbers.length)
  })
})
