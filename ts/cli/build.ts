/** `uring-spawn build`: compiles the addon, where none was installed that works. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Returns the exit status. What is compiled, and what it lacks, goes to standard error. */
export function buildAddon(): number {
  const script = fileURLToPath(new URL('../../scripts/addon.mjs', import.meta.url))
  const { status } = spawnSync(process.execPath, [script], { stdio: 'inherit' })
  return status ?? 1
}
