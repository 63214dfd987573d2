// SPDX-License-Identifier: GPL-2.0
// Working on the series: commits in a git work tree, patches in the project, and
// the checks a maintainer would run first.
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { sh } from '../../tools/sh.mjs'
import { configure, flavours, fragmentPaths, make } from './build.mjs'
import { mailOrder } from './mail.mjs'
import { cached, LabError, patches, withCacheLock } from './paths.mjs'
import { buildSuites, SELFTESTS } from './selftests.mjs'
import { applySeries, checkOut, repository, seriesNames } from './source.mjs'

// checkpatch.pl calls spdxcheck.py, whose modules are Debian's.
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

const treePath = () => cached('tree')

/** Prints the work tree's path, and makes it first if necessary: branch `series`, a commit per patch. */
export async function tree() {
  const repo = await repository()
  const path = treePath()
  const commits = await withCacheLock(() => applySeries(repo))
  const last = commits.at(-1)?.commit ?? 'base'
  if (existsSync(path)) {
    const same = await sh({ cwd: path, nothrow: true })`git diff --quiet ${last} series`
    if (same.exitCode !== 0) {
      console.error(
        `lab: the work tree's commits differ from kernel/patches: write them back with \`lab export\`, or drop them with \`git -C ${path} checkout -B series ${last}\``,
      )
    }
  } else {
    await sh({ cwd: repo })`git worktree prune`
    await sh({ cwd: repo })`git worktree add -q -B series ${path} ${last}`
  }
  console.log(path)
}

/** Names of files that people write, as opposed to what a build leaves in the tree. */
const SOURCE =
  /\.(c|h|S|lds|rst|txt|sh|py|pl|yaml)$|(^|\/)(Makefile|Kconfig|config|settings|\.gitignore)[^/]*$/

/**
 * Debian's .gitignore hides whatever its packaging did not put there: a new
 * file is neither in `git status` nor added by `git add -A`.
 */
async function refuseForgotten(path) {
  const { stdout } = await sh({ cwd: path })`git ls-files --others`
  const forgotten = stdout.split('\n').filter((name) => SOURCE.test(name))
  if (forgotten.length === 0) return
  throw new LabError(
    `some files are in no commit. Add them with git add -f, because .gitignore hides them, or delete them:\n${forgotten.join('\n')}`,
  )
}

/** Writes the work tree's commits back as kernel/patches. */
export async function exportSeries() {
  const path = treePath()
  if (!existsSync(path)) throw new LabError('there is no work tree: `lab tree` makes one')
  const dirty = (await sh({ cwd: path })`git status --porcelain -uno`).stdout
  if (dirty !== '') throw new LabError(`commit the work tree's changes first:\n${dirty}`)
  await refuseForgotten(path)
  mkdirSync(patches, { recursive: true })
  for (const name of readdirSync(patches)) {
    if (name.endsWith('.patch')) rmSync(join(patches, name))
  }
  await sh({
    cwd: path,
  })`git format-patch -q --no-numbered --no-signature --zero-commit --abbrev=12 -o ${patches} base..series`
  const names = readdirSync(patches)
    .filter((name) => name.endsWith('.patch'))
    .sort()
  writeFileSync(join(patches, 'series'), `${names.join('\n')}\n`)
  console.log(`${names.length} patches in ${patches}`)
}

/**
 * @param {{ each?: boolean, mail?: boolean }} options each: also build the kernel after
 * each patch, and the selftests that it changes; mail: in the order of the postings
 */
export async function check({ each = false, mail = false }) {
  const repo = await repository()
  const commits = await withCacheLock(() => applySeries(repo))
  console.log(`${commits.length} patches apply to a clean tree`)
  const postings = await mailOrder(repo)
  console.log(`they add up to the same in ${postings.length} postings`)
  // Building patch by patch takes long: other labs may build meanwhile.
  const path = cached('check')
  await withCacheLock(async () => {
    await checkOut(repo, path, commits.at(-1)?.commit ?? 'base')
    await checkMaintainers(path)
    await checkStyle(path)
    if (each) {
      await buildEach(repo, path, mail ? postings.flatMap((posting) => posting.commits) : commits)
    }
  }, cached('checking'))
}

/**
 * checkpatch.pl asks for each new file whether MAINTAINERS names it, even if that names
 * the folder. So it is not asked, and the entries that the series adds or changes are looked
 * at instead.
 */
async function checkMaintainers(path) {
  const { stdout: added } = await sh({ cwd: path })`git diff --name-only --diff-filter=A base HEAD`
  const { stdout: before } = await sh({ cwd: path })`git show base:MAINTAINERS`
  const known = new Set(before.split('\n\n'))
  const entries = readFileSync(join(path, 'MAINTAINERS'), 'utf8').split('\n\n')
  const changed = entries.filter((entry) => !known.has(entry)).join('\n')
  const patterns = [...changed.matchAll(/^([FN]):\s*(.*)$/gm)].map(([, kind, name]) =>
    kind === 'F' ? namesFile(name) : new RegExp(name),
  )
  const files = added.split('\n').filter((name) => name !== '')
  const forgotten = files.filter((name) => !patterns.some((pattern) => pattern.test(name)))
  if (forgotten.length > 0)
    throw new LabError(`MAINTAINERS names nobody for ${forgotten.join(', ')}`)
}

/** An `F:` of MAINTAINERS as a regular expression: a folder with all in it, or a glob. */
function namesFile(pattern) {
  const source = pattern
    .replace(/[.+(){}|^$\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]')
  return new RegExp(`^${source}${pattern.endsWith('/') ? '' : '$'}`)
}

async function checkStyle(path) {
  const failed = []
  for (const name of seriesNames()) {
    const result = await sh({
      cwd: path,
      nothrow: true,
      env: { ...process.env, PATH: SYSTEM_PATH },
    })`perl scripts/checkpatch.pl --strict --ignore FILE_PATH_CHANGES --no-summary --show-types --color=never ${join(patches, name)}`
    if (result.exitCode !== 0 || /^(ERROR|WARNING|CHECK):/m.test(result.stdout)) {
      failed.push(name)
      console.error(`${name}:\n${result.stdout}${result.stderr}`)
    }
  }
  if (failed.length > 0) throw new LabError(`checkpatch.pl has remarks on ${failed.join(', ')}`)
  console.log('checkpatch.pl --strict has no remarks')
}

/** What makes the configuration of the kernels that are only built. */
const BUILT_EACH = [...flavours.patched.fragments, 'check']

/**
 * Builds what each commit leaves. Sources that were built before, in an earlier check or
 * in the other order, are not built again: a check that was interrupted goes on where it was,
 * and after a change to one patch it begins there.
 */
async function buildEach(repo, path, commits) {
  const output = cached('build-check')
  const fragments = fragmentPaths(BUILT_EACH)
  const list = cached('built-sources')
  const built = new Set(existsSync(list) ? readFileSync(list, 'utf8').split('\n') : [])
  const tools = await toolsKey(fragments)
  let made = 0
  for (const { name, commit } of commits) {
    const { stdout } = await sh({ cwd: repo })`git rev-parse ${commit}^{tree}`
    const source = `${tools} ${stdout.trim()}`
    if (built.has(source)) continue
    await checkOut(repo, path, commit)
    await configure(path, output, fragments, { partial: name !== commits.at(-1).name })
    await make(path, output, `the kernel with ${name}`)
    await buildItsSelftests({ repo, commit, tree: path, output }, name)
    appendFileSync(list, `${source}\n`)
    made++
  }
  console.log(
    `every patch builds, and so do the selftests that it changes (${commits.length - made} of ${commits.length} built before)`,
  )
}

/** Stands for the compiler and the configuration that `fragments` make. */
async function toolsKey(fragments) {
  const hash = createHash('sha256')
  hash.update((await sh`gcc --version`).stdout)
  for (const file of fragments) hash.update(readFileSync(file))
  return hash.digest('hex').slice(0, 16)
}

/** Builds the selftests as a patch leaves them, if it touches any. */
async function buildItsSelftests(build, name) {
  const { stdout } = await sh({
    cwd: build.repo,
  })`git diff --name-only ${build.commit}~ ${build.commit} -- ${SELFTESTS}`
  if (stdout === '') return
  const dir = mkdtempSync(cached('selftests-'))
  try {
    await buildSuites({ ...build, dir })
  } catch (error) {
    throw new LabError(`with ${name} applied: ${error.message}`)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}
