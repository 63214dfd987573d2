/** Bad input is refused, with words, before anything is created. */
import { expect, test } from 'vitest'
import { run, spawn } from '../../dist/index.js'

const bad: [string, () => Promise<unknown>, string, string][] = [
  ['an empty file', () => spawn(''), 'ERR_INVALID_ARG_VALUE', 'file must not be empty'],
  [
    'a NUL in file',
    () => spawn('a\0b'),
    'ERR_INVALID_ARG_VALUE',
    'file has a NUL byte at index 1: "a\\u0000b"',
  ],
  [
    'a NUL in an argument',
    () => spawn('a', ['b', '\0']),
    'ERR_INVALID_ARG_VALUE',
    'args[1] has a NUL byte',
  ],
  [
    'an argument that is no string',
    () => spawn('a', [1 as unknown as string]),
    'ERR_INVALID_ARG_TYPE',
    'args[0] must be a string, not number',
  ],
  [
    'a variable that is no string',
    () => spawn('a', [], { env: { A: 1 as unknown as string } }),
    'ERR_INVALID_ARG_TYPE',
    'env.A must be a string, not number',
  ],
  [
    'a misspelt option',
    () => run('a', [], { timeOut: 1 } as object),
    'ERR_UNKNOWN_OPTION',
    'unknown option "timeOut"; the nearest known one is "timeout"',
  ],
  [
    'an unknown signal',
    () => spawn('a', [], { killSignal: 'SIGNO' as NodeJS.Signals }),
    'ERR_INVALID_ARG_VALUE',
    'killSignal names no signal: "SIGNO"',
  ],
  [
    'a limit out of range',
    () => spawn('a', [], { nice: 20 }),
    'ERR_OUT_OF_RANGE',
    'nice must be an integer from -20 to 19, not 20',
  ],
  [
    'an unknown limit',
    () => spawn('a', [], { rlimits: { files: 1 } as object }),
    'ERR_INVALID_ARG_VALUE',
    'rlimits: a limit\'s name must be one of "cpu"',
  ],
  [
    'a bad descriptor',
    () => spawn('a', [], { stdio: [-1] }),
    'ERR_OUT_OF_RANGE',
    'stdio[0] must be an integer from 0',
  ],
  [
    'an unknown backend',
    () => spawn('a', [], { backend: 'magic' as 'vfork' }),
    'ERR_INVALID_ARG_VALUE',
    'backend must be one of "auto"',
  ],
]

test.each(bad)('%s', async (_name, call, code, message) => {
  const error = await call().catch((error) => error)
  expect(error).toMatchObject({ code })
  expect(error.message).toContain(message)
})
