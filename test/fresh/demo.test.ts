/** What `npm run test:fresh` notices about what the demo leaves. */
import { expect, test } from 'vitest'
import { demoProblem } from '../../scripts/fresh/demo.mjs'

const half = (kernel: string, ...sides: string[]) => ({
  ...{ kernel, rounds: 3, failed: 0, different: 0 },
  sides: sides.map((side) => ({ side })),
})
const here = half('6.1.0', 'vfork', 'node:child_process')
const lab = half('6.12.1-uring-spawn', 'uring', 'vfork', 'node:child_process')
const page = 'before <figure id="lab-rate"> after'

const problem = (json: unknown, html = page, ...more: string[]) =>
  demoProblem(['demo.json', 'demo.html', ...more], (file) =>
    file === 'demo.json' ? JSON.stringify(json) : html,
  )

test('a whole demo is as it should be', () => {
  expect(problem({ here, lab })).toBeUndefined()
})

test.each([
  ['no half in the lab', { here }, /nothing on the patched kernel/],
  ['the same kernel twice', { here, lab: { ...lab, kernel: '6.1.0' } }, /twice on 6\.1\.0/],
  [
    'no chains',
    { here, lab: half('6.12.1', 'vfork', 'node:child_process') },
    /measured vfork, node:child_process and not uring, vfork,/,
  ],
  ['failures', { here, lab: { ...lab, failed: 2 } }, /on 6\.12\.1-uring-spawn: .* 2 failures/],
  ['answers', { here: { ...here, different: 1 }, lab }, /on 6\.1\.0: .* 1 differing answers/],
  ['no rounds', { here, lab: { ...lab, rounds: 0 } }, /: 0 rounds/],
])('%s', (_what, json, message) => {
  expect(problem(json)).toMatch(message)
})

test('a page without the plots of the lab', () => {
  expect(problem({ here, lab }, 'nothing')).toMatch(/its page has no <figure/)
})

test('files that are missing or left behind', () => {
  expect(demoProblem(['demo.json'], () => '')).toBe('it wrote no demo.html')
  expect(demoProblem([], () => '')).toBe('it wrote no demo.json')
  expect(problem({ here, lab }, page, 'lab-a1B2')).toBe('it left lab-a1B2 behind')
})
