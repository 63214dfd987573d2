/**
 * The backend `builder`: what it does itself, what it leaves to vfork, and that both
 * are reported.
 */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { clone, exec, Ring } from '../../dist/chain/index.js'
import { probe, run, spawn, template } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { type ChosenBackend, testChosen, testWays, type Way } from '../chosen-backend.js'
import { isRoot, nothingLeft, openFds, rejection, text } from '../support.js'

const isTested = testedBackends.includes('builder')
const backend = 'builder'
const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
chmodSync(dir, 0o755)
afterAll(() => rmSync(dir, { recursive: true }))

const chosen: ChosenBackend = {
  ...{ backend, call: 'pidfd_spawn_run', fromTemplate: false },
  ...{ left: { cwd: '/proc/self' }, dir },
}

describe.runIf(isTested)('the backend builder', () => {
  testChosen(chosen)

  const script = join(dir, 'script')
  const fifo = join(dir, 'fifo')
  writeFileSync(script, '#!/bin/sh\n', { mode: 0o755 })
  execFileSync('mkfifo', [fifo])
  copyFileSync('/bin/true', join(dir, 'true'))
  const ways: Way[] = [
    ['a path', 'builder', '/bin/true'],
    ['a name', 'builder', 'true'],
    ['a path from cwd', 'builder', './true', { cwd: dir }],
    ['cwd', 'builder', 'true', { cwd: '/' }],
    ['env and argv0', 'builder', 'true', { env: {}, argv0: 'x' }],
    ['stdio that is ours', 'builder', 'true', { stdio: 'inherit' }],
    ['no stdio', 'builder', 'true', { stdio: 'ignore' }],
    ['all descriptors', 'builder', 'true', { inheritFds: true }],
    ['noNewPrivs', 'builder', 'true', { noNewPrivs: true }],
    ['a shell', 'builder', 'exit 0', { shell: true }],
    ['a script', 'builder', script],
    ['a device', 'builder', 'true', { stdio: ['ignore', { path: '/dev/null' }, 'ignore'] }],
    ['a new file', 'builder', 'true', { stdio: ['ignore', { path: join(dir, 'new') }, 'ignore'] }],
    ['a session', 'builder', 'true', { detached: true }],
    ['a group', 'builder', 'true', { processGroup: 0 }],
    ['umask', 'builder', 'true', { umask: 0 }],
    ['nice', 'builder', 'true', { nice: 19 }],
    ['limits', 'builder', 'true', { rlimits: { core: 0 } }],
    ['the end of the parent', 'builder', 'true', { onParentExit: 'kill' }],
    ['a group that is watched', 'builder', 'true', { onParentExit: 'kill', killTarget: 'group' }],
    ['a cwd in /proc', 'vfork', 'true', { cwd: '/proc/self' }],
    ['a program in /proc', 'vfork', '/proc/self/exe', { env: { NODE_OPTIONS: '' } }],
  ]
  testWays(chosen, ways)

  test('a FIFO: by vfork, whose child waits', async () => {
    const held = openSync(fifo, constants.O_RDWR)
    const stdio = [{ path: fifo }, 'ignore', 'ignore'] as const
    const child = await spawn('true', [], { backend, stdio })
    expect(child.backend).toBe('vfork')
    await child.exited
    closeSync(held)
  })

  test.runIf(isRoot)('namespaces: by vfork', async () => {
    const CLONE_NEWUTS = 0x04000000
    const ring = new Ring({ backend })
    const running = ring.submit([clone({ flags: CLONE_NEWUTS }), exec('/bin/true')])
    await running
    expect(running.backend).toBe('vfork')
    await running.exited
  })

  test.runIf(isRoot)('other users: not by fork', async () => {
    const options = { backend, uid: 61234, gid: 61235, groups: [61236] } as const
    expect(await run('id', ['-u'], options)).toMatchObject({ stdout: '61234\n', backend })
    expect((await run('id', ['-G'], options)).stdout).toBe('61235 61236\n')
    expect((await run('id', ['-G'], { backend, uid: 61234 })).stdout).toBe('0\n')
    // The parent-death signal outlives the change, and our memory is still ours.
    const args = [
      '-c',
      'import ctypes; s = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(s)); print(s.value)',
    ]
    const death = await run('python3', args, { ...options, onParentExit: 'kill' })
    expect(death).toMatchObject({ stdout: '9\n', backend })
    expect(statSync('/proc/self/maps').uid).toBe(0)
  })

  test('a file is made with the umask and in the directory of the child', async () => {
    const stdio = ['ignore', { path: 'made', flags: 'wx' }, 'inherit'] as const
    const child = await spawn('echo', ['hi'], { backend, cwd: dir, umask: 0o027, stdio })
    expect(child.backend).toBe(backend)
    await child.exited
    expect(readFileSync(join(dir, 'made'), 'utf8')).toBe('hi\n')
    expect(statSync(join(dir, 'made')).mode & 0o777).toBe(0o640)
    const again = await rejection(spawn('echo', [], { backend, cwd: dir, stdio }))
    expect(again).toMatchObject({ code: 'EEXIST', step: 'stdio[1]' })
  })

  test('descriptors above 64', async () => {
    const fd = openSync('/etc/passwd', 'r')
    const stdio = ['ignore', 'pipe', 'inherit', ...Array(200).fill('ignore'), fd]
    const child = await spawn('readlink', ['/proc/self/fd/203'], { backend, stdio })
    expect(await text(child.stdout)).toBe('/etc/passwd\n')
    expect(child.backend).toBe(backend)
    await child.exited
    closeSync(fd)
  })

  test('a program that is open already', async () => {
    const tool = await template('/bin/true')
    expect(await tool.run([], { backend })).toMatchObject({ exitCode: 0, backend })
    tool.close()
  })

  test('a failure before the exec is reported exactly, and leaves nothing', async () => {
    await run('true', [], { backend })
    const before = openFds()
    const nowhere = await rejection(run('true', [], { backend, cwd: '/nowhere' }))
    expect(nowhere).toMatchObject({ step: 'cwd', code: 'ENOENT' })
    await nothingLeft(before)
  })
})

test.runIf(probe().backends.find(({ name }) => name === backend)?.available === false)(
  'a kernel without it is reported as such',
  async () => {
    const error = await rejection(run('true', [], { backend }))
    expect(error.message).toMatch(/^backend builder does not work: this kernel makes /)
  },
)
