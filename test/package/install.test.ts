/** The package as users get it: packed, installed into an empty folder, run by every runtime. */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { installed } from '../installed.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-package-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const MINUTES = 60_000

const sh = (command: string, args: string[], cwd: string, env = {}) =>
  execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })

/** The folder with the runtimes that runtimes/package.json pins, downloaded once. */
const runtimes = () =>
  join(installed(fileURLToPath(new URL('runtimes', import.meta.url))), 'node_modules')

const program = fileURLToPath(new URL('program.mjs', import.meta.url))
/** The program's output on every runtime. */
const expected = JSON.parse(readFileSync(new URL('expected.json', import.meta.url), 'utf8'))

describe('the package', () => {
  let tarball = ''
  const app = join(dir, 'app')

  beforeAll(() => {
    sh(process.execPath, ['scripts/prebuild.mjs'], root)
    sh('npm', ['pack', '--ignore-scripts', '--pack-destination', dir], root)
    tarball = readdirSync(dir).find((name) => name.endsWith('.tgz')) as string
    mkdirSync(app)
    writeFileSync(join(app, 'package.json'), '{ "private": true, "type": "module" }')
    cpSync(program, join(app, 'program.mjs'))
  }, 5 * MINUTES)

  test('contains what it needs and nothing else', () => {
    const files = sh('tar', ['-tzf', tarball], dir).split('\n')
    for (const file of [
      'dist/index.js',
      'dist/index.d.ts',
      'dist/chain/index.js',
      'dist/cli/main.js',
      `prebuilds/linux-${process.arch}/uring_spawn.node`,
      'scripts/install.mjs',
      'CMakeLists.txt',
      'uring-native/core/setup.c',
      'LICENSE',
    ]) {
      expect(files).toContain(`package/${file}`)
    }
    const odd =
      /^package\/(?!dist|docs\/[a-z-]+\.md|examples|prebuilds|uring-native|scripts\/(install|prepare)|CMakeLists|LICENSE|README|package\.json)./
    expect(files.filter((file) => odd.test(file))).toEqual([])
  })

  test(
    'installs without a compiler',
    () => {
      // PATH contains only Node and a shell.
      const bin = join(dir, 'bin')
      mkdirSync(bin)
      symlinkSync(process.execPath, join(bin, 'node'))
      symlinkSync('/bin/sh', join(bin, 'sh'))
      const npm = sh('sh', ['-c', 'command -v npm'], dir).trim()
      sh(npm, ['install', '--no-save', join(dir, tarball)], app, { PATH: bin })
      expect(existsSync(join(app, 'node_modules/uring-spawn/build'))).toBe(false)
    },
    5 * MINUTES,
  )

  test(
    'runs on every runtime',
    () => {
      const at = runtimes()
      const commands: [string, string[]][] = [
        ...['20', '22', '24', '26'].map((major): [string, string[]] => [
          `node-${major}/bin/node`,
          [],
        ]),
        ['bun/bin/bun', []],
        ['deno/deno', ['run', '--allow-all']],
      ]
      const said = commands.map(([binary, args]) => [
        binary,
        JSON.parse(
          sh(join(at, binary), [...args, 'program.mjs'], app, { URING_SPAWN_BACKEND: '' }),
        ),
      ])
      expect(said).toEqual(commands.map(([binary]) => [binary, expected]))
    },
    5 * MINUTES,
  )

  test('has a command line that runs', () => {
    const cli = join(app, 'node_modules/.bin/uring-spawn')
    expect(sh(cli, ['doctor'], app)).toContain('auto picks')
  })

  test('has types that are found and correct', () => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const source = `
      import { run } from 'uring-spawn'
      import { explain } from 'uring-spawn/chain'
      const { stdout } = await run('true', [], { encoding: 'buffer' })
      stdout.readUInt8(0)
      explain({ file: 'true' }).links
    `
    writeFileSync(join(app, 'typed.ts'), source)
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022']
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node']
    sh(process.execPath, [tsc, ...flags, ...types, 'typed.ts'], app)
  })

  test(
    'builds the addon from source if it contains no matching one',
    () => {
      const at = join(app, 'node_modules/uring-spawn')
      rmSync(join(at, 'prebuilds'), { recursive: true })
      const missing = () => sh(process.execPath, ['program.mjs'], app)
      expect(missing).toThrow(/no addon for linux/)
      sh(process.execPath, ['scripts/install.mjs'], at)
      expect(JSON.parse(sh(process.execPath, ['program.mjs'], app))).toEqual(expected)
    },
    5 * MINUTES,
  )

  test('can be imported on other platforms, and names its needs at the first use', () => {
    const code = `
      Object.defineProperty(process, 'platform', { value: 'darwin' })
      const { run } = await import('uring-spawn')
      await run('true').catch(({ message }) => console.log(message))`
    const said = sh(process.execPath, ['--input-type=module', '-e', code], app)
    expect(said).toMatch(/^uring-spawn needs Linux on x64 or arm64; this is darwin on /)
  })
})
