/** The packages for platforms, as `npm run platforms` has made them. On demand. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { definedIn, portabilityProblems } from '../../scripts/portable.mjs'
import { here, MINUTES, makeApp, root, sh } from './packed.js'

const wanted = process.env.URING_SPAWN_TEST_INSTALLS === '1' && process.arch === 'x64'
const skipped = wanted ? '' : ' (skipped: URING_SPAWN_TEST_INSTALLS=1 is not set, or not on x64)'

const out = join(root, 'out/platforms')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-platforms-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const json = (name: string) =>
  JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as object
const expected = { 'program.mjs': json('expected.json'), 'program.cjs': json('expected-cjs.json') }
const programs = ['program.mjs', 'program.cjs'] as const

const library = join(out, `uring-spawn-${version}.tgz`)
const addonOf = (platform: string) => join(out, platform, 'uring_spawn.node')
const muslLibc = (triple: string) => join(out, `sysroot/lib/${triple}/libc.so`)

/** A package of npm for another platform than this, unpacked in out/packages. */
function unpacked(name: string): string {
  const to = join(root, 'out/packages', name.replaceAll(/\W/g, '-'))
  if (existsSync(join(to, 'package/package.json'))) return join(to, 'package')
  mkdirSync(to, { recursive: true })
  sh('npm', ['pack', '--silent', name], to)
  const tarball = readdirSync(to).find((file) => file.endsWith('.tgz')) as string
  sh('tar', ['-xzf', tarball], to)
  return join(to, 'package')
}

/** The library without an addon, installed. */
function libraryIn(name: string): string {
  const app = makeApp(join(dir, name))
  const to = join(app, 'node_modules/uring-spawn')
  mkdirSync(to, { recursive: true })
  sh('tar', ['-xzf', library, '-C', to, '--strip-components=1'], app)
  return app
}

test.runIf(wanted).each([
  ['linux-x64-glibc', undefined],
  ['linux-x64-musl', 'x86_64-linux-musl'],
  ['linux-arm64-glibc', undefined],
  ['linux-arm64-musl', 'aarch64-linux-musl'],
])(`%s needs libc alone, and an old one${skipped}`, (name, triple) => {
  if (!existsSync(library)) throw new Error('run this first: npm run platforms')
  const symbols = triple === undefined ? undefined : definedIn(muslLibc(triple))
  expect(portabilityProblems(addonOf(name), symbols)).toEqual([])
})

test.runIf(wanted)(
  `npm installs the library with the platform's package, which it finds${skipped}`,
  () => {
    const app = makeApp(join(dir, 'npm'))
    const platform = join(out, `uring-spawn-linux-x64-glibc-${version}.tgz`)
    sh('npm', ['install', '--offline', '--no-audit', '--no-fund', platform, library], app)
    expect(readdirSync(join(app, 'node_modules/@uring-spawn'))).toEqual(['linux-x64-glibc'])
    expect(existsSync(join(app, 'node_modules/uring-spawn/prebuilds'))).toBe(false)
    for (const program of programs) {
      expect(JSON.parse(sh(process.execPath, [program], app))).toEqual(expected[program])
    }
  },
  MINUTES,
)

test.runIf(wanted)(
  `a runtime that is made for musl uses the package for musl, where both are${skipped}`,
  () => {
    const app = libraryIn('musl')
    for (const name of ['linux-x64-glibc', 'linux-x64-musl']) {
      const to = join(app, 'node_modules/@uring-spawn', name)
      mkdirSync(to, { recursive: true })
      for (const file of ['uring_spawn.node', 'package.json']) {
        copyFileSync(join(out, name, file), join(to, file))
      }
    }
    // Its libraries, and musl under the names that each has for its libc.
    const lib = join(dir, 'lib')
    mkdirSync(lib)
    for (const name of ['libstdc++.so.6', 'libgcc_s.so.1']) {
      const file = sh('gcc', [`-print-file-name=${name}`], dir).trim()
      copyFileSync(file, join(lib, name))
    }
    const loader = muslLibc('x86_64-linux-musl')
    for (const name of ['libc.musl-x86_64.so.1', 'ld-linux-x86-64.so.2']) {
      symlinkSync(loader, join(lib, name))
    }
    const shim = join(lib, 'shim.so')
    sh('gcc', ['-shared', '-fPIC', '-nostdlib', '-w', '-o', shim, here('musl-shim.c')], dir)
    const preload = `${shim}:${join(lib, 'libgcc_s.so.1')}`
    const bun = join(unpacked('@oven/bun-linux-x64-musl@1.4.4'), 'bin/bun')
    const flags = ['--library-path', lib, '--preload', preload, bun]
    for (const program of programs) {
      expect(JSON.parse(sh(loader, [...flags, program], app))).toEqual(expected[program])
    }
    // With the other alone it does not load, and says why.
    rmSync(join(app, 'node_modules/@uring-spawn/linux-x64-musl'), { recursive: true })
    expect(() => sh(loader, [...flags, 'program.mjs'], app)).toThrow(
      /cannot load its addon: .*musl/,
    )
  },
  5 * MINUTES,
)
