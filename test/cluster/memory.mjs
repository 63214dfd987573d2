// Memory of a submitter that takes very many commands from a generator, whose results it
// reads and forgets: it stays the same.
//
//   node --expose-gc test/cluster/memory.mjs [--count N] [--jobs N]
//
// Prints lines of JSON for its progress and one for the result; exits with 1 if more
// memory is used at the end than after a tenth.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { batch } from '../../dist/cluster/index.js'
import { RedisServer } from '../../tools/redis.mjs'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    jobs: { type: 'string', default: '16' },
  },
})
const count = Number(values.count)
/** MiB that may be more at the end: of the heap, and of all that the system gave. */
const MORE = { heap: 3, resident: 48 }

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const redis = await new RedisServer().start()
const queue = 'memory'
const args = ['worker', '--queue', queue, '--jobs', values.jobs, '--allow', '/bin/true']
const worker = spawn(process.execPath, [main, ...args], {
  stdio: ['ignore', 'ignore', 'inherit'],
  env: { ...process.env, URING_SPAWN_REDIS: redis.url },
})

async function* commands() {
  for (let given = 0; given < count; given++) yield ['true']
}

function memory() {
  globalThis.gc()
  const { rss, heapUsed } = process.memoryUsage()
  return { heap: heapUsed / 2 ** 20, resident: rss / 2 ** 20 }
}

const began = performance.now()
const seen = []
let ended = 0
let bad = 0
let spoken = 0
for await (const { error, result } of batch(commands(), { connection: redis.url, queue })) {
  if (error || result.exitCode !== 0) bad++
  if (++ended % Math.ceil(count / 20) === 0) seen.push(memory())
  if (performance.now() - spoken > 1000) {
    spoken = performance.now()
    say({ seconds: (spoken - began) / 1000, started: ended })
  }
}
const seconds = (performance.now() - began) / 1000
const exit = once(worker, 'exit')
worker.kill('SIGTERM')
await exit
await redis.remove()

// Two of twenty: the first may come before V8 has compiled everything.
const [, first] = seen
const last = seen.at(-1)
const grown = Object.keys(MORE).filter((kind) => last[kind] - first[kind] > MORE[kind])
const wrong = [
  ...(ended === count && bad === 0 ? [] : [`${ended} of ${count} ended, ${bad} of them badly`]),
  ...grown.map((kind) => `${kind}: ${first[kind]} MiB after a tenth, ${last[kind]} at the end`),
]
say({
  result: { seconds, commands: count, 'per second': count / seconds, first, last, most: MORE },
  failed: wrong.length > 0 ? wrong.join('; ') : undefined,
})
process.exit(wrong.length > 0 ? 1 : 0)
