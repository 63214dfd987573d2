/**
 * Performs the same calls through Node's own implementation and through uring-spawn,
 * and compares all that a program can see.
 *
 *   node test/drop-in/compare.mjs [--seed N] [--count N] [--sync]
 *
 * --sync: the calls that return once the child has ended.
 *
 * Prints how many values were compared, how many calls had to be repeated because of a
 * race (see TRIES), and each difference with its seed.
 */

import { once } from 'node:events'
import {
  chmodSync,
  closeSync,
  createWriteStream,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { register, unregister } from '../../dist/child-process/register.js'
import { makeCase, makeSyncCase } from './cases.mjs'
import { observe, observeSync } from './observe.mjs'

const { values: given } = parseArgs({
  options: {
    seed: { type: 'string' },
    count: { type: 'string' },
    sync: { type: 'boolean' },
    verbose: { type: 'boolean' },
  },
})
const [make, perform] = given.sync ? [makeSyncCase, observeSync] : [makeCase, observe]
const first = Number(given.seed ?? 1)
const count = Number(given.count ?? 100)

process.removeAllListeners('warning')
process.on('warning', () => {})

async function makeWorld() {
  const dir = mkdtempSync(join(tmpdir(), 'drop-in-'))
  const script = join(dir, 'script')
  writeFileSync(script, 'echo "$0" "$@" | sed "s|.*/||"\nexit 4\n')
  chmodSync(script, 0o755)
  symlinkSync(dir, join(dir, 'link'))
  const stream = createWriteStream(join(dir, 'stream'))
  await once(stream, 'open')
  const closed = openSync('/dev/null')
  closeSync(closed)
  const child = fileURLToPath(new URL('child.mjs', import.meta.url))
  return { dir, script, stream, child, fd: openSync(join(dir, 'file'), 'w+'), closed: 900 }
}

/** Counts values, and collects the paths at which they differ. */
function compare(ours, theirs, path, result) {
  const both = [ours, theirs].every((value) => value !== null && typeof value === 'object')
  if (!both) {
    result.compared++
    if (!isDeepStrictEqual(ours, theirs)) result.differences.push({ path, node: theirs, ours })
    return
  }
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    compare(ours[key], theirs[key], `${path}.${key}`, result)
  }
}

/**
 * On a busy machine Node alone may see two things in one order or the other, such as the
 * end of a program and of its channel. So calls that differ are repeated: only if no
 * outcome was ever the same do they differ. Most races take two or three tries.
 */
const TRIES = 6

/** Adds the call of a seed to the result. */
async function compareCalls(seed, result) {
  const outcomes = { ours: [], theirs: [] }
  let tried
  for (let at = 0; at < TRIES; at++) {
    unregister()
    outcomes.theirs.push(await perform(make(seed, world)))
    register()
    outcomes.ours.push(await perform(make(seed, world)))
    for (const ours of outcomes.ours) {
      for (const theirs of outcomes.theirs) {
        const now = { compared: 0, differences: [] }
        compare(ours, theirs, `seed ${seed}`, now)
        tried = now
        if (now.differences.length === 0) {
          result.compared += now.compared
          if (at > 0) result.repeated++
          return
        }
      }
    }
  }
  result.compared += tried.compared
  result.differences.push(...tried.differences)
  console.error(`seed ${seed}`, make(seed, { ...world, stream: '(stream)' }))
  for (const difference of tried.differences) console.error(difference)
}

// A call that never ends must not end this program silently.
const alive = setInterval(() => {}, 1000)
const world = await makeWorld()
const result = { compared: 0, repeated: 0, differences: [] }
try {
  for (let seed = first; seed < first + count; seed++) {
    if (given.verbose) console.error(seed, make(seed, { ...world, stream: '(stream)' }))
    await compareCalls(seed, result)
  }
} finally {
  clearInterval(alive)
  rmSync(world.dir, { recursive: true })
}
console.log(
  JSON.stringify({
    node: process.version,
    compared: result.compared,
    repeated: result.repeated,
    differences: result.differences.length,
  }),
)
process.exitCode = result.differences.length > 0 ? 1 : 0
