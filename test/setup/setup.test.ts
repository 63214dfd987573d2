/** The set-up of the npm scripts: what each needs, and how that is installed. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { needs, scripts } from '../../scripts/needs.mjs'
import { isRoot, until } from '../support.js'
import { Clone } from './clone.js'

const project = fileURLToPath(new URL('../..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))

describe('the table of scripts', () => {
  test('has a row for each npm script that needs one', () => {
    const run = Object.entries<string>(manifest.scripts)
      .filter(([, command]) => command.startsWith('node scripts/run.mjs '))
      .map(([name, command]) => {
        expect(command).toBe(`node scripts/run.mjs ${name}`)
        return name
      })
    expect(run.sort()).toEqual(Object.keys(scripts).sort())
    const others = Object.keys(manifest.scripts).filter((name) => !run.includes(name))
    // npm runs the first one in the clone that it makes for a git URL.
    expect(others.sort()).toEqual(['prepare', 'setup'])
  })

  test.each(Object.entries(scripts))('%s: its needs and its module exist', (_name, script) => {
    for (const need of script.needs([])) expect(Object.keys(needs)).toContain(need)
    if (script.main) expect(existsSync(join(project, script.main))).toBe(true)
    expect(script.build || script.main).toBeTruthy()
  })

  test('scripts that build the addon need a compiler, scripts that boot need the lab', () => {
    for (const script of Object.values(scripts)) {
      if (script.build) expect(script.needs([])).toContain('native')
    }
    expect(scripts.demo?.needs([])).toContain('lab')
    expect(scripts.demo?.needs(['--stock'])).not.toContain('lab')
    expect(scripts['test:soak']?.needs(['--only', 'library'])).not.toContain('lab')
    expect(scripts['test:soak']?.needs(['--only=library', '--seed', '1'])).not.toContain('lab')
    expect(scripts['test:soak']?.needs(['--only', 'kernel'])).toContain('lab')
    expect(scripts.bench?.needs([])).toContain('lab')
    expect(scripts.bench?.needs(['designs', '--quick'])).toContain('lab')
    expect(scripts.bench?.needs(['--fresh', 'node'])).not.toContain('lab')
    expect(scripts.bench?.needs(['cluster'])).not.toContain('lab')
  })

  test('what runs batches on several machines needs Redis', () => {
    for (const name of ['test', 'test:host', 'test:lab']) {
      expect(scripts[name]?.needs([])).toContain('redis')
    }
    expect(scripts['test:soak']?.needs([])).toContain('redis')
    expect(scripts['test:soak']?.needs(['--only', 'cluster'])).toContain('redis')
    expect(scripts['test:soak']?.needs(['--only', 'kernel'])).not.toContain('redis')
    expect(scripts.bench?.needs([])).toContain('redis')
    expect(scripts.bench?.needs(['cluster', '--rounds', '3'])).toContain('redis')
    expect(scripts.bench?.needs(['node'])).not.toContain('redis')
    expect(scripts['test:quick']?.needs(['ts'])).not.toContain('redis')
  })

  test('nothing but all tests together needs a browser and Rust, which are large', () => {
    for (const [name, script] of Object.entries(scripts)) {
      for (const large of ['browser', 'rust']) {
        expect(script.needs([]).includes(large), `${name}, ${large}`).toBe(name === 'test')
      }
    }
  })

  const lists = '/var/lib/apt/lists'
  const hasLists =
    existsSync(lists) && readdirSync(lists).some((name) => /_Packages(\.\w+)?$/.test(name))

  test.skipIf(!hasLists)('every package exists in Debian', () => {
    const names = [...new Set(Object.values(needs).flatMap(({ packages }) => packages))].sort()
    const known = execFileSync('apt-cache', ['policy', ...names], { encoding: 'utf8' })
    const found = [...known.matchAll(/^(\S+):\n.*\n {2}Candidate: (?!\(none\))/gm)]
    expect(found.map(([, name]) => name).sort()).toEqual(names)
  })
})

/** A line of dpkg-query for an installed package. */
const row = (name: string, { status = 'installed', arch = 'amd64', provides = '' } = {}) =>
  [status, arch, name, provides].join('\t')
const dpkg = row('dpkg')
const native: string[] = needs.native.packages

let clone: Clone
beforeEach(() => {
  clone = new Clone()
  clone.write('installed', `${dpkg}\n`)
  const state = join(clone.root, 'installed')
  const calls = join(clone.root, 'calls')
  clone.program('dpkg-query', `cat '${state}'`)
  // Prints its arguments, and installs those after the options.
  clone.program(
    'apt-get',
    `echo "apt-get $*" >> '${calls}'
echo 'dlstatus:1:50.0:fetching'
for word; do case $word in -*|*=*|install|update) ;; *) printf 'installed\\tamd64\\t%s\\t\\n' "$word" >> '${state}';; esac; done`,
  )
  clone.program(
    'npm',
    `echo "npm $*" >> '${calls}'; env > '${join(clone.root, 'npm-env')}'; mkdir -p node_modules`,
  )
  clone.program('sudo', 'while [ "$1" = -n ]; do shift; done; exec "$@"')
})
afterEach(() => clone.remove())

const setUp = (...args: string[]) => ['node', 'scripts/setup.mjs', ...args]
const calls = () => clone.read('calls').split('\n').slice(0, -1)
const npmCalls = () => calls().filter((line) => line.startsWith('npm'))

describe('a package', () => {
  async function missing(rows: string[], names: string[]) {
    clone.write('installed', `${[dpkg, ...rows].join('\n')}\n`)
    const code = `
      import { missingDebianPackages } from './scripts/setup.mjs'
      console.log(JSON.stringify(missingDebianPackages(${JSON.stringify(names)})))`
    const { stdout } = await clone.run(['node', '--input-type=module', '-e', code])
    return JSON.parse(stdout)
  }

  test('is missing unless it is installed, for this architecture', async () => {
    const rows = [
      row('a'),
      row('b', { arch: 'all' }),
      row('c', { arch: 'arm64' }),
      row('d', { status: 'config-files' }),
      row('e', { status: 'half-configured' }),
    ]
    expect(await missing(rows, ['a', 'b', 'c', 'd', 'e', 'f'])).toEqual(['c', 'd', 'e', 'f'])
  })

  test('is installed if another provides it', async () => {
    const rows = [row('pkgconf', { provides: 'other, pkg-config (= 1.8.1-4), last' })]
    expect(await missing(rows, ['pkg-config', 'last', 'pkg'])).toEqual(['pkg'])
  })

  const isDebian = spawnSync('dpkg-query', ['--version']).status === 0
  test.skipIf(!isDebian)('is found by the real dpkg-query', async () => {
    const code = `
      import { missingDebianPackages } from './scripts/setup.mjs'
      console.log(JSON.stringify(missingDebianPackages(['dpkg', 'no-such-package'])))`
    const { stdout } = await clone.run(['node', '--input-type=module', '-e', code], {
      env: { PATH: process.env.PATH },
    })
    expect(JSON.parse(stdout)).toEqual(['no-such-package'])
  })
})

describe('set-up', () => {
  test('installs what is missing, with a line for each, then is silent', async () => {
    const first = await clone.run(setUp('native'))
    expect([first.status, first.stdout]).toEqual([0, ''])
    const [debian, npm, end] = first.stderr.split('\n')
    expect(debian).toMatch(
      /^setup: installed 5 Debian packages to build the native addon \(\d+ s\): g\+\+ make/,
    )
    expect(npm).toMatch(/^setup: installed the npm packages .* \(\d+ s\)$/)
    expect(end).toBe('')
    const [update, install, ci] = calls()
    expect(update).toMatch(/^apt-get .*update$/)
    expect(install).toMatch(/^apt-get .*install -y --no-install-recommends /)
    expect(install?.endsWith(native.join(' '))).toBe(true)
    expect(ci).toMatch(/^npm ci --ignore-scripts\b/)

    const second = await clone.run(setUp('native'))
    expect(second).toEqual({ status: 0, signal: null, stdout: '', stderr: '' })
    expect(calls()).toHaveLength(3)
  })

  test('installs only what is missing', async () => {
    clone.write('installed', `${[dpkg, ...native.slice(1).map((name) => row(name))].join('\n')}\n`)
    const { stderr } = await clone.run(setUp('native'))
    expect(stderr).toMatch(/^setup: installed 1 Debian package to build .*: g\+\+$/m)
    expect(calls()[1]?.endsWith('--no-install-recommends g++')).toBe(true)
  })

  test('installs npm packages anew when the lockfile changes', async () => {
    await clone.run(setUp())
    clone.write('package-lock.json', `${clone.read('package-lock.json')} `)
    await clone.run(setUp())
    expect(npmCalls()).toHaveLength(2)
  })

  test('names an unknown need', async () => {
    const { status, stderr } = await clone.run(setUp('nothing'))
    expect(status).toBe(1)
    expect(stderr).toMatch(/^setup: unknown need nothing; known: native, /)
  })

  test('a failure of apt shows its last lines and its log', async () => {
    clone.program('apt-get', 'echo "E: Unable to locate package g++"; exit 100')
    const { status, stderr } = await clone.run(setUp('native'))
    expect(status).toBe(1)
    expect(stderr).toMatch(/^setup: installing 5 Debian packages .* failed: .*status 100\n/)
    expect(stderr).toContain('E: Unable to locate package g++')
    expect(stderr).toContain(join(clone.root, 'out/log/setup-debian.log'))
    expect(npmCalls()).toEqual([])
  })

  test('so does a failure of npm, and the next set-up tries again', async () => {
    clone.program('npm', 'echo "npm error E404" >&2; exit 1')
    const first = await clone.run(setUp())
    expect(first.status).toBe(1)
    expect(first.stderr).toContain('npm error E404')
    expect(first.stderr).toContain(join(clone.root, 'out/log/setup-npm.log'))
    clone.program('npm', 'mkdir -p node_modules')
    const second = await clone.run(setUp())
    expect(second.status).toBe(0)
  })

  test("waits for another process that holds apt's lock", async () => {
    const marker = join(clone.root, 'locked')
    clone.program('dpkg-query', `[ -e '${marker}.done' ] && cat '${marker}.done' || echo '${dpkg}'`)
    clone.program(
      'apt-get',
      `if [ ! -e '${marker}' ]; then touch '${marker}'
echo 'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 1 (apt-get)' >&2; exit 100; fi
printf '%s\\n' '${[dpkg, ...native.map((name) => row(name))].join("' '")}' > '${marker}.done'`,
    )
    const { status, stderr } = await clone.run(setUp('native'))
    expect(status).toBe(0)
    expect(stderr).toContain('setup: waiting for another process that uses apt\n')
    expect(stderr).toContain('setup: installed 5 Debian packages')
  })

  test('finishes the work of an interrupted dpkg', async () => {
    const apt = readFileSync(join(clone.bin, 'apt-get'), 'utf8').replace('#!/bin/sh\n', '')
    const repaired = join(clone.root, 'repaired')
    clone.program(
      'apt-get',
      `if [ ! -e '${repaired}' ]; then
echo "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem." >&2
exit 100; fi
${apt}`,
    )
    clone.program('dpkg', `[ "$*" = '--configure -a' ] && touch '${repaired}'`)
    const { status, stderr } = await clone.run(setUp('native'))
    expect(status).toBe(0)
    expect(stderr).toMatch(/^setup: installed 5 Debian packages/m)
  })

  test('goes on after it was interrupted in the middle of npm ci', async () => {
    const begun = join(clone.root, 'begun')
    clone.program('npm', `mkdir -p node_modules/half; touch '${begun}'; exec sleep 1000`)
    const { child, ended } = clone.start(setUp())
    await until(() => existsSync(begun))
    child.kill('SIGTERM')
    expect((await ended).signal).toBe('SIGTERM')
    clone.program('npm', `echo npm >> '${join(clone.root, 'calls')}'`)
    const again = await clone.run(setUp())
    expect(again.status).toBe(0)
    expect(npmCalls()).toHaveLength(1)
  })

  test('two at once in a clone run npm ci once, and both wait for it', async () => {
    const file = (name: string) => join(clone.root, name)
    clone.program(
      'npm',
      `echo npm >> '${file('calls')}'; touch '${file('begun')}'
while [ ! -e '${file('go')}' ]; do sleep 0.05; done; mkdir -p node_modules`,
    )
    const first = clone.start(setUp())
    await until(() => existsSync(file('begun')))
    let waiting = ''
    const second = clone.start(setUp())
    second.child.stderr?.on('data', (data) => {
      waiting += data
    })
    await until(() => waiting !== '')
    expect(waiting).toBe('setup: waiting for another set-up of this clone\n')
    clone.write('go', '')
    const ends = await Promise.all([first.ended, second.ended])
    expect(ends.map(({ status }) => status)).toEqual([0, 0])
    expect(npmCalls()).toHaveLength(1)
  })

  test('a set-up that was killed leaves no lock behind', async () => {
    const begun = join(clone.root, 'begun')
    clone.program('npm', `touch '${begun}'; exec sleep 2`)
    const { child, ended } = clone.start(setUp())
    await until(() => existsSync(begun))
    child.kill('SIGKILL')
    await ended
    clone.program('npm', 'mkdir -p node_modules')
    expect((await clone.run(setUp())).status).toBe(0)
  })

  test('--verbose shows the output of apt and npm', async () => {
    const { status, stderr } = await clone.run(setUp('--verbose', 'native'))
    expect(status).toBe(0)
    expect(stderr).toContain('dlstatus:1:50.0:fetching')
  })

  test('npm keeps its cache in the clone if there is no home folder', async () => {
    const { status } = await clone.run(setUp(), { env: { HOME: '/dev/null/home' } })
    expect(status).toBe(0)
    expect(clone.read('npm-env')).toContain(
      `npm_config_cache=${join(clone.root, 'out/npm-cache')}\n`,
    )
  })

  test('on an old Node it names the one to install', async () => {
    const code = `
      Object.defineProperty(process.versions, 'node', { value: '20.16.0' })
      const { setUp } = await import('./scripts/setup.mjs')
      await setUp([]).catch(({ message }) => console.log(message))`
    const { stdout } = await clone.run(['node', '--input-type=module', '-e', code])
    expect(stdout).toBe('setup: Node 20.16.0 is too old: install Node 20.17 or newer\n')
  })
})

describe('an npm script', () => {
  beforeEach(() => {
    const code =
      'console.log(JSON.stringify([process.env.URING_SPAWN_VERBOSE, ...process.argv.slice(2)]))'
    clone.write('kernel/lib/cli.mjs', code)
    clone.write('scripts/test.mjs', code)
  })
  const run = (...args: string[]) => clone.run(['node', 'scripts/run.mjs', ...args])
  const aptWasCalled = () => calls().some((line) => line.startsWith('apt-get'))

  test.each<[string[], string[]]>([
    [
      ['lab', '--smp', '2', '--', 'ls', '-l'],
      ['', '--smp', '2', '--', 'ls', '-l'],
    ],
    [
      ['lab', '--verbose', '--', 'ls', '--verbose'],
      ['1', '--', 'ls', '--verbose'],
    ],
    [
      ['lab', '--smp', '2', '--verbose', '--', 'ls'],
      ['1', '--smp', '2', '--', 'ls'],
    ],
    [
      ['lab', 'ls', '--verbose'],
      ['', 'ls', '--verbose'],
    ],
    [['test'], ['']],
    [
      ['test:host', '--verbose'],
      ['1', 'host'],
    ],
  ])('%j is set up, then gets its arguments', async (args, expected) => {
    const { status, stdout } = await run(...args)
    expect(JSON.parse(stdout)).toEqual(expected)
    expect(status).toBe(0)
    expect(aptWasCalled()).toBe(true)
  })

  test('installs no Debian packages to print its help', async () => {
    expect(JSON.parse((await run('lab', '--help')).stdout)).toEqual(['', '--help'])
    expect(aptWasCalled()).toBe(false)
    expect(JSON.parse((await run('lab', '--', 'ls', '--help')).stdout)).toContain('ls')
    expect(aptWasCalled()).toBe(true)
  })

  test('does not run after a set-up that failed', async () => {
    clone.program('apt-get', 'exit 1')
    const { status, stdout } = await run('lab', '--', 'ls')
    expect([status, stdout]).toEqual([1, ''])
  })

  test('that does not exist is named, with those that do', async () => {
    const { status, stderr } = await run('tset')
    expect(status).toBe(2)
    expect(stderr).toMatch(/^run: no script tset: there are build, demo, /)
  })
})

describe.skipIf(!isRoot)('for a user who is not root', () => {
  const asUser = (...command: string[]) => [
    ...['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'],
    ...command,
  ]
  beforeEach(() => {
    execFileSync('chmod', ['755', clone.folder])
    execFileSync('chown', ['-R', '65534:65534', clone.root])
    // The parent folder is root's, as in a home or /srv.
    execFileSync('chmod', ['555', join(clone.root, '..')])
  })

  test('set-up goes through sudo, below a folder that cannot be written to', async () => {
    const { status, stderr } = await clone.run(asUser(...setUp('native')))
    expect(stderr).toContain('setup: installed 5 Debian packages')
    expect(status).toBe(0)
  })

  test('names what to install if sudo refuses', async () => {
    clone.program('sudo', 'echo no >&2; exit 1')
    const { status, stderr } = await clone.run(asUser(...setUp('native')))
    expect(status).toBe(1)
    expect(stderr).toMatch(/^setup: cannot install Debian packages: .* sudo refuses/)
    expect(stderr).toContain(`apt-get install --no-install-recommends ${native.join(' ')}`)
    expect(calls()).toEqual([])
  })
})
