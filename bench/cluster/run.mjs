// A batch over BullMQ and Redis compared with the local one: two workers on this machine,
// which together run as many commands at once as the local batch does. All of them share
// its processors, Redis too, so the ratio is what the way through Redis costs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { rounds, wholeNumber } from '../../tools/options.mjs'
import { RedisServer } from '../../tools/redis.mjs'
import { sh } from '../../tools/sh.mjs'
import { median, middleInterval } from '../lib/stats.mjs'

export const description = 'batches over BullMQ and Redis compared with the local batch'
export const inLab = false

const WORKERS = 2
const side = fileURLToPath(new URL('side.mjs', import.meta.url))
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

const even = (text) => {
  const number = wholeNumber(2)(text)
  return number + (number % 2)
}

export const addOptions = (command) =>
  command
    .option('--rounds <number>', 'turns of both sides', rounds, 10)
    .option('--concurrency <number>', 'commands at once, on each side', even, 16)

/** What is run; `count`: how often in a round, at this concurrency. */
const commands = (concurrency) => [
  { name: '/bin/true', file: '/bin/true', args: [], count: 4000, seconds: 7 },
  { name: 'sleep 0.05', file: '/bin/sleep', args: ['0.05'], count: 60 * concurrency, seconds: 8 },
]

async function startWorker(url, queue, jobs) {
  const allow = ['--allow', '/bin/true', '--allow', '/bin/sleep']
  const child = spawn(process.execPath, [main, 'worker', '--queue', queue, '-j', jobs, ...allow], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, URING_SPAWN_REDIS: url },
  })
  process.once('exit', () => child.kill('SIGKILL'))
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  const ended = once(child, 'exit').then(() => {
    throw new Error(`the worker has ended: ${said}`)
  })
  ended.catch(() => {})
  while (!said.includes('takes commands')) await Promise.race([once(child.stderr, 'data'), ended])
  return child
}

async function block(job) {
  const { stdout } = await sh`${process.execPath} ${side} ${JSON.stringify(job)}`
  return Number(stdout)
}

async function measure({ name, file, args, count }, { rounds, concurrency }, progress) {
  const redis = await new RedisServer().start()
  process.once('exit', () => redis.signal('SIGKILL'))
  const queue = 'bench'
  const workers = await Promise.all(
    Array.from({ length: WORKERS }, () =>
      startWorker(redis.url, queue, String(concurrency / WORKERS)),
    ),
  )
  const rates = { local: [], cluster: [] }
  for (let round = 0; round < rounds; round++) {
    // Each is the first one in every other round.
    const sides = round % 2 === 0 ? ['local', 'cluster'] : ['cluster', 'local']
    for (const side of sides) {
      const job = { side, file, args, count, concurrency, connection: redis.url, queue }
      rates[side].push(await block(job))
    }
    progress((round + 1) / rounds)
  }
  for (const worker of workers) worker.kill('SIGKILL')
  await redis.remove()
  const ratioOfRounds = rates.cluster.map((rate, round) => rate / rates.local[round])
  return {
    ...{ command: name, concurrency },
    ...{ local: median(rates.local), cluster: median(rates.cluster) },
    ...{ ratio: median(ratioOfRounds), ...middleInterval(ratioOfRounds), ratioOfRounds },
  }
}

export async function plan({ rounds, concurrency }) {
  const { stdout } = await sh`redis-server --version`
  const { versions } = await import('../../dist/cluster/peers.js')
  return {
    steps: commands(concurrency).map((one) => ({
      name: one.name,
      seconds: one.seconds * rounds,
      run: (progress) => measure(one, { rounds, concurrency }, progress),
    })),
    result: (results) => ({
      versions: { ...versions, redis: /v=(\S+)/.exec(stdout)?.[1] ?? 'unknown' },
      unit: 'commands per second with two workers / of the local batch',
      ...{ rounds, workers: WORKERS, results },
    }),
  }
}

export function print({ results, rounds }) {
  console.log(`\nCommands per second with ${WORKERS} workers, of those of the local batch`)
  for (const { command, concurrency, local, cluster, ratio, low, high } of results) {
    const range = `${low.toFixed(2)} to ${high.toFixed(2)} in ${rounds} rounds`
    console.log(`  ${command}, ${concurrency} at once: ${ratio.toFixed(2)} (${range})`)
    console.log(`    ${Math.round(cluster)} beside ${Math.round(local)} per second`)
  }
}
