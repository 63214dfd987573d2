/** Descriptors that a child inherits are blocking, whatever an event loop has set on them. */
import { spawn as nodeSpawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, type Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { run, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { HANG, text } from '../support.js'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
const library = new URL('../../dist/index.js', import.meta.url).href
afterAll(() => rmSync(dir, { recursive: true }))

/** A field of a descriptor's /proc/…/fdinfo. */
function isNonblocking(info: string): boolean {
  const flags = /flags:\s+([0-7]+)/.exec(info)?.[1]
  expect(flags, info).toBeDefined()
  return (Number.parseInt(flags as string, 8) & constants.O_NONBLOCK) !== 0
}

/** Whether our descriptor has O_NONBLOCK. */
const nonblocking = (fd: number) => isNonblocking(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))

const makeFifo = async (name: string) => {
  const path = join(dir, name)
  await run('mkfifo', [path], { check: true })
  return path
}

/** A connection, with both ends in this process. */
async function connection(): Promise<[Socket, Socket, () => void]> {
  const server = createServer({ pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as { port: number }).port, '127.0.0.1')
  const [[accepted]] = await Promise.all([once(server, 'connection'), once(client, 'connect')])
  const close = () => {
    for (const end of [client, accepted]) end.destroy()
    server.close()
  }
  return [client, accepted, close]
}

const fdOf = (socket: Socket) => (socket as unknown as { _handle: { fd: number } })._handle.fd

const LINES = 300_000

describe.each(testedBackends)('inherited descriptors by %s', (backend) => {
  const options = { backend } as const

  /**
   * Runs code in a Node process. Its output goes through a pipe, a socket or a
   * terminal to a reader that begins only at "ready".
   */
  const inNode = async (code: string, through: 'pipe' | 'socket' | 'terminal') => {
    const source = `
      import { run, spawn } from '${library}'
      const options = { backend: '${backend}' }
      ${code}`
    const node = [process.execPath, '--input-type=module', '-e', source]
    const quoted = node.map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(' ')
    const command = {
      socket: node,
      pipe: ['sh', '-c', `${quoted} | { sleep 1; cat; }`],
      // It passes on the terminal's output at its own pace.
      terminal: ['script', '-qec', quoted, '/dev/null'],
    }[through]
    const [file = '', ...args] = command
    const child = nodeSpawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: HANG })
    const said = text(child.stderr)
    // A socket's buffer fills, and stays full for a while.
    if (through === 'socket') await sleep(1000)
    const got = await text(child.stdout)
    return { got: got.replaceAll('\r', ''), said: await said }
  }

  const count = (got: string) => got.split('\n').filter((line) => /^\d+$/.test(line)).length

  test.each(['pipe', 'socket', 'terminal'] as const)(
    'a slow reader of a %s that has our own output, too',
    async (through) => {
      const { got, said } = await inNode(
        `console.log('before')
         const result = await run('seq', ['${LINES}'], { ...options, stdio: ['ignore', 'inherit', 'pipe'] })
         console.error(JSON.stringify([result.exitCode, result.stderr]))
         console.log('after')`,
        through,
      )
      const all = through === 'terminal' ? got : said
      expect(all).toContain('[0,""]')
      expect(count(got)).toBe(LINES)
      expect(got).toContain('before')
      expect(got).toContain('after')
    },
  )

  test.each(['pipe', 'terminal'] as const)(
    'a %s that was opened with O_NONBLOCK',
    async (through) => {
      const { got, said } = await inNode(
        `const { openSync } = await import('node:fs')
       const fd = openSync('/proc/self/fd/1', ${constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY})
       const line = 'cat /proc/self/fdinfo/5; test -t 5 && echo terminal'
       const stdio = ['ignore', 'pipe', 'pipe', undefined, undefined, fd]
       console.error((await run('sh', ['-c', line], { ...options, stdio })).stdout)`,
        through,
      )
      const info = through === 'terminal' ? got : said
      expect(isNonblocking(info)).toBe(false)
      expect(info.includes('terminal')).toBe(through === 'terminal')
    },
  )

  test('our own output begins while the child runs', async () => {
    const { got, said } = await inNode(
      `const line = 'read go; seq ${LINES}'
       const child = await spawn('sh', ['-c', line], { ...options, stdio: ['pipe', 'inherit', 'inherit'] })
       console.log('ours')
       child.stdin.end('go\\n')
       console.error((await child.exited).code)`,
      'pipe',
    )
    expect(said).toBe('0\n')
    expect(count(got)).toBe(LINES)
  })

  test('our own output goes on without waiting for its reader', async () => {
    const { got, said } = await inNode(
      `const { readFileSync } = await import('node:fs')
       console.log('before')
       await run('true', [], { ...options, stdio: ['ignore', 'inherit', 'ignore'] })
       process.stdout.write('x'.repeat(5_000_000) + '\\n')
       const flags = Number.parseInt(/flags:\\s+(\\d+)/.exec(readFileSync('/proc/self/fdinfo/1', 'utf8'))[1], 8)
       console.error((flags & ${constants.O_NONBLOCK}) !== 0, process.stdout.writableLength > 0)`,
      'pipe',
    )
    expect(said).toBe('true true\n')
    expect(got.length).toBe('before\n'.length + 5_000_001)
  })

  test('stdin that we have read from', async () => {
    const more = await makeFifo(`more-${backend}`)
    const source = `
      import { writeFileSync } from 'node:fs'
      import { spawn } from '${library}'
      process.stdin.once('data', async (chunk) => {
        // Not before it has begun to read ahead.
        await new Promise((done) => setTimeout(done, 100))
        process.stdin.pause()
        await new Promise((done) => setTimeout(done, 100))
        const stdio = ['inherit', 'pipe', 'inherit']
        const child = await spawn('cat', [], { backend: '${backend}', stdio })
        setTimeout(() => writeFileSync('${more}', 'second'), 300)
        let got = ''
        for await (const some of child.stdout) got += some
        console.log(JSON.stringify([String(chunk), got, (await child.exited).code]))
        process.exit()
      })`
    const line = `'${process.execPath}' --input-type=module -e "$0"`
    const all = `{ echo first; cat '${more}'; } | ${line}`
    const { stdout } = await run('sh', ['-c', all, source], { check: true })
    expect(JSON.parse(stdout)).toEqual(['first\n', 'second', 0])
  })

  test('another child’s output, as a stream', async () => {
    const slowly = 'sleep 0.3; echo one; sleep 0.3; echo two'
    const first = await spawn('sh', ['-c', slowly], {
      ...options,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const stdio = [first.stdout, 'pipe', 'pipe'] as const
    const { stdout, stderr } = await run('cat', [], { ...options, stdio })
    expect([stdout, stderr]).toEqual(['one\ntwo\n', ''])
  })

  test.each<[string, (stream: Readable) => Promise<string>]>([
    ['for await', text],
    ['pipe()', (stream) => text(stream.pipe(new PassThrough()))],
    [
      'resume()',
      async (stream) => {
        const chunks: Buffer[] = []
        stream.on('data', (chunk) => chunks.push(chunk)).resume()
        await once(stream, 'end')
        return Buffer.concat(chunks).toString()
      },
    ],
  ])('output that another child had can be read here afterwards: %s', async (_name, read) => {
    const source = await spawn('sh', ['-c', 'echo one; read go; echo two'], options)
    const line = await run('sh', ['-c', 'read line; echo $line'], {
      ...options,
      stdio: [source.stdout, 'pipe', 'pipe'],
    })
    expect(line.stdout).toBe('one\n')
    source.stdin.end('\n')
    expect(await read(source.stdout)).toBe('two\n')
  })

  test.each([0, 3, 9])('a pipe by its number, as descriptor %i of the child', async (place) => {
    const path = await makeFifo(`fifo-${backend}-${place}`)
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const writer = openSync(path, constants.O_WRONLY)
    const stdio: (number | 'ignore' | 'pipe' | undefined)[] = ['ignore', 'pipe', 'pipe']
    stdio[place] = fd
    const all = { ...options, stdio }
    const { stdout } = await run('cat', [`/proc/self/fdinfo/${place}`], all)
    expect(isNonblocking(stdout)).toBe(false)
    expect(nonblocking(fd)).toBe(true)
    // It ends when its last writer has gone, as any pipe does.
    const result = run('sh', ['-c', `cat <&${place}`], all)
    await sleep(100)
    closeSync(writer)
    expect(await result).toMatchObject({ exitCode: 0, stdout: '', stderr: '' })
    closeSync(fd)
  })

  test('with all of our descriptors inherited', async () => {
    const path = await makeFifo(`inherit-${backend}`)
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    const all = { ...options, inheritFds: true, stdio: [fd, 'pipe', 'pipe'] } as const
    const { stdout } = await run('cat', ['/proc/self/fdinfo/0'], all)
    expect(isNonblocking(stdout)).toBe(false)
    expect(nonblocking(fd)).toBe(true)
    closeSync(fd)
  })

  test('a FIFO without a reader does not block the launch', async () => {
    const path = await makeFifo(`unread-${backend}`)
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
    closeSync(reader)
    const stdio = ['ignore', fd, 'pipe'] as const
    const result = await run('cat', ['/proc/self/fdinfo/2'], { ...options, stdio })
    expect(result.signal).toBe('SIGPIPE')
    closeSync(fd)
  })

  test.each([1, 4])('a connection, as descriptor %i of the child', async (place) => {
    const [ours, peer, close] = await connection()
    const stdio: (Socket | 'ignore' | 'pipe' | undefined)[] = ['ignore', 'pipe', 'pipe']
    stdio[place] = ours
    const line = `seq ${LINES} >&${place}`
    const child = spawn('sh', ['-c', line], { ...options, stdio })
    await child
    expect(nonblocking(fdOf(ours))).toBe(false)
    let got = ''
    peer
      .resume()
      .setEncoding('latin1')
      .on('data', (chunk) => {
        got += chunk
      })
    expect(await (await child).exited).toMatchObject({ code: 0 })
    ours.end()
    await once(peer, 'end')
    expect(count(got)).toBe(LINES)
    close()
  })

  test('a listening socket is unchanged: our event loop accepts from it', async () => {
    const server = createServer((socket) => socket.end('accepted'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle
    for (const place of [0, 3]) {
      const stdio: (number | 'ignore' | 'pipe' | undefined)[] = ['ignore', 'ignore', 'ignore']
      stdio[place] = fd
      expect((await run('true', [], { ...options, stdio })).exitCode).toBe(0)
    }
    expect(nonblocking(fd)).toBe(true)
    const client = connect((server.address() as { port: number }).port, '127.0.0.1')
    expect(await text(client)).toBe('accepted')
    server.close()
  })

  test('a file keeps its offset and its mode', async () => {
    const path = join(dir, `file-${backend}`)
    const flags = constants.O_CREAT | constants.O_RDWR | constants.O_NONBLOCK | constants.O_APPEND
    const fd = openSync(path, flags)
    const line = 'echo written; echo again >&2'
    await run('sh', ['-c', line], { ...options, stdio: ['ignore', fd, fd] })
    expect(readFileSync(path, 'utf8')).toBe('written\nagain\n')
    const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
    expect(info).toMatch(new RegExp(`pos:\\s+${'written\nagain\n'.length}\\n`))
    closeSync(fd)
  })

  test('two descriptors of one pipe', async () => {
    const child = await spawn('cat', [], { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
    const fd = fdOf(child.stdin as Socket)
    expect(nonblocking(fd)).toBe(true)
    const line = `cat /proc/self/fdinfo/1 /proc/self/fdinfo/2`
    await run('sh', ['-c', line], { ...options, stdio: ['ignore', fd, fd] })
    child.stdin.end()
    const infos = (await text(child.stdout)).split('pos:').slice(1)
    expect(infos.map(isNonblocking)).toEqual([false, false])
  })
})
