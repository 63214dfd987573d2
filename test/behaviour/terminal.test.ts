/** Programs in a pseudo-terminal. */
import { describe, expect, test } from 'vitest'
import { batch, run, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { nothingLeft, openFds, rejection, text } from '../support.js'

describe.each(testedBackends)('a terminal by %s', (backend) => {
  test('is the controlling one of a session, and 0, 1 and 2', async () => {
    const before = openFds()
    const script =
      'for i in 0 1 2; do test -t $i || echo no $i; done; stty size; echo x >/dev/tty; ps -o tpgid=,pgid=,sid= -p $$; echo $$'
    const { stdout, stderr, exitCode } = await run('sh', ['-c', script], {
      backend,
      stdio: { pty: { columns: 100, rows: 30 } },
    })
    const [size, x, ids, pid] = stdout.split('\r\n')
    expect([size, x, stderr, exitCode]).toEqual(['30 100', 'x', '', 0])
    expect(ids?.trim().split(/\s+/)).toEqual([pid, pid, pid])
    await nothingLeft(before)
  })

  test('spawn(): what is typed, a resize, Ctrl-C, and the end', async () => {
    const before = openFds()
    const script =
      'trap "echo resized; stty size" WINCH; trap "echo caught" INT; echo ready; ' +
      'while read -r line || test $? -gt 128; do echo "got $line"; done; echo end'
    const child = await spawn('sh', ['-c', script], { backend, stdio: 'pty' })
    let seen = ''
    const said = async (words: string) => {
      if (seen.includes(words)) return
      for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
        seen += chunk
        if (seen.includes(words)) return
      }
    }
    await said('ready')
    child.stdin.write('hello\n')
    await said('got hello')
    child.resize(120, 40)
    // The shell runs a trap once its read has ended.
    child.stdin.write('next\n')
    await said('40 120')
    child.stdin.write('\x03')
    child.stdin.write('more\n')
    await said('caught')
    await said('got more')
    child.stdin.end()
    await said('end\r\n')
    expect(await child.exited).toMatchObject({ code: 0 })
    expect(child.stderr).toBeNull()
    child.stdout.resume()
    await nothingLeft(before)
  })

  test('an input is typed, and its end is Ctrl-D', async () => {
    const options = { backend, stdio: 'pty' as const }
    const cat = async (input: string | string[]) =>
      (await run('sh', ['-c', 'stty -echo; cat'], { ...options, input })).stdout
    // It may be echoed before stty has run.
    expect(await cat('a\nb\n')).toMatch(/a\r\nb\r\n$/)
    expect(await cat(['no ', 'end'])).toMatch(/no end$/)
    const lines: string[] = []
    for await (const line of run('sh', ['-c', 'echo 1; sleep 0.1; echo 2'], options)) {
      lines.push(line)
    }
    expect(lines).toEqual(['1\r', '2\r'])
  })

  test('much output, unread output, a batch', async () => {
    const before = openFds()
    const { stdout } = await run('seq', ['20000'], { backend, stdio: 'pty' })
    expect(stdout.length).toBe(108894 + 20000)
    const child = await spawn('sh', ['-c', 'echo late'], { backend, stdio: 'pty' })
    await child.exited
    expect(await text(child.stdout)).toBe('late\r\n')
    const commands = Array.from({ length: 10 }, (_, at) => ['echo', `${at}`] as [string, string])
    const results = await batch(commands, { backend, stdio: 'pty' }).all()
    expect(results.map(({ result }) => result?.stdout)).toEqual(
      commands.map(([, word]) => `${word}\r\n`),
    )
    await nothingLeft(before)
  })

  test('a program that does not start leaves nothing', async () => {
    const before = openFds()
    const options = { backend, stdio: 'pty' } as const
    for (const started of [
      () => run('no-such-program', [], options),
      () => spawn('no-such-program', [], options),
    ]) {
      expect(await rejection(started())).toMatchObject({ code: 'ENOENT', step: 'exec' })
    }
    await nothingLeft(before)
  })

  test('closed: all that was written has been read, or can be', async () => {
    const before = openFds()
    const seq = (more = '') => spawn('sh', ['-c', `seq 5000${more}`], { backend, stdio: 'pty' })
    const read = await seq()
    let length = 0
    read.stdout.on('data', (chunk) => {
      length += chunk.length
    })
    expect(await read.closed).toMatchObject({ code: 0 })
    expect(length).toBe(23893 + 5000)
    // So much fits into the stream, of a terminal as of a pipe.
    const unread = await spawn('sh', ['-c', 'seq 100; exit 3'], { backend, stdio: 'pty' })
    expect((await unread.closed).code).toBe(3)
    // The program need not wait for somebody who reads no more.
    const destroyed = await seq('; exit 4')
    destroyed.stdout.destroy()
    expect((await destroyed.closed).code).toBe(4)
    const late = await spawn('sh', ['-c', 'echo late'], { backend, stdio: 'pty' })
    await late.closed
    expect(await text(late.stdout)).toBe('late\r\n')
    late.resize(10, 10)
    await nothingLeft(before)
  })
})
