// Installs what uring-spawn is compared with, and builds the C programs.
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { arch } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { $ } from 'zx'
import { cacheFolder, npmEnvironment } from '../../tools/cache.mjs'
import { quietly } from '../../tools/command.mjs'
import { logFile } from '../../tools/paths.mjs'
import { duration } from '../../tools/progress.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const cache = cacheFolder()

/** Installs the peers into a folder of the cache, one for each set of versions. */
export async function installPeers() {
  const manifest = join(here, 'peers/package.json')
  const hash = createHash('sha256').update(readFileSync(manifest)).digest('hex').slice(0, 12)
  const folder = join(cache, `peers-${hash}`)
  const modules = join(folder, 'node_modules')
  const complete = join(folder, 'complete')
  if (!existsSync(complete)) {
    mkdirSync(folder, { recursive: true })
    copyFileSync(manifest, join(folder, 'package.json'))
    const title = 'bench: installing execa, Bun, Deno and two versions of Node'
    const { seconds } = await quietly(
      ['npm', 'install', '--no-audit', '--no-fund', '--no-package-lock'],
      {
        ...{ title, log: logFile('bench-peers'), cwd: folder, env: npmEnvironment(), seconds: 60 },
      },
    )
    writeFileSync(complete, '')
    console.error(
      `bench: installed execa, Bun, Deno and two versions of Node (${duration(seconds)})`,
    )
  }
  const find = (...names) => {
    const found = names.map((name) => join(modules, name)).find((name) => existsSync(name))
    if (found) return found
    throw new Error(`${folder} has none of ${names.join(', ')}: remove the folder and run again`)
  }
  return {
    execa: join(modules, 'execa/index.js'),
    bun: find('@oven/bun-linux-x64/bin/bun', '@oven/bun-linux-aarch64/bin/bun', 'bun/bin/bun.exe'),
    oldestNode: find(`oldest-node-${arch()}/bin/node`),
    newestNode: find(`newest-node-${arch()}/bin/node`),
    deno: find('@deno/linux-x64-glibc/deno', '@deno/linux-arm64-glibc/deno', 'deno/deno'),
  }
}

/** The loop over posix_spawn, and the static child. */
export async function buildPrograms() {
  const folder = join(cache, 'bench-node')
  mkdirSync(folder, { recursive: true })
  const loop = join(folder, 'loop')
  const exit = join(folder, 'exit')
  await $`cc -O2 -Wall -Wextra -o ${loop} ${join(here, 'loop.c')} -pthread`
  await $`cc -O2 -static -nostdlib -ffreestanding -o ${exit} ${join(here, 'exit.c')}`
  return { loop, exit }
}
