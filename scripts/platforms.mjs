// `npm run platforms`: the packages as they are published. One for each platform has
// nothing but the addon; npm installs the one that fits, because uring-spawn names all of
// them as optional dependencies. Everything is in out/platforms.
//
// Build them on Debian 12: the sources and compilers of that release make them, whatever
// machine packs them. An addon for glibc takes its oldest symbols (old_glibc.h), and one
// for musl is made of the same sources against glibc's headers, whose structures and
// numbers are the kernel's where the addon uses them, and linked with musl's library.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { orFail, QuietError, quietly } from '../tools/command.mjs'
import { logFile, root } from '../tools/paths.mjs'
import { duration, say } from '../tools/progress.mjs'
import { readCMake } from './build.mjs'
import { arm64Build, foreignApt, target } from './cross.mjs'
import { definedIn, portabilityProblems } from './portable.mjs'

const out = join(root, 'out/platforms')
const sysroot = join(out, 'sysroot')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const log = logFile('platforms')
let begun = false

function run(title, command, options = {}) {
  const append = begun
  begun = true
  return quietly(command, { title: `platforms: ${title}`, log, cwd: out, append, ...options })
}

const here = {
  settings: [`-DCMAKE_JS_INC=${join(root, 'node_modules/node-api-headers/include')}`],
  env: process.env,
}
const arm64 = arm64Build(sysroot)
const musl = (triple) => join(sysroot, `lib/${triple}/libc.so`)

/** What is built, by name of the package. */
const platforms = [
  { cpu: 'x64', libc: 'glibc', strip: 'strip', ...here },
  { cpu: 'x64', libc: 'musl', strip: 'strip', ...here, library: musl('x86_64-linux-musl') },
  { cpu: 'arm64', libc: 'glibc', strip: `${target}-strip`, ...arm64 },
  {
    cpu: 'arm64',
    libc: 'musl',
    strip: `${target}-strip`,
    ...arm64,
    library: musl('aarch64-linux-musl'),
  },
].map((one) => ({ ...one, name: `linux-${one.cpu}-${one.libc}` }))

async function buildAddon({ name, library, settings, env, strip }) {
  const build = join(out, `build-${name}`)
  const libc = library ? [`-DMUSL_LIBC=${library}`] : []
  const release = '-DCMAKE_BUILD_TYPE=RelWithDebInfo'
  const configure = ['cmake', '-S', root, '-B', build, release, ...settings, ...libc]
  await run(`configuring ${name}`, configure, { env })
  const compile = ['cmake', '--build', build, '--target', 'uring_spawn']
  const parallel = ['--parallel', String(availableParallelism())]
  await run(`compiling ${name}`, [...compile, ...parallel], { seconds: 40, read: readCMake })
  const file = join(build, 'uring_spawn.node')
  await run(`stripping ${name}`, [strip, '--strip-unneeded', file])
  const problems = portabilityProblems(file, library && definedIn(library))
  if (problems.length > 0) throw new QuietError(`platforms: ${name}:\n  ${problems.join('\n  ')}`)
  return file
}

/** Packs a folder of `out`; the tarball lies beside it. */
const pack = (folder) =>
  run(`packing ${folder}`, ['npm', 'pack', '--ignore-scripts', `./${folder}`])

async function packPlatform(platform, addon) {
  const { name, cpu, libc } = platform
  const folder = join(out, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  copyFileSync(addon, join(folder, 'uring_spawn.node'))
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
  copyFileSync(join(root, 'THIRD-PARTY-NOTICES.md'), join(folder, 'THIRD-PARTY-NOTICES.md'))
  const { version, license } = manifest
  const description = `The addon of uring-spawn for Linux on ${cpu} with ${libc}`
  const own = { name: `@uring-spawn/${name}`, version, description, license }
  // yarn leaves it in an archive otherwise, from where it cannot be loaded.
  const rest = { os: ['linux'], cpu: [cpu], libc: [libc], preferUnplugged: true }
  const files = ['uring_spawn.node', 'THIRD-PARTY-NOTICES.md']
  writeFileSync(
    join(folder, 'package.json'),
    `${JSON.stringify({ ...own, ...rest, files, main: 'uring_spawn.node' }, null, 2)}\n`,
  )
  writeFileSync(join(folder, 'README.md'), `${description}. Install uring-spawn instead.\n`)
  await pack(name)
}

/** uring-spawn itself, as `npm pack` makes it, but with the platforms' packages for an addon. */
async function packLibrary() {
  await run('packing uring-spawn', [
    ...['npm', 'pack', '--ignore-scripts', '--pack-destination', out, root],
  ])
  const folder = join(out, 'package')
  rmSync(folder, { recursive: true, force: true })
  await run('unpacking uring-spawn', ['tar', '-xzf', `uring-spawn-${manifest.version}.tgz`])
  rmSync(join(folder, 'prebuilds'), { recursive: true })
  const packed = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  packed.files = packed.files.filter((name) => name !== 'prebuilds')
  packed.optionalDependencies = Object.fromEntries(
    platforms.map(({ name }) => [`@uring-spawn/${name}`, manifest.version]),
  )
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(packed, null, 2)}\n`)
  await pack('package')
}

await orFail(async () => {
  const start = Date.now()
  if (process.arch !== 'x64') throw new QuietError('platforms: build them on x64')
  mkdirSync(out, { recursive: true })
  const fetching = (command, options) => run('fetching liburing and musl', command, options)
  const apt = await foreignApt(out, fetching)
  await apt.unpack(['liburing-dev:arm64', 'musl:amd64', 'musl:arm64'])
  await run('licences', [process.execPath, join(root, 'scripts/prebuild.mjs')])
  for (const platform of platforms) await packPlatform(platform, await buildAddon(platform))
  await packLibrary()
  say(`platforms: packed five packages in ${out} (${duration((Date.now() - start) / 1000)})`)
})
