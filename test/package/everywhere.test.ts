/**
 * The package in what people use: package managers, test runners, bundlers; in folders
 * whose paths have blanks and parentheses. On demand.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { downloaded, MINUTES, makeApp, pack, root, runtimes, sh } from './packed.js'

/** What this takes to download is larger than all else that tests need. */
const wanted = process.env.URING_SPAWN_TEST_INSTALLS === '1'
const skipped = wanted ? '' : ' (skipped: URING_SPAWN_TEST_INSTALLS=1 is not set)'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn (every where) '))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const json = (name: string) =>
  JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as object
const expected = { 'program.mjs': json('expected.json'), 'program.cjs': json('expected-cjs.json') }
const programs = ['program.mjs', 'program.cjs'] as const

const node = process.execPath
const tool = (path: string) => join(downloaded('tools'), path)
let tarball = ''
/** A home of its own, so that no one's settings and stores have a part in it. */
const home = { HOME: join(dir, 'home'), XDG_CACHE_HOME: join(dir, 'home/.cache') }

beforeAll(() => {
  if (!wanted) return
  mkdirSync(home.HOME)
  tarball = pack(dir)
  downloaded('tools')
  downloaded('runtimes')
}, 15 * MINUTES)

/** An app of its own into which npm has installed the package. */
function npmApp(name: string, manifest = {}): string {
  const app = makeApp(join(dir, name), manifest)
  sh('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], app, home)
  return app
}

describe.runIf(wanted)(`package managers${skipped}`, () => {
  test(
    'pnpm',
    () => {
      const app = makeApp(join(dir, 'pnpm'))
      const pnpm = (...args: string[]) => sh(node, [tool('pnpm/bin/pnpm.cjs'), ...args], app, home)
      pnpm('add', '--offline', tarball)
      for (const program of programs) {
        expect(JSON.parse(sh(node, [program], app))).toEqual(expected[program])
      }
      expect(pnpm('exec', 'uring-spawn', 'doctor')).toContain('auto picks')
    },
    5 * MINUTES,
  )

  test.each(['pnp', 'node-modules', 'pnpm'])(
    'yarn, linked by %s',
    (linker) => {
      const app = makeApp(join(dir, `yarn-${linker}`), {
        dependencies: { 'uring-spawn': `file:${tarball}` },
      })
      writeFileSync(join(app, 'yarn.lock'), '')
      writeFileSync(
        join(app, '.yarnrc.yml'),
        `nodeLinker: ${linker}\nenableTelemetry: false\nenableGlobalCache: false\n`,
      )
      const yarn = (...args: string[]) =>
        sh(node, [tool('@yarnpkg/cli-dist/bin/yarn.js'), ...args], app, home)
      yarn('install')
      for (const program of programs) {
        expect(JSON.parse(yarn('node', program))).toEqual(expected[program])
      }
      expect(yarn('uring-spawn', 'doctor')).toContain('auto picks')
    },
    5 * MINUTES,
  )

  test(
    'Bun',
    () => {
      const app = makeApp(join(dir, 'bun'))
      const [bun] = runtimes().Bun as [string, string[]]
      sh(bun, ['add', tarball], app, home)
      for (const program of programs) {
        expect(JSON.parse(sh(bun, [program], app))).toEqual(expected[program])
      }
    },
    5 * MINUTES,
  )

  test(
    'Deno, in a folder that npm has installed',
    () => {
      const app = npmApp('deno')
      const [deno, args] = runtimes().Deno as [string, string[]]
      for (const program of programs) {
        const said = sh(deno, [...args, '--node-modules-dir=manual', program], app, home)
        expect(JSON.parse(said)).toEqual(expected[program])
      }
    },
    5 * MINUTES,
  )
})

/**
 * The libraries of Debian 11, whose glibc, 2.31, is the oldest that Debian's mirrors have:
 * unpacked in out/packages.
 */
function oldDebian(): string {
  const to = join(root, 'out/packages/bullseye')
  if (existsSync(to)) return to
  const begun = `${to}-${process.pid}`
  // Installs mmdebstrap if it is not there.
  sh(process.execPath, ['scripts/setup.mjs', 'fresh'], root)
  const flags = ['--quiet', '--variant=extract', '--include=libc6,libstdc++6']
  sh('mmdebstrap', [...flags, 'bullseye', begun], root)
  renameSync(begun, to)
  return to
}

test.runIf(wanted && process.arch === 'x64')(
  `Node with Debian 11's glibc${skipped}`,
  () => {
    const app = npmApp('old glibc')
    const old = oldDebian()
    const folders = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'].map((at) => join(old, at))
    const loader = join(old, 'lib/x86_64-linux-gnu/ld-2.31.so')
    const [node20] = runtimes()['Node 20'] as [string, string[]]
    const run = (...args: string[]) =>
      sh(loader, ['--library-path', folders.join(':'), node20, ...args], app)
    const version = 'process.report.getReport().header.glibcVersionRuntime'
    expect(run('-p', version)).toBe('2.31\n')
    for (const program of programs) expect(JSON.parse(run(program))).toEqual(expected[program])
  },
  5 * MINUTES,
)

const check = `
  const { stdout, exitCode } = await run('sh', ['-c', 'echo out; exit 3'])
  expect([stdout, exitCode]).toEqual(['out\\n', 3])
  const error = await run('no-such').catch((error) => error)
  expect(error).toBeInstanceOf(SpawnError)
  const dropped = await new Promise((end) => exec('echo dropped', (_, out) => end(out)))
  expect(dropped).toBe('dropped\\n')
`
const imports = `
import { exec } from 'node:child_process'
import { run, SpawnError } from 'uring-spawn'
import 'uring-spawn/register'
`
const requires = `
const { exec } = require('node:child_process')
const { run, SpawnError } = require('uring-spawn')
require('uring-spawn/register')
`

/** Writes three test files; each starts programs. */
function writeTests(app: string, head: string, end: string) {
  for (const name of ['one', 'two', 'three']) {
    writeFileSync(
      join(app, `${name}.test.${end}`),
      `${head}\ntest('starts', async () => {${check}})\ntest('again', async () => {${check}})\n`,
    )
  }
}

describe.runIf(wanted)(`test runners${skipped}`, () => {
  test.each([
    ['ES modules', imports, 'mjs', '--experimental-vm-modules'],
    ['CommonJS', requires, 'cjs', ''],
  ])(
    'Jest, %s',
    (name, head, end, flags) => {
      const app = npmApp(`jest-${name.replace(/\W/g, '')}`, {
        jest: { testMatch: [`**/*.test.${end}`], moduleFileExtensions: ['js', end], transform: {} },
      })
      writeTests(app, head, end)
      for (const workers of ['--runInBand', '--maxWorkers=2']) {
        // It prints to standard error.
        const line = `"${node}" "${tool('jest/bin/jest.js')}" ${workers} 2>&1`
        const said = sh('sh', ['-c', line], app, { ...home, NODE_OPTIONS: flags })
        expect(said).toContain('6 passed')
        expect(said).not.toMatch(/did not exit|force exited|leaks/)
      }
    },
    5 * MINUTES,
  )

  test.each(['forks', 'threads', 'vmThreads'])(
    'Vitest, in its pool %s',
    (pool) => {
      const app = npmApp(`vitest-${pool}`, { type: 'module' })
      writeTests(app, imports, 'mjs')
      const vitest = join(root, 'node_modules/vitest/vitest.mjs')
      const said = sh(node, [vitest, 'run', '--root', app, '--pool', pool, '--globals'], app, home)
      expect(said).toContain('6 passed')
    },
    5 * MINUTES,
  )
})

describe.runIf(wanted)(`bundles${skipped}`, () => {
  test.each([
    ['program.mjs', 'commonjs2', false, 'commonjs'],
    ['program.cjs', 'commonjs2', false, 'commonjs'],
    ['program.mjs', 'module', true, 'module'],
    ['program.cjs', 'commonjs2', false, 'external'],
  ] as const)(
    'webpack, %s as %s (ES modules: %s), %s',
    (program, type, modules, name) => {
      const app = npmApp(`webpack-${program}-${name}`)
      const out = join(app, 'out')
      const end = modules ? 'mjs' : 'cjs'
      const config = {
        ...{ mode: 'production', target: 'node20', entry: `./${program}`, context: app },
        output: { path: out, filename: `bundle.${end}`, library: { type }, module: modules },
        experiments: { outputModule: modules },
        externals: name === 'external' ? [/^uring-spawn/] : [],
        externalsType: name === 'external' ? 'commonjs' : undefined,
        optimization: { minimize: false },
        // Modules keep their own addresses, as in a bundle that is moved.
        module: { parser: { javascript: { importMeta: !modules } } },
      }
      const run = `
        const webpack = require(${JSON.stringify(tool('webpack'))})
        const config = ${JSON.stringify({ ...config, externals: [] })}
        config.externals = ${name === 'external' ? '[/^uring-spawn/]' : '[]'}
        webpack(config, (error, stats) => {
          if (error || stats.hasErrors()) { console.log(error ?? stats.toString()); process.exit(1) }
        })`
      sh(node, ['-e', run], app, home)
      const addon = `node_modules/uring-spawn/prebuilds/linux-${process.arch}/uring_spawn.node`
      if (name !== 'external') {
        copyFileSync(join(app, addon), join(out, 'uring_spawn.node'))
        // So that nothing is found there.
        rmSync(join(app, 'node_modules'), { recursive: true })
      }
      const said = sh(node, [`bundle.${end}`], out, home)
      expect(JSON.parse(said)).toEqual(expected[program])
    },
    5 * MINUTES,
  )
})

test.runIf(wanted)(
  `types, as Are The Types Wrong sees them${skipped}`,
  () => {
    const attw = tool('@arethetypeswrong/cli/dist/index.js')
    const said = sh(node, [attw, '--profile', 'node16', '--no-color', tarball], dir, home)
    // It fails if it finds a problem.
    expect(said).toContain('"uring-spawn/child_process"')
  },
  5 * MINUTES,
)
