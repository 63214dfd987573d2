// Makes what the package has beside the library: the addon that was built here without
// its debugging symbols, the headers to compile it elsewhere, and the licences of what
// is in all of that. Run by `npm pack`.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { root } from '../tools/paths.mjs'
import { writeNotices } from './notices.mjs'

const dir = join(root, `prebuilds/linux-${process.arch}`)
const file = join(dir, 'uring_spawn.node')

mkdirSync(dir, { recursive: true })
copyFileSync(join(root, 'build/Release/uring_spawn.node'), file)
const { status, error } = spawnSync('strip', ['--strip-unneeded', file], { stdio: 'inherit' })
if (error) throw error
if (status !== 0) process.exit(status ?? 1)

const headers = join(root, 'headers')
rmSync(headers, { recursive: true, force: true })
mkdirSync(headers)
for (const folder of ['node-addon-api', 'node-api-headers/include']) {
  const from = join(root, 'node_modules', folder)
  for (const name of readdirSync(from).filter((name) => name.endsWith('.h'))) {
    copyFileSync(join(from, name), join(headers, name))
  }
}
writeNotices(join(root, 'THIRD-PARTY-NOTICES.md'))
