// Copies the addon that was built here to where the package has it, without its
// debugging symbols. Run by `npm pack`.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { root } from '../tools/paths.mjs'

const dir = `${root}prebuilds/linux-${process.arch}`
const file = `${dir}/uring_spawn.node`

mkdirSync(dir, { recursive: true })
copyFileSync(`${root}build/Release/uring_spawn.node`, file)
const { status, error } = spawnSync('strip', ['--strip-unneeded', file], { stdio: 'inherit' })
if (error) throw error
process.exit(status ?? 1)
