/** npm packages that a test needs and that are too large for every clone. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { npmEnvironment } from '../tools/cache.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Installs what `package.json` and `package-lock.json` in the folder `from` pin, unless
 * that has been done. Runs no scripts of the packages.
 * @returns the folder in `out/` that has `node_modules`
 */
export function installed(from: string): string {
  const lock = readFileSync(join(from, 'package-lock.json'))
  const hash = createHash('sha256').update(lock).digest('hex').slice(0, 12)
  const to = join(root, 'out/packages', hash)
  if (existsSync(to)) return to
  // Under another name until it is complete.
  const begun = `${to}-${process.pid}`
  mkdirSync(begun, { recursive: true })
  cpSync(from, begun, { recursive: true })
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: begun,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: npmEnvironment(),
  })
  try {
    renameSync(begun, to)
  } catch (error) {
    // Another run has been faster.
    if (!existsSync(to)) throw error
    rmSync(begun, { recursive: true })
  }
  return to
}
