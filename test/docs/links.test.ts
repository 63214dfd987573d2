/** Lint's check of links must find each kind of broken link. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { anchorsOf, brokenLinks, brokenLinksOfClone, linksOf } from '../../scripts/links.mjs'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))
mkdirSync(join(dir, 'docs'))
writeFileSync(
  join(dir, 'docs/guide.md'),
  '# Guide\n\n## A `code` heading\n\n## Twice\n\n## Twice\n',
)

const check = (text: string) => {
  writeFileSync(join(dir, 'README.md'), text)
  return brokenLinks(dir, ['README.md'])
}

test.each([
  'docs/guide.md',
  'docs/guide.md#guide',
  'docs/guide.md#a-code-heading',
  'docs/guide.md#twice-1',
  'docs',
  '#here',
  'https://example.org/no/such/page',
])('%s leads somewhere', (link) => {
  expect(check(`# Here\n\n[text](${link})`)).toEqual([])
})

test.each([
  ['docs/gone.md', 'there is no docs/gone.md'],
  ['docs/guide.md#gone', 'docs/guide.md has no heading for #gone'],
  ['docs/guide.md#twice-2', 'docs/guide.md has no heading for #twice-2'],
  ['docs#guide', 'docs has no heading for #guide'],
  ['#gone', 'README.md has no heading for #gone'],
  ['../elsewhere.md', 'leads out of the repository'],
])('%s is broken', (link, why) => {
  for (const text of [`[text](${link})`, `![image](${link})`, `[text](${link} "title")`]) {
    expect(check(`# Here\n\nSome [other](docs/guide.md) and ${text}.`)).toEqual([
      expect.stringContaining(why),
    ])
  }
})

test('links and headings in code are ignored', () => {
  expect(linksOf('`[a](b)` and\n\n```js\nf[a](b)\n```\n[c](d)')).toEqual(['d'])
  expect(anchorsOf('# a\n\n```sh\n# b\n```\n')).toEqual(new Set(['a']))
})

test('no link of the repository is broken', async () => {
  expect(await brokenLinksOfClone()).toEqual([])
})
