// The links of the Markdown files: each relative one must lead to a file that
// is in the repository, and its anchor to a heading there. Part of
// `npm run lint`.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { root } from '../tools/paths.mjs'
import { clonedFiles } from '../tools/sh.mjs'

/** Markdown without code, in which a bracket is no link. */
const withoutCode = (text) =>
  text
    .replace(/^(```+|~~~+)[\s\S]*?^\1/gm, '')
    .replace(/(`+)[^`][\s\S]*?\1/g, (code) => code.replace(/[()[\]]/g, ' '))

/** The anchor that GitHub and TypeDoc give a heading. */
const slug = (heading) =>
  heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*]/g, '')
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')

/** @param {string} text Markdown @returns {Set<string>} its anchors */
export function anchorsOf(text) {
  const seen = new Map()
  const anchors = new Set()
  for (const [, heading] of text
    .replace(/^(```+|~~~+)[\s\S]*?^\1/gm, '')
    .matchAll(/^#{1,6}\s+(.*?)\s*#*$/gm)) {
    const name = slug(heading)
    const count = seen.get(name) ?? 0
    seen.set(name, count + 1)
    anchors.add(count === 0 ? name : `${name}-${count}`)
  }
  return anchors
}

/** @param {string} text Markdown @returns {string[]} where its links and images lead */
export const linksOf = (text) =>
  [...withoutCode(text).matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].map(
    ([, target]) => target,
  )

/**
 * @param {string} root a folder
 * @param {readonly string[]} files Markdown files in it
 * @returns {string[]} a message for each link that leads nowhere
 */
export function brokenLinks(root, files) {
  const read = (file) => readFileSync(join(root, file), 'utf8')
  return files.flatMap((file) =>
    linksOf(read(file)).flatMap((link) => {
      if (/^[a-z][a-z+.-]*:/i.test(link)) return []
      const [path, anchor] = link.split('#')
      const target = path === '' ? file : normalize(join(dirname(file), decodeURI(path)))
      if (target.startsWith('..')) return [`${file}: ${link} leads out of the repository`]
      const at = join(root, target)
      if (!existsSync(at)) return [`${file}: ${link}: there is no ${target}`]
      if (!anchor) return []
      const found =
        statSync(at).isFile() && target.endsWith('.md') && anchorsOf(read(target)).has(anchor)
      return found ? [] : [`${file}: ${link}: ${target} has no heading for #${anchor}`]
    }),
  )
}

/** @returns {Promise<string[]>} a message for each broken link in this clone */
export async function brokenLinksOfClone() {
  const files = await clonedFiles('*.md')
  return brokenLinks(
    root,
    files.filter((file) => existsSync(join(root, file))),
  )
}
