// A farm of processes that compute, fail, and are ended.
import { fileURLToPath } from 'node:url'
import { Worker } from 'jest-worker'
import { pick, rejection, say } from './result.mjs'

const farm = new Worker(fileURLToPath(new URL('jest-worker-task.mjs', import.meta.url)), {
  numWorkers: 3,
  exposedMethods: ['sum', 'fail', 'echo', 'crash'],
  forkOptions: { execArgv: [] },
})
farm.getStdout().on('data', () => {})
say('sums', await Promise.all(Array.from({ length: 20 }, (_, n) => farm.sum(n, 1000))))
say('echo', (await farm.echo('x'.repeat(500_000))).length)
say('error', pick(await rejection(farm.fail('on purpose')), 'message', 'name'))
say('crash', (await rejection(farm.crash())).message.includes('terminated'))
say('after', await farm.sum(1, 2))
say('end', await farm.end())
