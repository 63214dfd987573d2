/** A Rust program that starts others: test/core/command.rs. */
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What to add to the title of a test that needs it: nothing where there is a compiler. */
export const withoutRust =
  spawnSync('rustc', ['--version']).status === 0 ? '' : ' (skipped: no rustc: apt install rustc)'

/** Compiles it in `dir`, and returns its path. */
export function compileRust(dir: string): string {
  const program = join(dir, 'command')
  const source = fileURLToPath(new URL('core/command.rs', import.meta.url))
  execFileSync('rustc', ['--edition', '2021', '-o', program, source], { stdio: 'pipe' })
  return program
}
