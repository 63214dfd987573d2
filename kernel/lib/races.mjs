// SPDX-License-Identifier: GPL-2.0
// Whose data races count. KCSAN watches the whole kernel, and the rest of it has races that
// are known and harmless: a report is one of the series only if one of its functions is in it.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { sh } from '../../tools/sh.mjs'

/** The kernel's own code: selftests and samples run elsewhere. */
const CODE = ['*.c', '*.h', ':!tools', ':!samples']

/**
 * The functions that a diff without context (`git diff -U0`) changes or adds: those in which
 * its hunks lie, as git names them, and those whose definition it adds.
 * @param {string} diff
 */
export function changedFunctions(diff) {
  const names = new Set()
  for (const line of diff.split('\n')) {
    const [, inside, added] = /^@@ [^@]*@@ (.*)|^\+(?=[a-z])(.*)/.exec(line) ?? []
    const [, name] = /(\w+)\(/.exec(inside ?? added ?? '') ?? []
    if (name !== undefined) names.add(name)
  }
  return names
}

/**
 * The functions of the series up to `commit`: those that it changes, and all of the files that
 * it adds, as the compiler has left them in `output`.
 * @returns {Promise<string[]>} sorted
 */
export async function functionsOfSeries({ repo, commit, output }) {
  const git = sh({ cwd: repo })
  const range = ['base', commit, '--', ...CODE]
  const names = changedFunctions((await git`git diff -U0 ${range}`).stdout)
  const added = (await git`git diff --name-only --diff-filter=A ${range}`).stdout
  const objects = added
    .split('\n')
    .map((path) => join(output, path.replace(/\.c$/, '.o')))
    .filter((path) => path.endsWith('.o') && existsSync(path))
  const { stdout } = await sh`nm --defined-only ${objects}`
  for (const [, name] of stdout.matchAll(/^\S+ [tT] ([\w.]+)$/gm)) names.add(withoutSuffix(name))
  return [...names].sort()
}

/** Races of the base in functions that the series changes, as KCSAN names them. */
const KNOWN = new Set([
  // A fork clears PF_NPROC_EXCEEDED in its own flags, of which a tracer reads another bit.
  'copy_process / ptrace_attach',
])

/** The name in the source of what the compiler made a variant of: 'f.constprop.0'. */
const withoutSuffix = (name) => name.replace(/\..*$/, '')

/**
 * Whether a line of the log reports a data race of the base alone.
 * @param {string} line 'BUG: KCSAN: data-race in io_spawn_put / io_spawn_start'
 * @param {Set<string>} functions those of the series
 */
export function isRaceOfOthers(line, functions) {
  const [, what] = /BUG: KCSAN: [\w-]+ in (.*)/.exec(line) ?? []
  if (what === undefined) return false
  const names = what.split(' / ').map((name) => withoutSuffix(name.trim()))
  return KNOWN.has(names.join(' / ')) || !names.some((name) => functions.has(name))
}
