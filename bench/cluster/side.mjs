// Measures one side once: `side.mjs JSON` prints commands per second.
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { batch as clusterBatch } from '../../dist/cluster/index.js'
import { batch } from '../../dist/index.js'

const { side, file, args, count, concurrency, connection, queue } = JSON.parse(process.argv[2])

/** V8 compiles what runs often, first. */
const WARM = 1000

async function run(count) {
  const commands = Array.from({ length: count }, () => [file, ...args])
  const results =
    side === 'local'
      ? batch(commands, { concurrency })
      : clusterBatch(commands, { connection, queue })
  let ended = 0
  for await (const { result, error } of results) {
    if (error || result.exitCode !== 0) throw error ?? new Error(`${file}: ${result.exitCode}`)
    ended++
  }
  if (ended !== count) throw new Error(`${ended} of ${count} commands have ended`)
}

await run(Math.min(WARM, count / 2))
const begin = performance.now()
await run(count)
console.log((1000 * count) / (performance.now() - begin))
process.exit(0)
