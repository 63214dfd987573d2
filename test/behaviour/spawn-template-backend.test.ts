/**
 * The backend `spawn_template`: what it does itself, what it leaves to vfork, and that
 * both are reported.
 */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { probe, type RunOptions, run, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { isRoot, nothingLeft, openFds, rejection, text, until } from '../support.js'
import { canTrace, traced } from '../tracing.js'

const isTested = testedBackends.includes('spawn_template')
const backend = 'spawn_template'
const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
chmodSync(dir, 0o755)
afterAll(() => rmSync(dir, { recursive: true }))

const event = 'syscalls/sys_exit_spawn_template_spawn'

describe.runIf(isTested)('the backend spawn_template', () => {
  test('exists, and is not picked automatically', () => {
    const { auto, backends } = probe()
    expect(backends).toContainEqual({ name: backend, available: true, why: undefined })
    expect(auto).not.toBe(backend)
  })

  test.runIf(canTrace(event))('the kernel reports that it made them', async () => {
    const pids: number[] = []
    const seen = await traced(event, /spawn_template_spawn -> (0x[0-9a-f]+)$/gm, async () => {
      const running = Array.from({ length: 20 }, () => run('/bin/true', [], { backend }))
      for (const result of await Promise.all(running)) {
        expect(result).toMatchObject({ exitCode: 0, backend, fromTemplate: true })
        pids.push(result.pid ?? 0)
      }
      expect((await run('true', [], { backend, umask: 0 })).backend).toBe('vfork')
      expect((await run('true', [], { backend: 'vfork' })).fromTemplate).toBe(false)
    })
    expect(pids.length).toBe(20)
    expect(seen.map(Number).sort()).toEqual(pids.sort())
  })

  const script = join(dir, 'script')
  writeFileSync(script, '#!/bin/sh\n', { mode: 0o755 })
  copyFileSync('/bin/true', join(dir, 'true'))
  const ways: [string, string, string, RunOptions?][] = [
    ['a path', 'spawn_template', '/bin/true'],
    ['a name', 'spawn_template', 'true'],
    ['a path from cwd', 'spawn_template', './true', { cwd: dir }],
    ['cwd', 'spawn_template', 'true', { cwd: '/' }],
    ['env and argv0', 'spawn_template', 'true', { env: {}, argv0: 'x' }],
    ['stdio that is ours', 'spawn_template', 'true', { stdio: 'inherit' }],
    ['no stdio', 'spawn_template', 'true', { stdio: 'ignore' }],
    ['all descriptors', 'spawn_template', 'true', { inheritFds: true }],
    ['noNewPrivs', 'vfork', 'true', { noNewPrivs: true }],
    ['a shell', 'spawn_template', 'exit 0', { shell: true }],
    ['a script', 'vfork', script],
    ['a cwd in /proc', 'vfork', 'true', { cwd: '/proc/self' }],
    ['a program in /proc', 'vfork', '/proc/self/exe', { env: { NODE_OPTIONS: '' } }],
    ['files', 'vfork', 'true', { stdio: ['ignore', { path: '/dev/null' }, 'ignore'] }],
    ['a session', 'vfork', 'true', { detached: true }],
    ['a group', 'vfork', 'true', { processGroup: 0 }],
    ['umask', 'vfork', 'true', { umask: 0 }],
    ['nice', 'vfork', 'true', { nice: 19 }],
    ['limits', 'vfork', 'true', { rlimits: { core: 0 } }],
  ]
  test.each(ways)('%s: by %s', async (_what, by, file, options) => {
    const args = file === '/proc/self/exe' ? ['-e', ''] : []
    const result = await run(file, args, { ...options, backend })
    expect(result).toMatchObject({
      exitCode: 0,
      backend: by,
      fromTemplate: by === 'spawn_template',
    })
  })

  test.runIf(isRoot)('other users: by fork, in memory that is not ours', async () => {
    const result = await run('id', ['-u'], { backend, uid: 61234, gid: 61234 })
    expect(result).toMatchObject({ stdout: '61234\n', backend: 'fork' })
  })

  test('descriptors: exactly those named, wherever they come from', async () => {
    const fd = openSync('/etc/passwd', 'r')
    const line = 'cd /proc/self/fd; echo *; readlink 5'
    const stdio = ['ignore', 'pipe', 'pipe', 'ignore', undefined, fd] as const
    const said: string[] = []
    for (const by of [backend, 'vfork'] as const) {
      const child = await spawn('sh', ['-c', line], { backend: by, stdio: [...stdio] })
      expect(child.backend).toBe(by)
      said.push(await text(child.stdout))
      await child.exited
    }
    expect(said[0]).toMatch(/^0 1 2 3.* 5\n\/etc\/passwd\n$/)
    expect(said[0]).toBe(said[1])
    // Each of ours has the number of the other's target.
    const [a, b] = [openSync('/etc/passwd', 'r'), openSync('/etc/group', 'r')]
    const places: (number | 'ignore')[] = Array(Math.max(a, b) + 1).fill('ignore')
    places[a] = b
    places[b] = a
    const swapped = await spawn('sh', ['-c', `readlink /proc/self/fd/${a} /proc/self/fd/${b}`], {
      ...{ backend, stdio: ['ignore', 'pipe', 'inherit', ...places.slice(3)] },
    })
    expect(swapped.backend).toBe(backend)
    expect(await text(swapped.stdout)).toBe('/etc/group\n/etc/passwd\n')
    await swapped.exited
    for (const open of [fd, a, b]) closeSync(open)
  })

  test('signals: none blocked, none ignored; our scheduling policy', async () => {
    const args = ['-E', '^Sig(Blk|Ign)', '/proc/self/status']
    const { stdout } = await run('grep', args, { backend })
    expect(stdout).toMatch(/^SigBlk:\s0+\nSigIgn:\s0+\n$/)
    const policy = await run('sh', ['-c', 'cut -d" " -f41 /proc/self/stat'], { backend })
    expect(policy).toMatchObject({ stdout: '0\n', backend })
  })

  test.each([127, 126, 1])('a program that exits with %s has been started', async (status) => {
    const result = await run('sh', ['-c', `exit ${status}`], { backend })
    expect(result).toMatchObject({ exitCode: status, backend, fromTemplate: true })
  })

  test('a failure after the process was made is reported exactly', async () => {
    await run('true', [], { backend })
    const before = openFds()
    // A program whose interpreter is missing fails only in its exec.
    const path = join(dir, 'no-loader')
    const elf = readFileSync('/bin/true')
    const at = elf.indexOf('/ld-linux')
    expect(at).toBeGreaterThan(0)
    elf.write('/no-loader', at, 'latin1')
    writeFileSync(path, elf, { mode: 0o755 })
    const missing = await rejection(run(path, [], { backend }))
    expect(missing).toMatchObject({ step: 'exec', code: 'ENOENT', path })
    const long = await rejection(run('true', ['x'.repeat(200_000)], { backend }))
    expect(long).toMatchObject({ step: 'exec', code: 'E2BIG' })
    await nothingLeft(before)
  })

  test('a program that runs once leaves no template', async () => {
    const path = join(dir, 'written')
    copyFileSync('/bin/true', path)
    expect((await run(path, [], { backend })).fromTemplate).toBe(true)
    await until(() => {
      try {
        closeSync(openSync(path, 'r+'))
        return true
      } catch {
        return false
      }
    })
  })
})

test.runIf(!probe().templates.available)(
  'a kernel without templates is reported as such',
  async () => {
    const error = await rejection(run('true', [], { backend }))
    expect(error.message).toContain('backend spawn_template does not work: this kernel has no')
  },
)
