/** That the addon runs on older systems than the one that builds it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { definedIn, needsOf, portabilityProblems } from '../../scripts/portable.mjs'
import { root } from './packed.js'

const addon = join(root, 'build/Release/uring_spawn.node')

test('the addon needs libc alone, and no newer glibc than 2.28', () => {
  const { symbols } = needsOf(addon)
  expect(symbols.map(({ name }) => name)).toContain('pthread_create')
  expect(portabilityProblems(addon)).toEqual([])
})

test('what else a library needs is noticed', () => {
  // Node itself, or a program of the system that needs more than libc.
  const { libraries } = needsOf(process.execPath)
  expect(libraries).toContain('libc.so.6')
  const said = portabilityProblems(process.execPath).join('\n')
  for (const name of libraries.filter((name) => !name.startsWith('libc.'))) {
    if (!name.startsWith('ld-')) expect(said).toContain(`${name} has to be installed`)
  }
})

/** Debian's package musl has it. */
const musl = `/lib/ld-musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`
const skipped = existsSync(musl) ? '' : ` (skipped: no ${musl})`

test.skipIf(skipped !== '')(`what it needs of libc, musl has${skipped}`, () => {
  const has = definedIn(musl)
  const lacking = needsOf(addon).symbols.filter(({ name }) => !has.has(name))
  expect(lacking).toEqual([])
})
