// Building for arm64 on another machine: Debian's cross compiler, and Debian's packages
// of that architecture, unpacked in a folder instead of installed.
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../tools/paths.mjs'

/** The name that Debian's cross compiler has for its target. */
export const target = 'aarch64-linux-gnu'

/**
 * An apt with lists of its own, which also knows packages for arm64.
 * @param {string} out  a folder that exists: where lists, packages and `sysroot` go
 * @param {(command: string[], options?: object) => Promise<{ stdout: string }>} run
 */
export async function foreignApt(out, run) {
  mkdirSync(join(out, 'apt/lists/partial'), { recursive: true })
  mkdirSync(join(out, 'apt/cache'), { recursive: true })
  const architectures = ['amd64', 'arm64'].flatMap((name) => ['-o', `APT::Architectures::=${name}`])
  const apt = [
    ...architectures,
    ...['-q', '-o', `Dir::State::Lists=${out}/apt/lists`, '-o', `Dir::Cache=${out}/apt/cache`],
  ]
  await run(['apt-get', ...apt, 'update'], { seconds: 60 })
  return {
    /** What apt-cache says of a package's dependencies. */
    async depends(name) {
      return (await run(['apt-cache', ...apt, 'depends', name])).stdout
    },
    /** Unpacks packages, named as `liburing-dev:arm64`, into `out`/sysroot. */
    async unpack(packages) {
      await run(['apt-get', ...apt, 'download', ...packages], { seconds: 60 })
      for (const file of readdirSync(out).filter((name) => name.endsWith('.deb'))) {
        await run(['dpkg-deb', '-x', file, 'sysroot'])
      }
    },
  }
}

/** How CMake builds the project for arm64, with liburing from `sysroot`. */
export function arm64Build(sysroot) {
  const lib = `${sysroot}/usr/lib/${target}`
  const include = ['usr/include', `usr/include/${target}`]
    .map((folder) => `-isystem "${sysroot}/${folder}"`)
    .join(' ')
  // libgcc's functions for atomics ask glibc by a private name what the processor has.
  const flags = `${include} -Werror -mno-outline-atomics`
  const settings = Object.entries({
    CMAKE_SYSTEM_NAME: 'Linux',
    CMAKE_SYSTEM_PROCESSOR: 'aarch64',
    CMAKE_C_COMPILER: `${target}-gcc`,
    CMAKE_CXX_COMPILER: `${target}-g++`,
    CMAKE_C_FLAGS: flags,
    CMAKE_CXX_FLAGS: flags,
    CMAKE_JS_INC: join(root, 'node_modules/node-api-headers/include'),
    URING_ARCHIVE: `${lib}/liburing.a`,
  }).map(([name, value]) => `-D${name}=${value}`)
  const env = {
    ...process.env,
    PKG_CONFIG_LIBDIR: `${lib}/pkgconfig`,
    PKG_CONFIG_SYSROOT_DIR: sysroot,
  }
  return { settings, env }
}
