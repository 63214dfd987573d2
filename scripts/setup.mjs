// The one set-up step every npm script runs first: installs what the script
// needs, and only that. Uses nothing but Node itself, because on a fresh clone
// there is nothing else. Silent and instant when nothing is missing.
//
//   node scripts/setup.mjs [NEED…]     NEED: a key of `needs` below
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Debian packages by purpose; `why` is what the user is told. */
const needs = {
  native: {
    why: 'to build the native addon',
    packages: ['g++', 'make', 'cmake', 'pkg-config', 'liburing-dev'],
  },
  lab: {
    why: 'to build the kernel and boot it',
    packages: [
      'linux-source-6.12',
      'qemu-system-x86',
      'gcc',
      'libc6-dev',
      'make',
      'flex',
      'bison',
      'bc',
      'libelf-dev',
      'libssl-dev',
      'cpio',
      'lz4',
      'xz-utils',
      'git',
      'perl',
      'python3',
      'python3-git',
      'python3-ply',
    ],
  },
  demo: {
    why: 'to have the tools that the demo and a benchmark call',
    packages: [
      'ripgrep',
      'grep',
      'sed',
      'gawk',
      'coreutils',
      'findutils',
      'git',
      'python3',
      'bash',
    ],
  },
  arm64: {
    why: 'to build for arm64, and run what was built',
    packages: [
      'gcc-aarch64-linux-gnu',
      'g++-aarch64-linux-gnu',
      'qemu-system-arm',
      'cmake',
      'make',
      'pkg-config',
      'cpio',
    ],
  },
  browser: { why: 'to look at the report of the benchmarks', packages: ['chromium'] },
  lint: { why: 'to check the format of C', packages: ['clang-format'] },
}

const fail = (message) => {
  console.error(`setup: ${message}`)
  process.exit(1)
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 17)) {
    fail(`Node ${process.versions.node} is too old: install Node 20.17 or newer`)
  }
}

function missingDebianPackages(packages) {
  const { stdout, error } = spawnSync(
    'dpkg-query',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own syntax
    ['-W', '-f', '${db:Status-Status} ${Package}\n', ...packages],
    { encoding: 'utf8' },
  )
  if (error) {
    fail(
      `needs the Debian packages ${packages.join(' ')}, but this is not Debian: ${error.message}`,
    )
  }
  const installed = new Set(
    stdout
      .split('\n')
      .filter((line) => line.startsWith('installed '))
      .map((line) => line.slice('installed '.length)),
  )
  return packages.filter((name) => !installed.has(name))
}

function apt(...args) {
  const isRoot = process.getuid() === 0
  const argv = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', ...args]
  const [command, ...rest] = isRoot ? argv : ['sudo', ...argv]
  const { status, error } = spawnSync(command, rest, { stdio: ['inherit', 2, 2] })
  if (error) {
    fail(`cannot run ${command}: ${error.message}; install by hand: apt-get ${args.join(' ')}`)
  }
  if (status !== 0) {
    fail(`apt-get ${args.join(' ')} failed with status ${status}; its output is above`)
  }
}

function setUpDebian(names) {
  const packages = [...new Set(names.flatMap((name) => needs[name].packages))]
  if (packages.length === 0) return
  const missing = missingDebianPackages(packages)
  if (missing.length === 0) return
  const reasons = names.map((name) => needs[name].why).join(' and ')
  console.error(`setup: installing ${missing.join(' ')} from Debian, ${reasons}`)
  apt('update')
  apt('install', '-y', '--no-install-recommends', ...missing)
}

// npm writes node_modules/.package-lock.json last, so a stamp beside it that
// holds the lockfile's hash says both that an install finished and for what.
function setUpNpm() {
  const lock = readFileSync(`${root}package-lock.json`)
  const hash = createHash('sha256').update(lock).digest('hex')
  const stamp = `${root}node_modules/.setup-stamp`
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return
  console.error('setup: installing npm packages as package-lock.json pins them')
  const { status, error } = spawnSync('npm', ['ci', '--ignore-scripts'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (error) fail(`cannot run npm: ${error.message}`)
  if (status !== 0) fail(`npm ci failed with status ${status}; its output is above`)
  writeFileSync(stamp, hash)
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in needs))
if (unknown.length > 0) {
  fail(`unknown need ${unknown.join(', ')}; known: ${Object.keys(needs).join(', ')}`)
}
checkNode()
setUpDebian(wanted)
setUpNpm()
