// Installs what a script needs: Debian packages by name, npm packages as
// package-lock.json pins them. Uses nothing but Node itself, because on a fresh
// clone there is nothing else. Silent and instant when nothing is missing.
//
//   node scripts/setup.mjs [--verbose] [NEED…]     NEED: a key of scripts/needs.mjs
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { npmEnvironment } from '../tools/cache.mjs'
import { attempt, failureOf, orFail, QuietError } from '../tools/command.mjs'
import { cloneLock, withLock } from '../tools/lock.mjs'
import { logFile, root } from '../tools/paths.mjs'
import { beVerbose, duration, Progress, say } from '../tools/progress.mjs'
import { needs } from './needs.mjs'

const fail = (message) => {
  throw new QuietError(`setup: ${message}`)
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 17)) {
    fail(`Node ${process.versions.node} is too old: install Node 20.17 or newer`)
  }
}

/**
 * Which of `packages` Debian has not installed. A package of another
 * architecture does not count, one that provides the name does.
 */
export function missingDebianPackages(packages) {
  const { stdout, error } = spawnSync(
    'dpkg-query',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own syntax
    ['-W', '-f', '${db:Status-Status}\t${Architecture}\t${Package}\t${Provides}\n'],
    { encoding: 'utf8', maxBuffer: 2 ** 28 },
  )
  if (error) {
    fail(
      `needs the Debian packages ${packages.join(' ')}, but this is not Debian: ${error.message}`,
    )
  }
  const rows = stdout.split('\n').map((line) => line.split('\t'))
  const native = rows.find(([, , name]) => name === 'dpkg')?.[1]
  const installed = new Set()
  for (const [status, architecture, name, provides] of rows) {
    if (status !== 'installed' || ![native, 'all'].includes(architecture)) continue
    installed.add(name)
    for (const provided of provides.split(',')) installed.add(provided.trim().split(/[ :]/)[0])
  }
  return packages.filter((name) => !installed.has(name))
}

/** How apt tells how far it is: first what it fetches, then what it installs. */
function readApt(line) {
  const [, kind, percent, note] = /^(dl|pm)status:[^:]*:([\d.]+):(.*)/.exec(line) ?? []
  if (!kind) return undefined
  const half = Number(percent) / 200
  return { share: kind === 'dl' ? half : 0.5 + half, note: note.slice(0, 40) }
}

/** Seconds to wait for another process that has apt's locks. */
const PATIENCE = 900

/** Whose output says that it may succeed if it is tried again, and after what. */
const REPAIRS = [
  [/dpkg was interrupted/, ['dpkg', '--configure', '-a']],
  [/--fix-broken install/, ['apt-get', '-y', '--fix-broken', 'install']],
]

function asRoot(command) {
  const argv = ['env', 'DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C', ...command]
  return process.getuid() === 0 ? argv : ['sudo', '-n', ...argv]
}

/** Asks for the password, if sudo needs one, while there is nothing else on the terminal. */
function unlockSudo(packages) {
  if (process.getuid() === 0) return
  const options = process.stdin.isTTY ? ['-v'] : ['-n', 'true']
  const { status, error } = spawnSync('sudo', options, { stdio: ['inherit', 'inherit', 'pipe'] })
  if (!error && status === 0) return
  const why = error ? 'there is no sudo' : 'sudo refuses'
  fail(
    `cannot install Debian packages: this is not root, and ${why}. Install them by hand:\n` +
      `  apt-get install --no-install-recommends ${packages.join(' ')}`,
  )
}

async function apt(title, log, progress, ...args) {
  const options = [
    '-q',
    '-o',
    'Acquire::Retries=5',
    '-o',
    'APT::Status-Fd=1',
    '-o',
    `DPkg::Lock::Timeout=${PATIENCE}`,
  ]
  const command = asRoot(['apt-get', ...options, ...args])
  const quiet = { ...{ title, log, progress }, append: true, read: readApt }
  const repaired = new Set()
  for (let waited = 0; ; ) {
    const end = await attempt(command, quiet)
    if (end.status === 0) return
    const said = end.lines.join('\n')
    const repair = REPAIRS.find(([pattern]) => pattern.test(said))
    // The lock of the package lists has no time limit of apt's.
    if (/Could not get lock|Unable to lock/.test(said) && waited < PATIENCE) {
      if (waited === 0) {
        say('setup: waiting for another process that uses apt')
      }
      await sleep(3000)
      waited += 3
    } else if (repair && !repaired.has(repair)) {
      repaired.add(repair)
      await attempt(asRoot(repair[1]), quiet)
    } else {
      progress.end()
      const hint = /Unable to locate package linux-source/.test(said)
        ? '\n  (Debian 12 has that package among its security updates: enable bookworm-security.)'
        : ''
      throw new QuietError(`${failureOf('apt-get', end, quiet)}${hint}`)
    }
  }
}

/** About how long apt takes: to read the lists, and for each package with what it depends on. */
const seconds = (count) => 10 + 3 * count

async function setUpDebian(names) {
  const packages = [...new Set(names.flatMap((name) => needs[name].packages))]
  if (packages.length === 0) return
  const missing = missingDebianPackages(packages)
  if (missing.length === 0) return
  unlockSudo(missing)
  const wanting = names.filter((name) => needs[name].packages.some((one) => missing.includes(one)))
  const what = `${missing.length} Debian package${missing.length > 1 ? 's' : ''}`
  const why = wanting.map((name) => needs[name].why).join(' and ')
  const title = `setup: installing ${what} ${why}`
  const log = logFile('setup-debian')
  mkdirSync(join(root, 'out/log'), { recursive: true })
  writeFileSync(log, '')
  const progress = new Progress(title, { seconds: seconds(missing.length) })
  try {
    await apt(title, log, progress, 'update')
    await apt(title, log, progress, 'install', '-y', '--no-install-recommends', ...missing)
  } finally {
    progress.end()
  }
  const still = missingDebianPackages(missing)
  if (still.length > 0) fail(`apt-get did not install ${still.join(' ')}; its log: ${log}`)
  say(`setup: installed ${what} ${why} (${duration(progress.seconds)}): ${missing.join(' ')}`)
}

const lockText = () => readFileSync(join(root, 'package-lock.json'), 'utf8')

// npm writes node_modules/.package-lock.json last, so a stamp beside it that
// holds the lockfile's hash says both that an install finished and for what.
const stampFile = join(root, 'node_modules/.setup-stamp')
const stampText = () => createHash('sha256').update(lockText()).digest('hex')
const npmIsDone = () => existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stampText()

/** How many packages npm fetches for this machine, about. */
function packageCount() {
  const fits = (wanted, mine) => wanted === undefined || wanted.includes(mine)
  return Object.values(JSON.parse(lockText()).packages).filter(
    ({ os, cpu }) => fits(os, process.platform) && fits(cpu, process.arch),
  ).length
}

/** How often npm is run where the network lets it down; it keeps what it has fetched. */
const NPM_TRIES = 3

/** Runs npm, again where a connection broke: on a busy machine one in some hundreds does. */
async function retryNetwork(command, options) {
  for (let attempts = 1; ; attempts++) {
    const end = await attempt(command, { ...options, append: attempts > 1 })
    if (end.status === 0) return end
    const isNetwork = end.lines.some((line) => line.startsWith('npm error network'))
    if (!isNetwork || attempts === NPM_TRIES) {
      throw new QuietError(failureOf(command[0], end, options))
    }
    say('setup: a connection of npm broke: trying again')
  }
}

async function setUpNpm() {
  if (npmIsDone()) return
  const waiting = () => say('setup: waiting for another set-up of this clone')
  await withLock(cloneLock('setup'), { waiting }, async () => {
    if (npmIsDone()) return
    const total = packageCount()
    let fetched = 0
    const title = 'setup: installing npm packages as package-lock.json pins them'
    const { seconds } = await retryNetwork(['npm', 'ci', '--ignore-scripts', '--loglevel=http'], {
      ...{ title, log: logFile('setup-npm'), env: npmEnvironment(), seconds: 40 },
      read(line) {
        if (!/^npm http (fetch|cache) /.test(line)) return undefined
        fetched++
        return { share: (0.95 * fetched) / total, note: `${Math.min(fetched, total)}/${total}` }
      },
    })
    writeFileSync(stampFile, stampText())
    say(`setup: installed the npm packages that package-lock.json pins (${duration(seconds)})`)
  })
}

/**
 * Installs what is missing.
 * @param {string[]} names  keys of `needs`
 * @throws {QuietError}
 */
export async function setUp(names) {
  const unknown = names.filter((name) => !(name in needs))
  if (unknown.length > 0) {
    fail(`unknown need ${unknown.join(', ')}; known: ${Object.keys(needs).join(', ')}`)
  }
  checkNode()
  await setUpDebian(names)
  await setUpNpm()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2)
  if (words.includes('--verbose')) beVerbose()
  await orFail(() => setUp(words.filter((word) => word !== '--verbose')))
}
