// SPDX-License-Identifier: GPL-2.0
// Debian's kernel source as a git repository, and the series on top of it as
// commits. Commits are made without a work tree: checking them out then touches
// only the files that differ, and incremental builds stay small.
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { duration, Progress, say, showing } from '../../tools/progress.mjs'
import { sh } from '../../tools/sh.mjs'
import { cache, cached, LabError, patches, withCacheLock } from './paths.mjs'

const PACKAGE = 'linux-source-6.12'
// A format for dpkg-query, not a template.
// biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own syntax
const FORMAT = '${Version}'
const TARBALL = `/usr/src/${PACKAGE}.tar.xz`

/** The version of the installed source: '6.12.117-1~deb12u1'. */
export async function sourceVersion() {
  const { stdout, exitCode } = await sh({
    nothrow: true,
  })`dpkg-query -W -f ${FORMAT} ${PACKAGE}`
  if (exitCode !== 0 || !existsSync(TARBALL)) {
    throw new LabError(`${TARBALL} is missing: \`npm run setup -- lab\` installs ${PACKAGE}`)
  }
  return stdout.trim()
}

/** The git repository of the source; its branch `base` is what Debian ships. */
export async function repository() {
  const version = await sourceVersion()
  const repo = cached(`source-${version.replaceAll('~', '-')}`)
  if (existsSync(repo)) return repo
  return withCacheLock(() => makeRepository(version, repo), cached('unpacking'))
}

async function makeRepository(version, repo) {
  if (existsSync(repo)) return repo
  // Left by labs that were killed.
  for (const name of readdirSync(cache).filter((entry) => entry.startsWith('unpack-'))) {
    rmSync(cached(name), { recursive: true, force: true })
  }
  const progress = new Progress(`lab: unpacking ${PACKAGE} ${version}`, { seconds: 90 })
  await showing(progress, () => unpack(version, repo))
  say(`lab: unpacked ${PACKAGE} ${version} (${duration(progress.seconds)})`)
  return repo
}

async function unpack(version, repo) {
  mkdirSync(cache, { recursive: true })
  const parts = mkdtempSync(join(cache, 'unpack-'))
  try {
    await sh`tar -xf ${TARBALL} -C ${parts} --strip-components=1`
    const git = sh({ cwd: parts })
    await git`git init -q -b base`
    // Nobody fetches these loose objects: writing them fast matters, their size does not.
    await git`git config core.compression 1`
    await git`git config gc.auto 0`
    await git`git config core.fsync none`
    // -f: the kernel's own .gitignore hides files that its tarball ships.
    await git`git add -A -f .`
    await git({
      env: { ...process.env, ...identity('Debian', 'kernel@debian.invalid', '@0 +0000') },
    })`git commit -q -m ${`${PACKAGE} ${version}`}`
    // No files are needed here any more: work trees are made elsewhere.
    await git`git checkout -q --orphan none`
    await git`git rm -rfq --ignore-unmatch .`
    renameSync(parts, repo)
  } catch (error) {
    rmSync(parts, { recursive: true, force: true })
    throw error
  }
}

function identity(name, email, date) {
  return {
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
    GIT_COMMITTER_DATE: date,
  }
}

/** The names of the patches, in the order they apply. */
export function seriesNames() {
  return readFileSync(join(patches, 'series'), 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
}

/**
 * Applies the series to the base strictly: a hunk whose context does not match
 * exactly is an error. In another order than its own the patches are merged: a
 * conflict is an error then.
 * @param {string[]} [order] the names of the patches
 * @returns {Promise<{ name: string, commit: string }[]>} a commit for each patch
 */
export async function applySeries(repo, order) {
  const scratch = mkdtempSync(join(cache, 'apply-'))
  const git = sh({
    cwd: repo,
    env: { ...process.env, GIT_INDEX_FILE: join(scratch, 'index') },
  })
  try {
    let parent = (await git`git rev-parse base`).stdout.trim()
    await git`git read-tree ${parent}`
    const commits = []
    for (const name of order ?? seriesNames()) {
      const mail = readFileSync(join(patches, name))
      const body = join(scratch, 'message')
      const diff = join(scratch, 'patch')
      const info = await git({ input: mail })`git mailinfo ${body} ${diff}`
      const field = (key) => new RegExp(`^${key}: (.*)$`, 'm').exec(info.stdout)?.[1] ?? ''
      const how = order ? '--3way' : '--whitespace=error'
      const applied = await git({ nothrow: true })`git apply --cached ${how} ${diff}`
      if (applied.exitCode !== 0) {
        throw new LabError(
          `${name} does not apply to ${PACKAGE} ${await sourceVersion()}:\n${applied.stderr.trim()}`,
        )
      }
      const tree = (await git`git write-tree`).stdout.trim()
      const message = `${field('Subject').replace(/^\[[^\]]*\] */, '')}\n\n${readFileSync(body, 'utf8')}`
      const who = identity(field('Author'), field('Email'), field('Date'))
      const made = await git({
        input: message,
        env: { ...process.env, ...who },
      })`git commit-tree ${tree} -p ${parent}`
      parent = made.stdout.trim()
      commits.push({ name, commit: parent })
    }
    return commits
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Makes the work tree at `path` show `commit`. Files that do not differ keep their times. */
export async function checkOut(repo, path, commit) {
  if (!existsSync(path)) {
    await sh({ cwd: repo })`git worktree prune`
    await sh({ cwd: repo })`git worktree add -q --detach ${path} ${commit}`
    return
  }
  await sh({ cwd: path })`git checkout -q -f --detach ${commit}`
}

/** A hash of the series, or of some of its patches: of every byte. */
export function seriesHash(names = seriesNames()) {
  const hash = createHash('sha256')
  for (const name of names) {
    hash.update(name).update('\0')
    hash.update(readFileSync(join(patches, name)))
  }
  return hash.digest('hex')
}
