/** Pipes in either direction, at any descriptor. */
import type { Duplex, Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { compile, Ring } from '../../dist/chain/index.js'
import { batch, run, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { nothingLeft, openFds, text } from '../support.js'

describe.each(testedBackends)('descriptors by %s', (backend) => {
  test('run() collects what the child writes to any of them', async () => {
    const stdio = ['ignore', 'pipe', 'ignore', 'pipe', { pipe: 'out' }, 'ignore'] as const
    const script = 'echo 1; echo 3 >&3; echo 4 >&4; echo 5 >&5 || echo none'
    const result = await run('sh', ['-c', script], { backend, stdio })
    expect(result.stdio).toEqual([null, '1\nnone\n', null, '3\n', '4\n', null])
    const bytes = await run('sh', ['-c', 'echo 3 >&3'], {
      backend,
      encoding: 'buffer',
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    })
    expect(bytes.stdio[3]).toEqual(Buffer.from('3\n'))
  })

  test('spawn(): a child that reads from 3, and talks through 4', async () => {
    const before = openFds()
    const child = await spawn('sh', ['-c', 'cat <&3; read -r x <&4; echo "got $x" >&4'], {
      backend,
      stdio: ['ignore', 'pipe', 'inherit', { pipe: 'in' }, { pipe: 'both' }],
    })
    ;(child.stdio[3] as Writable).end('to three\n')
    const talk = child.stdio[4] as Duplex
    talk.write('a line\n')
    expect(await text(child.stdout)).toBe('to three\n')
    expect(await text(talk)).toBe('got a line\n')
    expect(await child.exited).toMatchObject({ code: 0 })
    await nothingLeft(before)
  })

  test('run(): the same through its handle', async () => {
    const running = run('sh', ['-c', 'cat <&3; read -r x <&4; echo "got $x" >&4'], {
      backend,
      stdio: ['ignore', 'pipe', 'pipe', { pipe: 'in' }, { pipe: 'both' }],
    })
    await running.started
    const [, , , three, four] = running.stdio
    ;(three as Writable).end('to three\n')
    ;(four as Duplex).write('a line\n')
    expect(await text(four as Duplex)).toBe('got a line\n')
    expect(await running).toMatchObject({ stdout: 'to three\n', exitCode: 0 })
    expect((await running).stdio.slice(3)).toEqual([null, null])
  })

  test('in a batch, what a command would read is at its end', async () => {
    const before = openFds()
    const commands = Array.from({ length: 5 }, () => ({
      file: 'sh',
      args: ['-c', 'cat <&3; cat <&4; echo end'],
      stdio: ['ignore', 'pipe', 'pipe', { pipe: 'in' }, { pipe: 'both' }] as const,
    }))
    const results = await batch(commands, { backend }).all()
    expect(results.map(({ result }) => result?.stdout)).toEqual(Array(5).fill('end\n'))
    await nothingLeft(before)
  })

  test('what a child has written to a socket is there after its end', async () => {
    const child = await spawn('sh', ['-c', 'echo late >&3'], {
      backend,
      stdio: ['ignore', 'ignore', 'ignore', { pipe: 'both' }],
    })
    await child.exited
    expect(await text(child.stdio[3] as Duplex)).toBe('late\n')
  })

  test('inherited descriptors, and each of the first three in both directions', async () => {
    const child = await spawn('sh', ['-c', 'read -r x; echo "$x" >&0; read -r y <&1; echo "$y"'], {
      backend,
      inheritFds: true,
      stdio: [{ pipe: 'both' }, { pipe: 'both' }, { pipe: 'out' }],
    })
    child.stdin.write('a\n')
    child.stdout.write('b\n')
    expect(await Promise.all([text(child.stdin), text(child.stdout)])).toEqual(['a\n', 'b\n'])
    expect(await text(child.stderr)).toBe('')
  })

  test('a chain made by compile()', async () => {
    using compiled = compile({
      file: 'sh',
      args: ['-c', 'read -r x <&3; echo "got $x" >&3'],
      stdio: ['ignore', 'ignore', 'ignore', { pipe: 'both' }],
    })
    const [pipe] = compiled.pipes
    expect(pipe).toMatchObject({ index: 3, input: true, both: true })
    const submission = new Ring({ backend }).submit(compiled)
    expect(await submission.outcome).toMatchObject({ started: true })
    const { readSync, writeSync } = await import('node:fs')
    writeSync(pipe?.fd as number, 'x\n')
    await submission.exited
    const bytes = Buffer.alloc(100)
    expect(bytes.toString('utf8', 0, readSync(pipe?.fd as number, bytes))).toBe('got x\n')
  })
})
