// How the selftests' output is summed up.
import { expect, test } from 'vitest'
import { Summary } from '../../kernel/lib/tap.mjs'

const ended = (name: string, tap: string[], status: number) =>
  ['', `# selftest: ${name}`, ...tap, '', `# selftest: ${name} ended with ${status}`, ''].join('\n')

function sum(names: string[], output: string) {
  const summary = new Summary(names)
  // Output comes in pieces that end anywhere.
  for (const byte of Buffer.from(output)) summary.write(Buffer.from([byte]))
  summary.end()
  return { text: String(summary), problems: summary.problems, ok: summary.ok }
}

const tap = (plan: number, ...tests: string[]) => ['TAP version 13', `1..${plan}`, ...tests]

test('tests are counted over all programs', () => {
  const output =
    ended('a/x', tap(2, '#  RUN  one', 'ok 1 one', 'ok 2 two # SKIP no such device'), 0) +
    ended('a/y', tap(2, 'ok 1 drei – vier', 'ok 2 two # XFAIL known', '# Totals: pass:2'), 0)
  expect(sum(['a/x', 'a/y'], output)).toEqual({
    text: '3 passed, 0 failed, 1 skipped',
    problems: [],
    ok: true,
  })
})

test('a test that failed fails the run', () => {
  const output = ended('a/x', tap(2, 'ok 1 one', 'not ok 2 two'), 1)
  expect(sum(['a/x'], output)).toEqual({
    text: '1 passed, 1 failed, 0 skipped',
    problems: [],
    ok: false,
  })
})

test.each([
  ['dies', tap(2, 'ok 1 one'), 139, '1 passed, 1 failed, 0 skipped', 'it died of signal 11'],
  [
    'hangs',
    tap(2, 'ok 1 one'),
    124,
    '1 passed, 1 failed, 0 skipped',
    'it took too long and was killed',
  ],
  ['stops early', tap(2, 'ok 1 one'), 0, '1 passed, 1 failed, 0 skipped', 'it ran 1 of 2 tests'],
  ['bails out', tap(2, 'Bail out! no ring'), 1, '0 passed, 1 failed, 0 skipped', 'it bailed out'],
  ['says nothing', [], 0, '0 passed, 1 failed, 0 skipped', 'it has no tests'],
  [
    'fails all the same',
    tap(1, 'ok 1 one'),
    3,
    '1 passed, 1 failed, 0 skipped',
    'it ended with status 3',
  ],
])('a program that %s fails the run', (_what, lines, status, text, problem) => {
  expect(sum(['a/x'], ended('a/x', lines, status))).toEqual({
    text,
    problems: [`a/x: ${problem}`],
    ok: false,
  })
})

test('a program that has nothing to test here is skipped', () => {
  const output = ended('a/x', ['TAP version 13', '1..0 # SKIP no such file'], 4)
  expect(sum(['a/x'], output).text).toBe('0 passed, 0 failed, 1 skipped')
})

test('programs that the machine did not run count as failed', () => {
  const output = `\n# selftest: a/x\n${tap(2, 'ok 1 one').join('\n')}\n`
  expect(sum(['a/x', 'a/y'], output)).toEqual({
    text: '1 passed, 2 failed, 0 skipped',
    problems: ['a/x: the machine ended before it did', 'a/y: did not run'],
    ok: false,
  })
})

test('no test at all is not a success', () => {
  expect(sum([], '')).toEqual({
    text: '0 passed, 0 failed, 0 skipped',
    problems: ['no test ran'],
    ok: false,
  })
})
