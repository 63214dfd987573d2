/** Each option of each call is checked: a value of a wrong type is refused by the option's name. */
import { expect, test } from 'vitest'
import { batch, run, runSync, spawn, template } from '../../dist/index.js'
import {
  batchReads,
  commandReads,
  runReads,
  runSyncReads,
  spawnReads,
  templateReads,
} from '../../dist/options/reads.js'
import { nothingLeft, openFds, rejection } from '../support.js'

/** Nothing takes a symbol. */
const wrong = Symbol('wrong')

const calls: [name: string, reads: object, call: (options: object) => Promise<unknown>][] = [
  ['spawn()', spawnReads, (options) => spawn('true', [], options)],
  ['run()', runReads, (options) => run('true', [], options)],
  ['runSync()', runSyncReads, async (options) => runSync('true', [], options)],
  ['batch()', batchReads, async (options) => batch([['true']], options).all()],
  [
    'a command of batch()',
    commandReads,
    async (options) => {
      const [one] = await batch([{ file: 'true', ...options }]).all()
      throw one?.error
    },
  ],
  ['template()', templateReads, (options) => template('true', options)],
]

test.each(calls)('%s', async (_call, reads, call) => {
  await run('true')
  const before = openFds()
  for (const name of Object.keys(reads)) {
    const error = await rejection(call({ [name]: wrong }))
    expect(error, name).toMatchObject({
      code: expect.stringMatching(/^ERR_INVALID_ARG_(TYPE|VALUE)$/),
      message: expect.stringMatching(new RegExp(`^${name} (must be|is not for) .`)),
    })
  }
  await nothingLeft(before)
})
