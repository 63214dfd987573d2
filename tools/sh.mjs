// Commands as the shell has them, whose output the caller reads; tools/command.mjs
// is for those that take long. zx quotes what is inserted, and throws where the
// status is not 0.
import process from 'node:process'
import { $ } from 'zx'
import { root } from './paths.mjs'

// A bash that no other shell has started and whose input is a socket, as Node's
// pipes are, takes itself for one of rshd(8) and reads the user's ~/.bashrc.
if (!(Number(process.env.SHLVL) >= 1)) process.env.SHLVL = '1'

/** zx in the project's folder, silent. `sh({ cwd })` runs elsewhere, `sh({ nothrow: true })` throws nothing. */
export const sh = $({ cwd: root, quiet: true, verbose: false })

/**
 * The files of this clone that match, with what git does not know yet and does not
 * ignore.
 * @param {...string} patterns  '*.md'
 * @returns {Promise<string[]>}
 */
export async function clonedFiles(...patterns) {
  // The clone may be another user's.
  const { stdout } =
    await sh`git -c safe.directory=* ls-files -co --exclude-standard -- ${patterns}`
  return stdout.split('\n').filter((file) => file !== '')
}
