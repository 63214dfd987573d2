/** The library and other code in the process do not disturb each other. */
import { execFile, spawn as nodeSpawn } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { run, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { nothingLeft, openFds, until } from '../support.js'

const execFileAsync = promisify(execFile)
const numbers = Array.from({ length: 100 }, (_, index) => index)

describe.each(testedBackends)('alongside, %s', (backend) => {
  test('node:child_process and the library each get their own exits', async () => {
    let signals = 0
    const count = () => signals++
    process.on('SIGCHLD', count)
    const nodes = numbers.map(
      (code) =>
        new Promise((resolve) => {
          nodeSpawn('sh', ['-c', `exit ${code}`], { stdio: 'ignore' }).on('exit', resolve)
        }),
    )
    const ours = numbers.map((code) => run('sh', ['-c', `exit ${code}`], { backend }))
    expect(await Promise.all(nodes)).toEqual(numbers)
    expect((await Promise.all(ours)).map(({ exitCode }) => exitCode)).toEqual(numbers)
    await until(() => signals > 0)
    process.off('SIGCHLD', count)
  })

  test('a concurrent fork inherits none of our descriptors', async () => {
    const before = (await execFileAsync('ls', ['/proc/self/fd'])).stdout
    const [seen] = await Promise.all([
      Promise.all(numbers.slice(0, 40).map(() => execFileAsync('ls', ['/proc/self/fd']))),
      Promise.all(numbers.map(() => run('true', [], { backend, input: 'x' }))),
    ])
    expect(new Set(seen.map(({ stdout }) => stdout))).toEqual(new Set([before]))
  })

  test('launches that hang in an open do not delay others', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
    const fifo = join(dir, 'fifo')
    await run('mkfifo', [fifo])
    const hanging = numbers
      .slice(0, 20)
      .map(() => spawn('cat', [], { backend, stdio: [{ path: fifo }, 'ignore', 'ignore'] }))
    const others = await Promise.all(numbers.map((n) => run('echo', [String(n)], { backend })))
    expect(others.map(({ stdout }) => Number(stdout))).toEqual(numbers)
    // Lets all of them go on.
    const writer = openSync(fifo, constants.O_RDWR)
    const children = await Promise.all(hanging)
    closeSync(writer)
    for (const child of children) child.kill()
    await Promise.all(children.map(({ exited }) => exited))
    rmSync(dir, { recursive: true })
  })

  test('unread pipes of children that have ended are closed', async () => {
    const before = openFds()
    for (let round = 0; round < 5; round++) {
      const children = await Promise.all(
        numbers
          .slice(0, 20)
          .map(() => spawn('true', [], { backend, stdio: ['ignore', 'pipe', 'pipe'] })),
      )
      await Promise.all(children.map(({ exited }) => exited))
    }
    await nothingLeft(before)
  })

  test('output read after the end is complete', async () => {
    const child = await spawn('echo', ['late'], { backend, stdio: ['ignore', 'pipe', 'pipe'] })
    await child.exited
    const chunks: Buffer[] = []
    for await (const chunk of child.stdout) chunks.push(chunk as Buffer)
    for await (const chunk of child.stderr) chunks.push(chunk as Buffer)
    expect(Buffer.concat(chunks).toString()).toBe('late\n')
  })
})
