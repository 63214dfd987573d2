// Run by npm after it has installed the package: makes sure that there is an
// addon that works here. The package contains one for the architecture it was
// packed on; elsewhere, and where that one does not load (another libc), this
// builds it from source, which takes g++, make, cmake, pkg-config and
// liburing's headers and archive.
//
//   node scripts/install.mjs [--build]     --build: whatever is there
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)
const built = join(root, 'build/Release/uring_spawn.node')
const prebuilt = join(root, `prebuilds/linux-${process.arch}/uring_spawn.node`)

function loads(file) {
  if (!existsSync(file)) return false
  try {
    require(file)
    return true
  } catch (error) {
    console.error(`uring-spawn: ${file} does not load here: ${error.message}`)
    return false
  }
}

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (status === 0) return
  const why = error ? `cannot run ${command}: ${error.message}` : `${command} failed`
  console.error(
    `uring-spawn: ${why}. Building the addon takes g++, make, cmake, pkg-config and liburing: ` +
      'on Debian, apt-get install g++ make cmake pkg-config liburing-dev; then install uring-spawn again',
  )
  process.exit(1)
}

function build() {
  // One of them says where it is from the current folder.
  const headers = ['node-api-headers', 'node-addon-api'].map((name) =>
    resolve(require(name).include_dir),
  )
  console.error(`uring-spawn: building the addon for linux on ${process.arch}`)
  run(
    'cmake',
    '-S',
    '.',
    '-B',
    'build',
    '-DCMAKE_BUILD_TYPE=Release',
    `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(root, 'build/Release')}`,
    `-DCMAKE_JS_INC=${headers.join(';')}`,
  )
  run('cmake', '--build', 'build', '--target', 'uring_spawn', '--parallel')
}

// Installing works on other platforms too; the first use says what is needed. A
// clone of the repository has scripts of its own.
const isClone = existsSync(join(root, 'ts'))
if (process.argv.includes('--build')) build()
else if (process.platform === 'linux' && !isClone && !loads(prebuilt) && !loads(built)) build()
