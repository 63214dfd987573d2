// The library's soak: random operations, many at once, each of which checks its
// outcome. Nothing may be left whenever all have ended.
//
//   node --expose-gc test/soak/main.mjs [--seed N] [--minutes N] [--count N]
//     [--first N] [--last N] [--at-once N] [--backend NAME,NAME] [--witness FILE]
//
// Ends once it has run that long and has started that many processes, or with the
// last operation that it is told to perform.
//
// Prints a line of JSON for its progress and one for the result. Exits with 1 if
// anything is wrong.
import { availableParallelism } from 'node:os'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { probe } from '../../dist/index.js'
import { Soak } from './soak.mjs'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '0' },
    count: { type: 'string', default: '0' },
    first: { type: 'string', default: '0' },
    last: { type: 'string' },
    'at-once': { type: 'string', default: '32' },
    backend: { type: 'string' },
    witness: { type: 'string' },
  },
})

const backends =
  values.backend?.split(',') ??
  probe()
    .backends.filter(({ available }) => available)
    .map(({ name }) => name)
const number = (name) => (values[name] === undefined ? undefined : Number(values[name]))
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

const soak = new Soak({
  ...{ backends, seed: number('seed'), atOnce: number('at-once'), cpus: availableParallelism() },
  ...{ milliseconds: number('minutes') * 60_000, count: number('count') },
  ...{ first: number('first'), last: number('last'), say, witness: values.witness },
})
const start = performance.now()
const failed = await soak.run()
say({ result: soak.report((performance.now() - start) / 1000), failed })
process.exit(failed ? 1 : 0)
