// SPDX-License-Identifier: GPL-2.0
// The series as it would be mailed: postings that each stand alone on those before, with
// cover letters, in an order of their own. kernel/postings has a file for each.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sh } from '../../tools/sh.mjs'
import { postings as folder, LabError, withCacheLock } from './paths.mjs'
import { applySeries, repository, seriesNames, sourceVersion } from './source.mjs'

/** What a patch's file is called without its number, which changes with the series. */
const bare = (name) => name.replace(/^\d+-/, '').replace(/\.patch$/, '')

/**
 * Reads a posting: headers as in a mail, with folded lines, then the cover letter.
 * `Patches` names the patches without their numbers, in the order in which they apply.
 */
export function parsePosting(file, text) {
  const end = text.indexOf('\n\n')
  if (end < 0)
    throw new LabError(`${file} has no cover letter: leave a line empty after the headers`)
  const headers = new Map()
  for (const line of text
    .slice(0, end)
    .replace(/\n[ \t]+/g, ' ')
    .split('\n')) {
    const [, key, value] = /^([\w-]+):\s*(.*)$/.exec(line) ?? []
    if (!key) throw new LabError(`${file}: this is not a header: ${line}`)
    headers.set(key, value.trim())
  }
  const header = (key) => {
    const value = headers.get(key)
    if (!value) throw new LabError(`${file} needs a header \`${key}:\``)
    return value
  }
  return {
    name: file.replace(/\.txt$/, ''),
    subject: header('Subject'),
    to: header('To').split(/,\s*/),
    patches: header('Patches').split(/\s+/),
    letter: text.slice(end + 2).trimEnd(),
  }
}

/**
 * Gives each posting the files of its patches. Every patch of the series has to be in one
 * posting.
 * @param {string[]} names the files of the series
 */
export function sortIntoPostings(all, names) {
  const left = new Map(names.map((name) => [bare(name), name]))
  const sorted = all.map((posting) => ({
    ...posting,
    names: posting.patches.map((patch) => {
      const name = left.get(patch)
      if (!name) {
        throw new LabError(
          `kernel/postings/${posting.name}.txt names ${patch}, which is no patch of the series or is in another posting, too`,
        )
      }
      left.delete(patch)
      return name
    }),
  }))
  if (left.size > 0) {
    throw new LabError(`in no file of kernel/postings: ${[...left.values()].join(', ')}`)
  }
  return sorted
}

const readPostings = () =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.txt'))
    .sort()
    .map((file) => parsePosting(file, readFileSync(join(folder, file), 'utf8')))

/**
 * The files of the series' patches but those of some postings, in the series' order.
 * @param {string[]} left of the postings that are left out: their files without `.txt`
 * @returns {string[]}
 */
export function seriesWithout(left) {
  const names = seriesNames()
  const postings = sortIntoPostings(readPostings(), names)
  const missing = left.find((name) => postings.every((one) => one.name !== name))
  if (missing) throw new LabError(`there is no kernel/postings/${missing}.txt`)
  const out = postings.filter(({ name }) => left.includes(name)).flatMap((one) => one.names)
  return names.filter((file) => !out.includes(file))
}

/**
 * The series in the order of its postings, as commits. They have to add up to what the
 * series makes in its own order.
 */
export async function mailOrder(repo) {
  const sorted = sortIntoPostings(readPostings(), seriesNames())
  const names = sorted.flatMap((posting) => posting.names)
  const [series, mailed] = await withCacheLock(async () => [
    await applySeries(repo),
    await applySeries(repo, names),
  ])
  const last = [series, mailed].map((commits) => commits.at(-1)?.commit)
  const { exitCode, stdout } = await sh({
    cwd: repo,
    nothrow: true,
  })`git diff --exit-code --stat ${last[0]} ${last[1]}`
  if (exitCode !== 0) {
    throw new LabError(`the postings add up to something else than the series:\n${stdout}`)
  }
  let at = 0
  return sorted.map((posting) => {
    const base = at === 0 ? 'base' : mailed[at - 1].commit
    at += posting.names.length
    return { ...posting, base, commits: mailed.slice(at - posting.names.length, at) }
  })
}

/** Fills in what git format-patch leaves open in a cover letter. */
function fillIn(file, { subject, letter }, notes) {
  const text = readFileSync(file, 'utf8')
  const filled = text
    .replace('*** SUBJECT HERE ***', () => subject)
    .replace('*** BLURB HERE ***', () => `${letter}\n\n${notes.join('\n')}`)
  writeFileSync(file, filled)
}

/**
 * Writes a folder of mails for each posting, for git send-email.
 * @param {string} output is emptied first, except for what is no posting
 */
export async function exportMail(output) {
  const repo = await repository()
  const sender = await sh({ cwd: repo, nothrow: true })`git var GIT_COMMITTER_IDENT`
  if (sender.exitCode !== 0) {
    throw new LabError(
      'git does not know who sends the mails: set user.name and user.email with git config --global',
    )
  }
  const version = await sourceVersion()
  const postings = await mailOrder(repo)
  let before
  for (const posting of postings) {
    const { name, base, commits, to } = posting
    const out = join(output, name)
    rmSync(out, { recursive: true, force: true })
    mkdirSync(out, { recursive: true })
    const range = `${base}..${commits.at(-1).commit}`
    const receivers = to.map((address) => `--to=${address}`)
    await sh({
      cwd: repo,
    })`git format-patch -q -n --cover-letter --thread=shallow --subject-prefix=${'RFC PATCH'} --no-signature --zero-commit --abbrev=12 ${receivers} -o ${out} ${range}`
    const notes = [`Base: linux-source-6.12 of Debian, ${version}.`]
    if (before) notes.push(`It needs the patches of "${before}".`)
    fillIn(join(out, '0000-cover-letter.patch'), posting, notes)
    before = posting.subject
    console.log(`${commits.length} patches and a cover letter in ${out}`)
  }
}
