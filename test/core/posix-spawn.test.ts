/** Programs that exist, with libposix_spawn_fast.so; its calls are compared with glibc's in C. */
import { spawnSync } from 'node:child_process'
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { compileRust, withoutRust } from '../rust.js'
import { HANG } from '../support.js'

const built = fileURLToPath(new URL('../../build/Release/libposix_spawn_fast.so', import.meta.url))
// LD_PRELOAD is split at blanks and colons, and this folder may have some.
const dir = mkdtempSync('/tmp/posix-spawn-')
const library = join(dir, 'libposix_spawn_fast.so')
if (existsSync(built)) copyFileSync(built, library)
afterAll(() => rmSync(dir, { recursive: true }))

/** What a program that glibc has started ignores, besides what its parent does. */
const BY_GLIBC = 0x1_8000_0000n
const SHOW = 'grep SigIgn /proc/self/status'

/** Debian's own program: a wrapper of the same name may start others in between. */
function isThere(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const makefile = join(dir, 'Makefile')
writeFileSync(makefile, `all: a b c\na b c:\n\t@${SHOW}\n`)
const ninja = join(dir, 'build.ninja')
writeFileSync(ninja, `rule show\n command = ${SHOW}\nbuild a: show\nbuild b: show\nbuild c: show\n`)
const python = `
import subprocess
for name in 'abc': subprocess.run(${JSON.stringify(SHOW.split(' '))}, close_fds=False, check=True)`

const programs: [name: string, path: string, args: string[]][] = [
  ['make', '/usr/bin/make', ['-j2', '-f', makefile]],
  ['ninja', '/usr/bin/ninja', ['-j2', '-f', ninja]],
  ['Python', '/usr/bin/python3', ['-c', python]],
]

/** What each process ignores that a program starts, by the library and by glibc. */
function ignoredBy(path: string, args: string[]) {
  const ignored = (env: NodeJS.ProcessEnv) => {
    const { stdout, stderr, status } = spawnSync(path, args, {
      cwd: mkdtempSync(join(dir, 'work-')),
      encoding: 'utf8',
      timeout: HANG,
      env: { ...process.env, ...env },
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    return [...stdout.matchAll(/SigIgn:\s*(\w+)/g)].map(([, set]) => BigInt(`0x${set}`))
  }
  const ours = ignored({ LD_PRELOAD: library })
  return { ours, theirs: ignored({ LD_PRELOAD: library, URING_SPAWN_DISABLE: '1' }) }
}

describe.skipIf(!existsSync(library))('LD_PRELOAD', () => {
  test.each(programs.filter(([, path]) => isThere(path)))('%s', (name, path, args) => {
    const { ours, theirs } = ignoredBy(path, args)
    expect(ours).toHaveLength(3)
    for (const set of ours) expect(set & BY_GLIBC).toBe(0n)
    // What else is ignored is the same. Python before 3.12 seldom calls posix_spawn().
    expect(theirs.map((set) => set & ~BY_GLIBC)).toEqual(ours)
    if (name !== 'Python') for (const set of theirs) expect(set & BY_GLIBC).toBe(BY_GLIBC)
  })

  test.skipIf(withoutRust)(`Rust${withoutRust}`, () => {
    const { ours, theirs } = ignoredBy(compileRust(dir), [])
    // One at a time in several ways, and many at once.
    expect(ours.length).toBeGreaterThan(40)
    for (const set of ours) expect(set & BY_GLIBC).toBe(0n)
    expect(theirs).toEqual(ours.map((set) => set | BY_GLIBC))
  })

  // Its copy by another name does the same, and stays in the list.
  const other = join(dir, 'libother.so')
  if (existsSync(library)) copyFileSync(library, other)
  const many = Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`VAR${at}`, 'x']))

  test.runIf(isThere('/usr/bin/make')).each([
    ['alone', library, undefined],
    ['in an environment of 2000 variables', library, undefined, many],
    ['before another library', `${library}:${other}`, other],
    ['after another library', `${other} ${library}`, other],
    ['between others, with empty names', `:${other}::${library}  ${other}`, `${other}:${other}`],
    ['twice', `${library}:${library}`, undefined],
    ['that is to be passed on', library, library, { URING_SPAWN_INHERIT: '1' }],
    ['to be passed on, not by 1', library, undefined, { URING_SPAWN_INHERIT: 'yes' }],
    ['that is disabled', library, library, { URING_SPAWN_DISABLE: '1' }],
    ['by a name that only ends like it', other, other],
  ])('what is started does not load it: %s', (_, preload, expected, env = {}) => {
    const file = join(mkdtempSync(join(dir, 'env-')), 'Makefile')
    writeFileSync(file, 'all:\n\t@/usr/bin/env\n')
    const { stdout, stderr, status } = spawnSync('/usr/bin/make', ['-f', file], {
      encoding: 'utf8',
      timeout: HANG,
      env: { ...process.env, ...env, LD_PRELOAD: preload },
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const lines = stdout.split('\n')
    const found = lines.filter((line) => line.startsWith('LD_PRELOAD='))
    expect(found).toEqual(expected === undefined ? [] : [`LD_PRELOAD=${expected}`])
    for (const [name, value] of Object.entries(env)) expect(lines).toContain(`${name}=${value}`)
  })

  test('one of them is here', () => {
    expect(programs.filter(([, path]) => isThere(path))).not.toEqual([])
  })
})

test('it is built where there is glibc', () => {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  expect(existsSync(library)).toBe(header.glibcVersionRuntime !== undefined)
})
