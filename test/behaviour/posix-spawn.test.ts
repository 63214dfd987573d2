/**
 * libposix_spawn_fast.so by the interfaces of the series, which it is told to use. What
 * it leaves to clone3() cannot be made where that is denied, so what is made there shows
 * that the interface has made it.
 */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { compileRust, withoutRust } from '../rust.js'

const built = fileURLToPath(new URL('../../build/', import.meta.url))
// LD_PRELOAD is split at blanks and colons, and the folder may have some.
const dir = mkdtempSync('/tmp/posix-spawn-')
const library = join(dir, 'libposix_spawn_fast.so')
afterAll(() => rmSync(dir, { recursive: true }))

/** By interface: the calls without which there is nothing but clone3(). */
const interfaces: Record<string, string[]> = {
  embryo: ['pidfd_open', 'pidfd_config', 'pidfd_spawn_run'],
  builder: ['pidfd_spawn_open', 'pidfd_config', 'pidfd_spawn_run'],
  template: ['spawn_template_create', 'spawn_template_spawn'],
  chain: ['io_uring_setup'],
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

const node = 'process.stdout.write(child_process.execFileSync("echo", ["started"]))'
const others: typeof programs = [
  ['Perl', '/usr/bin/perl', ['-e', 'exit system("echo", "started") >> 8']],
  ['Node', process.execPath, ['-e', node]],
]

/** ninja makes process groups, for which templates have no action. */
const leaves: Record<string, string> = { template: 'ninja' }

/** glibc's children ignore the two signals that it keeps for itself. */
const BY_GLIBC = 0x1_8000_0000n

let rust: string | undefined

/** Which of the two each process ignores that a program starts where clone3() is denied. */
async function ignoredBy(interfaceName: string | undefined, path: string, args: string[]) {
  const chosen = interfaceName === undefined ? {} : { URING_SPAWN_INTERFACE: interfaceName }
  const { stdout } = await run(`${built}deny`, ['clone3=ENOSYS', '--', path, ...args], {
    env: { ...process.env, LD_PRELOAD: library, ...chosen },
    check: true,
  })
  const all = [...stdout.matchAll(/SigIgn:\s*(\w+)/g)]
  return all.map(([, set]) => BigInt(`0x${set}`) & BY_GLIBC)
}

const isTested = testedBackends.includes('uring')

// A filter that denies clone3() is one that chains would go around.
const sysctl = '/proc/sys/kernel/io_uring_spawn_seccomp'
const was = isTested ? readFileSync(sysctl, 'utf8') : ''
beforeAll(() => {
  if (isTested) writeFileSync(sysctl, '1')
})
afterAll(() => {
  if (isTested) writeFileSync(sysctl, was)
})

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

  const here = programs.filter(([, path]) => existsSync(path))
  test.each(here)('serves %s', async (program, path, args) => {
    const ignored = (interfaceName?: string) => ignoredBy(interfaceName, path, args)
    expect(await ignored()).toEqual([BY_GLIBC])
    expect(await ignored(name)).toEqual([leaves[name] === program ? BY_GLIBC : 0n])
    // It has no output of its own, also for a name that it does not know.
    expect(await ignored(`${name}s`)).toEqual([BY_GLIBC])
  })

  test.skipIf(withoutRust)(`serves Rust${withoutRust}`, async () => {
    rust ??= compileRust(dir)
    const ours = await ignoredBy(name, rust, [])
    expect(ours.length).toBeGreaterThan(40)
    expect(new Set(ours)).toEqual(new Set([0n]))
  })

  // They fork; what they load does not disturb them.
  test.each(others)('leaves %s alone', async (_, path, args) => {
    const { stdout } = await run(path, args, {
      env: { ...process.env, LD_PRELOAD: library, URING_SPAWN_INTERFACE: name },
      check: true,
    })
    expect(stdout).toBe('started\n')
  })
})
