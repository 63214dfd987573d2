/** The package as users get it: packed, installed into an empty folder, run by every runtime. */
import {
  copyFileSync,
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
import { build, type Format } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MINUTES, makeApp, pack, root, runtimes, sh } from './packed.js'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn (a package) '))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const json = (name: string) =>
  JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as object
/** By program: its output on every runtime. */
const expected = { 'program.mjs': json('expected.json'), 'program.cjs': json('expected-cjs.json') }

describe('the package', () => {
  let tarball = ''
  let app = ''

  beforeAll(() => {
    tarball = pack(dir)
    app = makeApp(join(dir, 'app'))
  }, 5 * MINUTES)

  test('contains what it needs and nothing else', () => {
    const files = sh('tar', ['-tzf', tarball], dir).split('\n')
    for (const file of [
      'dist/index.js',
      'dist/index.d.ts',
      'dist/chain/index.js',
      'dist/cli/main.js',
      'cjs/index.js',
      'cjs/index.d.ts',
      'cjs/package.json',
      `prebuilds/linux-${process.arch}/uring_spawn.node`,
      'headers/napi.h',
      'headers/node_api.h',
      'scripts/addon.mjs',
      'CMakeLists.txt',
      'uring-native/core/setup.c',
      'LICENSE',
      'THIRD-PARTY-NOTICES.md',
    ]) {
      expect(files).toContain(`package/${file}`)
    }
    const odd =
      /^package\/(?!dist|cjs|docs\/[a-z-]+\.md|examples|headers|prebuilds|uring-native|scripts\/(addon|prepare)|CMakeLists|LICENSE|THIRD-PARTY|README|package\.json)./
    expect(files.filter((file) => odd.test(file))).toEqual([])
  })

  test(
    'installs without a compiler, a script or another package',
    () => {
      // PATH contains only Node and a shell.
      const bin = join(dir, 'bin')
      mkdirSync(bin)
      symlinkSync(process.execPath, join(bin, 'node'))
      symlinkSync('/bin/sh', join(bin, 'sh'))
      const npm = sh('sh', ['-c', 'command -v npm'], dir).trim()
      const flags = ['--no-save', '--ignore-scripts', '--offline']
      sh(npm, ['install', ...flags, tarball], app, { PATH: bin })
      const packages = readdirSync(join(app, 'node_modules'))
      expect(packages.filter((name) => !name.startsWith('.'))).toEqual(['uring-spawn'])
      const { scripts } = JSON.parse(
        readFileSync(join(app, 'node_modules/uring-spawn/package.json'), 'utf8'),
      )
      // npm runs these where it installs.
      for (const name of ['preinstall', 'install', 'postinstall']) {
        expect(scripts).not.toHaveProperty(name)
      }
    },
    5 * MINUTES,
  )

  test('has the licences of what it contains', () => {
    const at = join(app, 'node_modules/uring-spawn')
    const notices = readFileSync(join(at, 'THIRD-PARTY-NOTICES.md'), 'utf8')
    const parts = JSON.parse(readFileSync(join(at, 'dist/packages.json'), 'utf8')) as string[]
    expect(parts).toContain('commander')
    for (const name of [...parts, 'liburing', 'libstdc++', 'node-addon-api', 'node-api-headers']) {
      expect(notices).toContain(`\n## ${name}\n`)
    }
    expect(notices.match(/copyright/gi)?.length).toBeGreaterThan(parts.length)
  })

  test.each(['program.mjs', 'program.cjs'] as const)(
    'runs %s on every runtime',
    (program) => {
      const said = Object.entries(runtimes()).map(([name, [command, args]]) => [
        name,
        JSON.parse(sh(command, [...args, program], app)),
      ])
      expect(said).toEqual(Object.keys(runtimes()).map((name) => [name, expected[program]]))
    },
    5 * MINUTES,
  )

  test('switches the drop-in on by --import and --require, and by both once', () => {
    writeFileSync(
      join(app, 'dropped.cjs'),
      `const { channel } = require('node:diagnostics_channel')
      const { execSync } = require('node:child_process')
      const starts = new Set()
      let started = 0
      channel('uring-spawn:launch').subscribe(({ id, event }) => {
        starts.add(id)
        if (event === 'started') started++
      })
      const say = (out) => console.log(out.toString().trim(), starts.size, started)
      say(execSync('echo sync'))
      require('node:child_process').exec('echo async', (_, out) => say(out))`,
    )
    const [viaImport, viaRequire] = ['--import', '--require'].map((flag) => [
      flag,
      'uring-spawn/register',
    ]) as [string[], string[]]
    for (const flags of [viaImport, viaRequire, [...viaImport, ...viaRequire]]) {
      expect(sh(process.execPath, [...flags, 'dropped.cjs'], app)).toBe('sync 1 1\nasync 2 2\n')
    }
  })

  test('has a command line that runs', () => {
    const cli = join(app, 'node_modules/.bin/uring-spawn')
    expect(sh(cli, ['doctor'], app)).toContain('auto picks')
    expect(sh(cli, ['explain', '--', 'ls'], app)).toContain('EXEC')
  })

  const source = (start: string, end: string) => `
    import { run, SpawnError, type RunOptions } from 'uring-spawn'
    import { explain } from 'uring-spawn/chain'
    import { execFile } from 'uring-spawn/child_process'
    import { register } from 'uring-spawn/register'
    ${start}
      const { stdout } = await run('true', [], { encoding: 'buffer' })
      stdout.readUInt8(0)
      const options: RunOptions = { timeout: 1 }
      explain({ file: 'true', ...options }).links
      register()
      execFile('true').pid
      // @ts-expect-error: there is no such option
      await run('true', [], { tiemout: 1 })
      void SpawnError
    ${end}
  `
  test.each([
    ['nodenext', 'nodenext', ['mts', 'cts']],
    ['esnext', 'bundler', ['ts']],
  ])('has types that are found and correct: module %s, resolution %s', (module, how, ends) => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const files = ends.map((end) => `typed-${module}.${end}`)
    for (const file of files) {
      const inFunction = ['async function main() {', '}; main()'] as const
      const text = file.endsWith('.cts') ? source(...inFunction) : source('', '; export {}')
      writeFileSync(join(app, file), text)
    }
    const kind = ['--module', module, '--moduleResolution', how]
    const flags = ['--noEmit', '--strict', '--target', 'es2022', ...kind]
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node']
    sh(process.execPath, [tsc, ...flags, ...types, ...files], app)
  })

  test.each([
    ['esm', 'program.mjs', 'mjs', true],
    ['cjs', 'program.cjs', 'cjs', true],
    ['esm', 'program.mjs', 'mjs', false],
    ['cjs', 'program.cjs', 'cjs', false],
  ] as const)(
    'runs in a bundle of esbuild: %s of %s as .%s, the addon beside it: %s',
    async (format, program, end, beside) => {
      const out = join(dir, `bundle-${format}-${beside}`)
      await build({
        entryPoints: [join(app, program)],
        outfile: join(out, `bundle.${end}`),
        ...{ bundle: true, platform: 'node', format: format satisfies Format, logLevel: 'error' },
      })
      const addon = join(
        app,
        `node_modules/uring-spawn/prebuilds/linux-${process.arch}/uring_spawn.node`,
      )
      const run = (env = {}) => sh(process.execPath, [`bundle.${end}`], out, env)
      expect(run).toThrow(/put uring_spawn.node beside it/)
      if (beside) copyFileSync(addon, join(out, 'uring_spawn.node'))
      const said = run(beside ? {} : { URING_SPAWN_ADDON: addon })
      // Both copies of the library are in the bundle.
      expect(JSON.parse(said)).toEqual(expected[program])
    },
  )

  test('says what is wrong with the addon that it is told to use', () => {
    const run = (file: string) => () =>
      sh(process.execPath, ['program.mjs'], app, { URING_SPAWN_ADDON: file })
    expect(run('/no/such')).toThrow(/no addon at \/no\/such: URING_SPAWN_ADDON must be/)
    expect(run('uring_spawn.node')).toThrow(/must be the absolute path of a file/)
    expect(run('/etc/passwd')).toThrow(/cannot load its addon/)
  })

  test(
    'builds the addon from source if it contains no matching one',
    () => {
      const at = join(app, 'node_modules/uring-spawn')
      rmSync(join(at, 'prebuilds'), { recursive: true })
      const run = () => sh(process.execPath, ['program.mjs'], app)
      expect(run).toThrow(/no addon for linux on \w+: .*npx uring-spawn build/)
      // No compiler: one message that says what to install.
      const cli = join(at, 'dist/cli/main.js')
      expect(() => sh(process.execPath, [cli, 'build'], app, { PATH: join(dir, 'bin') })).toThrow(
        /cannot run cmake: .*apt-get install g\+\+ make cmake pkg-config liburing-dev/,
      )
      sh('npx', ['uring-spawn', 'build'], app)
      expect(existsSync(join(at, 'build/Release/uring_spawn.node'))).toBe(true)
      expect(JSON.parse(run())).toEqual(expected['program.mjs'])
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
