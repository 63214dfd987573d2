// How the selftests of mm are read and compared.
import { expect, test } from 'vitest'
import { page, readResults, worse } from '../../kernel/lib/mm-selftests.mjs'

const output = (lines: string[]) => `TAP version 13\n${lines.join('\n')}\n`

const stock = output([
  '# running ./cow',
  '# TAP version 13',
  '# 1..3',
  '# ok 1 copies',
  '# # ok is what it says, but no result',
  '# not ok 2 pins',
  '# ok 3 # SKIP no swap',
  '# [FAIL]',
  'not ok 1 cow # exit=1',
  'ok 2 mremap_test',
  'ok 3 gup_test -ct -F 0x1 0 19 0x1000',
  'ok 4 hmm smoke # SKIP',
  '1..4',
])

test('each test has an end, and the cases that passed in it', () => {
  expect(Object.fromEntries(readResults(stock))).toEqual({
    cow: { end: 'failed', passed: 1, cases: 3 },
    mremap_test: { end: 'passed', passed: 0, cases: 0 },
    'gup_test -ct -F 0x1 0 19 0x1000': { end: 'passed', passed: 0, cases: 0 },
    'hmm smoke': { end: 'skipped', passed: 0, cases: 0 },
  })
})

test('what fails on all is no worse', () => {
  expect(worse(readResults(stock), readResults(stock))).toEqual([])
})

test.each([
  ['not ok 2 mremap_test # exit=1', 'ok 2 mremap_test', 'mremap_test failed'],
  ['not ok 4 hmm smoke # exit=2', 'ok 4 hmm smoke # SKIP', 'hmm smoke failed'],
  ['# not ok 1 copies', '# ok 1 copies', 'cow: 0 cases passed instead of 1'],
  ['# killed', 'ok 2 mremap_test', 'mremap_test did not run'],
])('%s instead of %s is worse', (after, before, remark) => {
  expect(worse(readResults(stock), readResults(stock.replace(before, after)))).toEqual([remark])
})

test('the page has a row for each test', () => {
  const rows = page({
    stock: readResults(stock),
    patched: readResults(stock.replace('ok 2 mremap_test', '')),
    debug: readResults(stock.replace('# ok 1', '# not ok 1')),
  })
  expect(rows).toContain('| test | stock | patched | debug |\n| --- | --- | --- | --- |')
  expect(rows).toContain('| cow | failed, 1 of 3 | failed, 1 of 3 | failed, 0 of 3 |')
  expect(rows).toContain('| mremap_test | passed | did not run | passed |')
  expect(rows).toContain('| hmm smoke | skipped | skipped | skipped |')
})
