/** Every form of stdio, and data through it. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  closeSync,
  createReadStream,
  createWriteStream,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { run, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { rejection, text } from '../support.js'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))
const MB = 1024 * 1024

const digest = async (stream: AsyncIterable<Buffer>) => {
  const hash = createHash('sha256')
  for await (const chunk of stream) hash.update(chunk)
  return hash.digest('hex')
}

describe.each(testedBackends)('stdio by %s', (backend) => {
  const options = { backend } as const

  test('words, alone and in a list', async () => {
    const all = await spawn('cat', [], { ...options, stdio: 'pipe' })
    expect(all.stdio.every((stream) => stream !== null)).toBe(true)
    all.stdin.end('x')
    expect(await text(all.stdout)).toBe('x')
    const none = await spawn('cat', [], { ...options, stdio: 'ignore' })
    expect(none.stdio).toEqual([null, null, null])
    expect(await none.exited).toMatchObject({ code: 0 })
    const some = await spawn('sh', ['-c', 'readlink /proc/self/fd/0; readlink /proc/self/fd/2'], {
      ...options,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    expect((await text(some.stdout)).split('\n')[0]).toBe('/dev/null')
    expect(some.stderr).toBeNull()
  })

  test('inherit alone: all three are ours', async () => {
    const said = join(dir, `inherited-${backend}`)
    const places = [0, 1, 2].map((fd) => `/proc/$$/fd/${fd}`).join(' ')
    // $$ is the shell itself: behind a pipe it keeps its own output, under a
    // redirection it may not.
    const child = await spawn('sh', ['-c', `readlink ${places} | cat >${said}`], {
      ...options,
      stdio: 'inherit',
    })
    expect(child.stdio).toEqual([null, null, null])
    expect(await child.exited).toMatchObject({ code: 0 })
    const ours = [0, 1, 2].map((fd) => readlinkSync(`/proc/self/fd/${fd}`))
    expect(readFileSync(said, 'utf8').trimEnd().split('\n')).toEqual(ours)
  })

  test('null and undefined are pipes for the first three, and nothing above', async () => {
    const child = await spawn('sh', ['-c', 'ls /proc/$$/fd'], {
      ...options,
      stdio: [null, undefined, null, null, undefined, 'ignore'],
    })
    expect(child.stdin).not.toBeNull()
    expect((await text(child.stdout)).split('\n').join(' ')).toBe('0 1 2 ')
    expect(child.stdio.length).toBe(3)
  })

  test('descriptors, streams of files, and gaps', async () => {
    const path = join(dir, 'in')
    writeFileSync(path, 'from a file')
    const fd = openSync(path, 'r')
    expect((await run('cat', [], { ...options, stdio: [fd, 'pipe', 'pipe'] })).stdout).toBe(
      'from a file',
    )
    closeSync(fd)
    const source = createReadStream(path)
    const target = createWriteStream(join(dir, 'out'))
    await Promise.all([once(source, 'open'), once(target, 'open')])
    const child = await spawn('cat', [], { ...options, stdio: [source, target, 'ignore'] })
    await child.exited
    expect(readFileSync(join(dir, 'out'), 'utf8')).toBe('from a file')
    source.destroy()
    target.destroy()
    const extra = await spawn('sh', ['-c', 'echo five >&5; ls /proc/$$/fd'], {
      ...options,
      stdio: ['ignore', 'pipe', 'ignore', undefined, undefined, 'pipe'],
    })
    expect(await text(extra.stdio[5] as Readable)).toBe('five\n')
    expect((await text(extra.stdout)).split('\n').join(' ')).toBe('0 1 2 5 ')
  })

  test('a stream that is a socket', async () => {
    const second = await spawn('cat', [], options)
    const first = await spawn('echo', ['directly'], {
      ...options,
      stdio: ['ignore', second.stdin, 'inherit'],
    })
    expect(await first.exited).toMatchObject({ code: 0 })
    second.stdin.end()
    expect(await text(second.stdout)).toBe('directly\n')
  })

  test('a stream that is not open has a clear error', async () => {
    const early = createReadStream('/etc/hostname')
    const error = await rejection(spawn('cat', [], { ...options, stdio: [early] }))
    expect(error.message).toContain('stdio[0] is a stream without a file descriptor')
    early.destroy()
  })

  test('another child’s pipe', async () => {
    const first = await spawn('echo', ['abc'], { ...options, stdio: ['ignore', 'pipe', 'ignore'] })
    const second = await spawn('tr', ['a-c', 'x-z'], {
      ...options,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await pipeline(first.stdout, second.stdin)
    expect(await text(second.stdout)).toBe('xyz\n')
  })

  test.each([
    ['r', 'cat', 0],
    ['r+', 'cat', 0],
    ['w', 'echo w', 1],
    ['a', 'echo a', 1],
    ['wx', 'echo wx', 1],
    [0o2001, 'echo number', 1],
  ])('a file opened with %s', async (flags, line, fd) => {
    const path = join(dir, `file-${backend}-${flags}`)
    if (flags !== 'wx') writeFileSync(path, 'before\n')
    const stdio: (object | 'pipe')[] = ['pipe', 'pipe', 'pipe']
    stdio[fd] = { path, flags }
    const result = await run('sh', ['-c', line], { ...options, stdio: stdio as ['pipe'] })
    expect(result.exitCode).toBe(0)
    const words = { 0: 'before\n', w: 'w\n', a: 'before\na\n', wx: 'wx\n' } as const
    if (fd === 0) expect(result.stdout).toBe('before\n')
    else if (typeof flags === 'string') {
      expect(readFileSync(path, 'utf8')).toBe(words[flags as 'w'])
    } else expect(readFileSync(path, 'utf8')).toBe('before\nnumber\n')
  })

  test('an existing file opened with wx, and a mode', async () => {
    const path = join(dir, `exclusive-${backend}`)
    const stdio = ['ignore', { path, flags: 'wx', mode: 0o640 }, 'ignore'] as const
    await (await spawn('true', [], { ...options, stdio, umask: 0 })).exited
    expect(statSync(path).mode & 0o777).toBe(0o640)
    const error = await rejection(spawn('true', [], { ...options, stdio }))
    expect(error).toMatchObject({ step: 'stdio[1]', code: 'EEXIST', path })
  })

  test('10 MB through every pipe at once', async () => {
    const bytes = randomBytes(10 * MB)
    const expected = createHash('sha256').update(bytes).digest('hex')
    const child = await spawn('tee', ['/dev/stderr', '/proc/self/fd/3'], {
      ...options,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    })
    child.stdin.end(bytes)
    const digests = await Promise.all(
      [child.stdout, child.stderr, child.stdio[3] as Readable].map(digest),
    )
    expect(digests).toEqual([expected, expected, expected])
    expect(await child.exited).toMatchObject({ code: 0 })
  })

  test('back-pressure: a child that is not read does not go on', async () => {
    const child = await spawn('sh', ['-c', 'head -c 10000000 /dev/zero; echo over >&2'], options)
    child.stdout.pause()
    let over = false
    child.stderr.once('data', () => {
      over = true
    })
    await sleep(200)
    expect(over).toBe(false)
    expect((await text(child.stdout)).length).toBe(10_000_000)
    expect(await child.exited).toMatchObject({ code: 0 })
  })

  test('back-pressure: a child that does not read takes no more', async () => {
    const child = await spawn('sh', ['-c', 'sleep 0.2; wc -c'], options)
    expect(child.stdin.write(Buffer.alloc(MB))).toBe(false)
    await new Promise((done) => child.stdin.once('drain', done))
    child.stdin.end()
    expect((await text(child.stdout)).trim()).toBe(String(MB))
  })

  test('lines that come in pieces', async () => {
    const line = "printf 'one\\ntw'; sleep 0.05; printf 'o\\nth'; sleep 0.05; printf 'ree'"
    const { stdout } = await spawn('sh', ['-c', line], options)
    const lines: string[] = []
    for await (const whole of createInterface({ input: stdout })) lines.push(whole)
    expect(lines).toEqual(['one', 'two', 'three'])
  })

  test('characters that come in pieces', async () => {
    const line = "printf '\\303'; sleep 0.05; printf '\\274'"
    const child = await spawn('sh', ['-c', line], options)
    child.stdout.setEncoding('utf8')
    let out = ''
    for await (const chunk of child.stdout) out += chunk
    expect(out).toBe('ü')
    expect((await run('sh', ['-c', line], options)).stdout).toBe('ü')
  })

  test('every byte value', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    const { stdout } = await run('cat', [], { ...options, input: bytes, encoding: 'buffer' })
    expect(stdout.equals(bytes)).toBe(true)
  })

  test.each(['', 'x', 'ü'.repeat(100_000)])('input that is text', async (input) => {
    expect(await run('cat', [], { ...options, input })).toMatchObject({ stdout: input, stderr: '' })
  })

  test.each(['utf8', 'latin1', 'base64', 'hex', 'utf16le', 'ascii'] as const)(
    'encoding %s',
    async (encoding) => {
      const bytes = Buffer.from('grüße\n')
      const { stdout } = await run('cat', [], { ...options, input: bytes, encoding })
      expect(stdout).toBe(bytes.toString(encoding))
    },
  )

  test('a child that ends before its pipes are touched', async () => {
    const child = await spawn('sh', ['-c', 'echo late; echo later >&2'], options)
    await child.exited
    await sleep(20)
    expect(await text(child.stdout)).toBe('late\n')
    expect(await text(child.stderr)).toBe('later\n')
    const input: Writable = child.stdin
    const error = new Promise((done) => input.once('error', done))
    input.write('nobody')
    expect(await error).toMatchObject({ code: 'EPIPE' })
  })
})
