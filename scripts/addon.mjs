// Compiles the addon from source into build/Release: `npx uring-spawn build`, where no
// addon was installed that works, and in the clone that npm makes for a git URL. Takes
// g++, make, cmake, pkg-config and liburing's headers and archive.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const packages = ['g++', 'make', 'cmake', 'pkg-config', 'liburing-dev']

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (status === 0) return
  const why = error ? `cannot run ${command}: ${error.message}` : `${command} failed`
  console.error(
    `uring-spawn: ${why}. Building the addon takes g++, make, cmake, pkg-config and liburing: ` +
      `on Debian, apt-get install ${packages.join(' ')}; on Alpine, apk add g++ make cmake ` +
      'pkgconf liburing-dev linux-headers',
  )
  process.exit(1)
}

/** Node-API's and its C++ wrapper's: the package has them, a clone gets them from npm. */
function headers() {
  const packed = join(root, 'headers')
  if (existsSync(packed)) return [packed]
  const { include_dir } = createRequire(import.meta.url)('node-api-headers')
  // That one says where it is from the current folder.
  return [resolve(include_dir), join(root, 'node_modules/node-addon-api')]
}

console.error(`uring-spawn: building the addon for ${process.platform} on ${process.arch}`)
run(
  ...['cmake', '-S', '.', '-B', 'build', '-DCMAKE_BUILD_TYPE=Release'],
  `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(root, 'build/Release')}`,
  `-DCMAKE_JS_INC=${headers().join(';')}`,
)
run('cmake', '--build', 'build', '--target', 'uring_spawn', '--parallel')
