// The series as mails: postings in an order of their own, with cover letters.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parsePosting, seriesWithout, sortIntoPostings } from '../../kernel/lib/mail.mjs'
import { lab, project, scratch } from './lab.ts'

const posting =
  'Subject: a\n  b\nTo: x@example.org,\n\ty@example.org\nPatches:\n\tone\n\ttwo\n\nWhy.\n'

describe('a posting', () => {
  test('has headers with folded lines, and a letter', () => {
    expect(parsePosting('1-first.txt', posting)).toEqual({
      name: '1-first',
      subject: 'a b',
      to: ['x@example.org', 'y@example.org'],
      patches: ['one', 'two'],
      letter: 'Why.',
    })
  })

  test.each([
    [posting.replace('\n\n', '\n'), /1\.txt has no cover letter/],
    [posting.replace('Subject: ', ''), /this is not a header: a b/],
    [posting.replace(/To:.*\n.*\n/, ''), /1\.txt needs a header `To:`/],
    [posting.replace('\n\tone\n\ttwo', ''), /needs a header `Patches:`/],
  ])('%j', (text, message) => {
    expect(() => parsePosting('1.txt', text)).toThrow(message)
  })

  test('gets the files of its patches, each once', () => {
    const sort = (patches: string[], names = ['0001-one.patch', '0002-two.patch']) =>
      sortIntoPostings([{ ...parsePosting('1.txt', posting), patches }], names)
    expect(sort(['two', 'one'])[0]?.names).toEqual(['0002-two.patch', '0001-one.patch'])
    expect(() => sort(['one'])).toThrow(/in no file of kernel\/postings: 0002-two\.patch/)
    expect(() => sort(['one', 'two', 'one'])).toThrow(/names one, which is .* in another posting/)
    expect(() => sort(['one', 'two', 'three'])).toThrow(/names three, which is no patch/)
  })
})

test('the series without some postings has all other patches, in its order', () => {
  const series = readFileSync(join(project, 'kernel/patches/series'), 'utf8').trim().split('\n')
  const left = ['0-mm', '7-pages']
  const patches = left.flatMap((name) => {
    const text = readFileSync(join(project, `kernel/postings/${name}.txt`), 'utf8')
    return parsePosting(`${name}.txt`, text).patches
  })
  const rest = seriesWithout(left)
  expect(rest).toEqual(
    series.filter((name) => !patches.includes(name.replace(/^\d+-(.*)\.patch$/, '$1'))),
  )
  expect(rest).toHaveLength(series.length - patches.length)
  expect(() => seriesWithout(['0-mm', '9-none'])).toThrow('there is no kernel/postings/9-none.txt')
})

/** Git knows nobody, whatever is configured: an empty name in the environment wins. */
const nobody = {
  ...{ GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
  GIT_COMMITTER_NAME: '',
}
const sender = { GIT_COMMITTER_NAME: 'A Tester', GIT_COMMITTER_EMAIL: 'tester@example.org' }

test('lab export --mail has to know who sends', async () => {
  const own = scratch()
  const { status, stderr } = await lab(['export', '--mail', own.path], { env: nobody })
  expect(stderr.toString()).toMatch(/^lab: git does not know who sends the mails: set user\.name/m)
  expect(status).toBe(1)
  expect(readdirSync(own.path)).toEqual([])
  own.remove()
})

test('lab export --mail writes every patch once, with its number and a cover letter', async () => {
  const own = scratch()
  const before = join(own.path, 'kept')
  writeFileSync(before, '')
  const { status } = await lab(['export', '--mail', own.path], {
    env: { ...nobody, ...sender },
  })
  expect(status).toBe(0)
  const folders = readdirSync(join(project, 'kernel/postings')).map((file) => file.slice(0, -4))
  const mailed: string[] = []
  for (const folder of folders) {
    const [cover, ...patches] = readdirSync(join(own.path, folder)).sort()
    const read = (name = '') => readFileSync(join(own.path, folder, name), 'utf8')
    expect(read(cover)).toMatch(/^Subject: \[RFC PATCH 0+\/\d+\] \w/m)
    expect(read(cover)).toMatch(/^From: A Tester <tester@example\.org>$/m)
    expect(read(cover)).toMatch(/^To: [\w-]+@/m)
    expect(read(cover)).not.toContain('***')
    for (const [index, name] of patches.entries()) {
      const number = `0*${index + 1}/${patches.length}`
      expect(read(name)).toMatch(new RegExp(`^Subject: \\[RFC PATCH ${number}\\] `, 'm'))
      mailed.push(name.replace(/^\d+-/, ''))
    }
  }
  const series = readFileSync(join(project, 'kernel/patches/series'), 'utf8').trim().split('\n')
  expect(mailed.sort()).toEqual(series.map((name) => name.replace(/^\d+-/, '')).sort())
  expect(existsSync(before)).toBe(true)
  own.remove()
})
