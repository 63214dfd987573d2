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
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { probe, run, spawn } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { type ChosenBackend, testChosen, testWays, type Way } from '../chosen-backend.js'
import { isRoot, rejection, text, until } from '../support.js'

const isTested = testedBackends.includes('spawn_template')
const backend = 'spawn_template'
const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
chmodSync(dir, 0o755)
afterAll(() => rmSync(dir, { recursive: true }))

const chosen: ChosenBackend = {
  ...{ backend, call: 'spawn_template_spawn', fromTemplate: true },
  ...{ left: { umask: 0 }, dir },
}

describe.runIf(isTested)('the backend spawn_template', () => {
  testChosen(chosen)

  const script = join(dir, 'script')
  writeFileSync(script, '#!/bin/sh\n', { mode: 0o755 })
  copyFileSync('/bin/true', join(dir, 'true'))
  const ways: Way[] = [
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
  testWays(chosen, ways)

  test.runIf(isRoot)('other users: by fork, in memory that is not ours', async () => {
    const result = await run('id', ['-u'], { backend, uid: 61234, gid: 61234 })
    expect(result).toMatchObject({ stdout: '61234\n', backend: 'fork' })
  })

  test('descriptors that change places', async () => {
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
    for (const open of [a, b]) closeSync(open)
  })

  test.each([127, 126, 1])('a program that exits with %s has been started', async (status) => {
    const result = await run('sh', ['-c', `exit ${status}`], { backend })
    expect(result).toMatchObject({ exitCode: status, backend, fromTemplate: true })
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
