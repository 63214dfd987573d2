/** JavaScript and C describe what they exchange by hand, each in its own words. */
import { expect, test } from 'vitest'
import { backends } from '../../dist/backend/backends.js'
import {
  Answer,
  EVENT_STRIDE,
  EVENT_VALUES,
  EventField,
  EventHas,
  EventType,
  LaunchFlags,
  News,
  PipeBits,
  RunField,
  TOKENS,
} from '../../dist/binding/addon.js'
import { loadBinding } from '../../dist/binding/load.js'
import * as chain from '../../dist/chain/layout.js'
import { MAX_FDS, MAX_OPS } from '../../dist/model/limits.js'
import { FD_LAST, pipeFd } from '../../dist/model/operations.js'

const { layout } = loadBinding() as unknown as {
  layout: Record<string, Record<string, number>>
}

test.each(
  Object.entries({
    header: chain.HEADER,
    op: chain.OP,
    fd: chain.FD,
    chain: {
      magic: chain.MAGIC,
      maxOps: MAX_OPS,
      maxFds: MAX_FDS,
      fdLast: FD_LAST,
      firstPipe: pipeFd(0),
      secondPipe: pipeFd(1),
      hardlink: chain.HARDLINK,
      search: chain.SEARCH,
      shell: chain.SHELL,
      cloneFds: chain.CLONE_FDS,
      cloneFdCloexec: chain.CLONE_FD_CLOEXEC,
    },
    opcodes: chain.opcodes,
    attributes: chain.attributes,
    launchers: Object.fromEntries(backends.map(({ name, kind }) => [name, kind])),
    events: EventType,
    event: EventField,
    eventHas: EventHas,
    sizes: { eventStride: EVENT_STRIDE, eventValues: EVENT_VALUES, tokens: TOKENS },
    pipes: PipeBits,
    launch: LaunchFlags,
    news: News,
    answers: Answer,
    run: RunField,
  }),
)('%s is the same on both sides', (name, numbers) => {
  expect(layout[name]).toEqual(numbers)
})

test('nothing that C describes goes without a check', () => {
  expect(Object.keys(layout)).toHaveLength(16)
})
