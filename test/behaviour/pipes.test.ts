/** When our ends of a child's pipes are closed, and what can be read after that. */
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, test } from 'vitest'
import { type Child, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { nothingLeft, openFds, rejection, text, until } from '../support.js'

const ROUNDS = 40

describe.each(testedBackends)('pipes by %s', (backend) => {
  const options = { backend } as const

  const touches: [string, (child: Child<'pipe'>) => unknown][] = [
    ['unused', () => {}],
    ['stdin accessed', (child) => child.stdin],
    ['stdin ended', (child) => child.stdin.end()],
    ['stdin written to', (child) => child.stdin.on('error', () => {}).write('x')],
    ['output read', (child) => Promise.all([text(child.stdout), text(child.stderr)])],
  ]

  test.each(touches)('are closed when the child ends: %s', async (_name, touch) => {
    await (await spawn('true', [], options)).exited
    const before = openFds()
    // Referenced to the end, so that no garbage collection closes anything.
    const children: Child<'pipe'>[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const child = await spawn('true', [], options)
      children.push(child)
      await touch(child)
      await child.exited
    }
    await nothingLeft(before)
    expect(children).toHaveLength(ROUNDS)
  })

  test.each([0, 10, 60_000])('keep %i unread bytes', async (length) => {
    await (await spawn('true', [], options)).exited
    const before = openFds()
    const children: Child<'pipe'>[] = []
    for (let round = 0; round < 10; round++) {
      const args = ['-c', `head -c ${length} /dev/zero; echo oops >&2`]
      const child = await spawn('sh', args, options)
      await child.exited
      children.push(child)
    }
    await nothingLeft(before)
    for (const child of children) {
      expect((await text(child.stdout)).length).toBe(length)
      expect(await text(child.stderr)).toBe('oops\n')
    }
    await nothingLeft(before)
  })

  test('are the same kind of stream before and after the exit', async () => {
    const child = await spawn('echo', ['text'], options)
    const early = await spawn('echo', ['text'], options)
    const streams = [...early.stdio]
    await Promise.all([child.exited, early.exited])
    const kind = (stream: unknown) => Object.getPrototypeOf(stream)
    const before = openFds()
    for (const [at, stream] of child.stdio.entries()) {
      expect(kind(stream)).toBe(kind(streams[at]))
    }
    const { stdin, stdout } = child
    expect(stdout.readableObjectMode).toBe(false)
    expect(stdout.setEncoding('utf8').readableEncoding).toBe('utf8')
    expect(await text(stdout)).toBe('text\n')
    const input = Readable.from(['x'.repeat(10), 'y'])
    expect(await rejection(pipeline(input, stdin))).toBeInstanceOf(Error)
    expect(stdin.destroyed).toBe(true)
    await text(child.stderr)
    await nothingLeft(before)
    for (const stream of streams) stream?.destroy()
  })

  test("close an idle stdin that has listeners, with 'close'", async () => {
    const child = await spawn('true', [], options)
    await once(child.stdin, 'close')
    expect(child.stdin.destroyed).toBe(true)
  })

  test.each([
    ['exits at once', 'exit 0'],
    ['reads some of it', 'head -c 1000 >/dev/null'],
    ['closes its stdin', 'exec 0<&-; sleep 0.1'],
  ])('let a pipeline settle whose child %s', async (_name, script) => {
    const child = await spawn('sh', ['-c', script], {
      ...options,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(10_000)
      })(),
    )
    expect(await rejection(pipeline(endless, child.stdin))).toBeInstanceOf(Error)
    await child.exited
  })

  test('stay open while a grandchild holds the other end', async () => {
    await (await spawn('true', [], options)).exited
    const before = openFds()
    // A shell's background commands get /dev/null as their stdin.
    const child = await spawn('sh', ['-c', 'exec 4<&0; (cat <&4; echo end) & exit 0'], {
      ...options,
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    await child.exited
    child.stdin.end('from afar ')
    expect(await text(child.stdout)).toBe('from afar end\n')
    await nothingLeft(before)
  })

  test('are closed once the grandchild that holds the other end has ended', async () => {
    await (await spawn('true', [], options)).exited
    const before = openFds()
    const child = await spawn('sh', ['-c', 'exec 4<&0; (cat <&4) & echo $!'], {
      ...options,
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    await child.exited
    const [line] = await once(child.stdout, 'data')
    process.kill(Number(line), 'SIGKILL')
    await nothingLeft(before)
    await until(() => child.stdin.destroyed)
  })
})
