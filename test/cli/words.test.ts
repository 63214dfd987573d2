import { expect, test } from 'vitest'
import { splitWords } from '../../dist/cli/words.js'

test.each([
  ['a b  c', ['a', 'b', 'c']],
  ["a 'b  c' d", ['a', 'b  c', 'd']],
  ['"a \\"b\\"" c', ['a "b"', 'c']],
  ['"a\\nb"', ['a\\nb']],
  ['a\\ b c\\\\', ['a b', 'c\\']],
  ['a\'b\'"c"d', ['abcd']],
  ['\'\' ""', ['', '']],
  ["it'$HOME'*", ['it$HOME*']],
  ['  x  ', ['x']],
])('%s', (line, words) => {
  expect(splitWords(line)).toEqual(words)
})

test.each(['a "b', "a 'b", 'a \\'])('%s has no end', (line) => {
  expect(() => splitWords(line)).toThrow('has no end')
})
