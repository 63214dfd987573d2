/** quote(): what a shell makes of its result. */
import { execFileSync } from 'node:child_process'
import { accessSync } from 'node:fs'
import { expect, test } from 'vitest'
import { quote, run } from '../../dist/index.js'

/** All characters that a shell may take for its own, and words of them. */
const words = [
  '',
  ' ',
  'plain',
  'a b',
  "it's",
  "'",
  "''",
  '"double"',
  '$HOME $' + '{x} $(id) `id`',
  '\\',
  'a\\nb',
  'line\nline',
  'tab\there',
  '~',
  '~root/x',
  '*',
  '[a-z]?',
  '{a,b}',
  '!',
  '!!',
  '#no comment',
  'a#b',
  'a;b&c|d<e>f(g)',
  'NAME=value',
  '--jobs=4',
  '--file=a b',
  '-',
  '--',
  'if',
  'done',
  'ünïcode ✓',
  '\x01\x7f',
  '=',
  '@%+:,./-_',
]

const shells = ['/bin/sh', '/bin/dash', '/bin/bash', '/bin/busybox'].filter((shell) => {
  try {
    accessSync(shell)
    return true
  } catch {
    return false
  }
})

test.each(shells)('%s reads the same words', (shell) => {
  const args = [...(shell.endsWith('busybox') ? ['sh'] : []), '-c']
  const show = ['printf', '[%s]\n', ...words]
  const out = execFileSync(shell, [...args, quote(show)], { encoding: 'utf8' })
  expect(out).toBe(words.map((word) => `[${word}]\n`).join(''))
  const each = words.map((word) => quote(word)).join(' ')
  expect(execFileSync(shell, [...args, `printf '[%s]\\n' ${each}`], { encoding: 'utf8' })).toBe(out)
})

test('where a command begins, a word is a name', async () => {
  for (const word of ['if', 'done', 'NAME=value', '!', '{', '~', '[[', '#x', '']) {
    const { exitCode, stderr } = await run(quote([word, 'x']), [], { shell: true })
    expect([word, exitCode]).toEqual([word, 127])
    expect(stderr).toContain(word)
  }
})

test('plain words stay as they are', () => {
  expect(quote(['git', 'log', '--format=%h', '-n', '1', 'a/b.c'])).toBe(
    'git log --format=%h -n 1 a/b.c',
  )
  expect(quote('a b')).toBe("'a b'")
  expect(quote([])).toBe('')
})

test('bad input', () => {
  expect(() => quote(1 as never)).toThrow(
    expect.objectContaining({
      code: 'ERR_INVALID_ARG_TYPE',
      message: 'words must be a string or an array of strings, not number',
    }),
  )
  expect(() => quote(['a', 1 as never])).toThrow('words[1] must be a string, not number')
  expect(() => quote(['a\0'])).toThrow('words[0] has a NUL byte at index 1')
  expect(() => quote('\0')).toThrow('words has a NUL byte at index 0')
})
