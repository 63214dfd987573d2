/**
 * libposix_spawn_fast.so by the interfaces of the series, which it is told to use. What
 * it leaves to clone3() cannot be made where that is denied, so what is made there shows
 * that the interface has made it.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { run } from '../../dist/index.js'
import { testedBackends } from '../backends.js'

const built = fileURLToPath(new URL('../../build/', import.meta.url))
// LD_PRELOAD is split at blanks and colons, and the folder may have some.
const dir = mkdtempSync('/tmp/posix-spawn-')
const library = join(dir, 'libposix_spawn_fast.so')
afterAll(() => rmSync(dir, { recursive: true }))

/** By interface: the calls without which there is nothing but clone3(). */
const interfaces: Record<string, string[]> = {
  embryo: ['pidfd_open', 'pidfd_config', 'pidfd_spawn_run'],
  builder: ['pidfd_spawn_open', 'pidfd_config', 'pidfd_spawn_run'],
}

const compare = (name: string, times: number, ...denied: string[]) =>
  run(`${built}deny`, [
    ...denied,
    ...['--', `${built}test_posix_spawn`, `${built}seen`, String(times), '1', name],
  ])

const writeScript = (name: string, text: string) => {
  const path = join(dir, name)
  writeFileSync(path, text)
  return path
}

/** Each prints what a process that it starts ignores. */
const SHOW = '/bin/grep SigIgn /proc/self/status'
const makefile = writeScript('Makefile', `all:\n\t@${SHOW}\n`)
const ninjafile = writeScript('build.ninja', `rule show\n command = ${SHOW}\nbuild a: show\n`)
const argv = JSON.stringify(SHOW.split(' '))
const python = `import os\nos.waitpid(os.posix_spawn('/bin/grep', ${argv}, os.environ), 0)`
const programs: [name: string, path: string, args: string[]][] = [
  ['make', '/usr/bin/make', ['-f', makefile]],
  ['ninja', '/usr/bin/ninja', ['-C', dir, '-f', ninjafile]],
  ['Python', '/usr/bin/python3', ['-c', python]],
]

/** glibc's children ignore the two signals that it keeps for itself. */
const BY_GLIBC = 0x1_8000_0000n

const isTested = testedBackends.includes('uring')

describe.runIf(isTested).each(Object.entries(interfaces))('posix_spawn() by %s', (name, calls) => {
  if (isTested) copyFileSync(`${built}Release/libposix_spawn_fast.so`, library)

  test('does what the C library does', async () => {
    const { stdout, stderr } = await compare(name, 400, 'clone3=ENOSYS')
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^\d+ comparisons: \d+ started, \d+ failed, no difference$/m)
  })

  test('leaves the rest to clone3()', async () => {
    const { stdout, stderr } = await compare(name, 100)
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^100 comparisons: \d+ started, \d+ failed, no difference$/m)
    expect(stdout).not.toContain('left')
  })

  const filters = calls.flatMap((call) => ['ENOSYS', 'EPERM'].map((errno) => `${call}=${errno}`))
  test.each(filters)('leaves all to clone3() with %s', async (denied) => {
    const { stdout, stderr } = await compare(name, 50, denied)
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^50 comparisons: \d+ started, \d+ failed, no difference$/m)
  })

  test.each(programs.filter(([, path]) => existsSync(path)))('serves %s', async (_, path, args) => {
    const ignored = async (env: Record<string, string>) => {
      const line = ['clone3=ENOSYS', '--', path, ...args]
      const { stdout } = await run(`${built}deny`, line, {
        env: { ...process.env, LD_PRELOAD: library, ...env },
        check: true,
      })
      return BigInt(`0x${/SigIgn:\s*(\w+)/.exec(stdout)?.[1]}`)
    }
    expect((await ignored({})) & BY_GLIBC).toBe(BY_GLIBC)
    expect((await ignored({ URING_SPAWN_INTERFACE: name })) & BY_GLIBC).toBe(0n)
    // It has no output of its own, also for a name that it does not know.
    expect((await ignored({ URING_SPAWN_INTERFACE: `${name}s` })) & BY_GLIBC).toBe(BY_GLIBC)
  })
})
