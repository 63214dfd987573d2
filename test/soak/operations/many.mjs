// Many starts at once, and batches in all their ways to end.
import process from 'node:process'
import { failure, holds, like, same } from '../check.mjs'

const numbers = (count) => Array.from({ length: count }, (_, at) => at)

/** More than begin in one turn of the event loop. */
export async function burst(task) {
  const { random } = task
  const count = random.between(33, 200)
  const here = process.cwd()
  const calls = numbers(count).map((n) => task.lines(['say', 1, n, 'cwd']))
  const said = await Promise.all(calls)
  same(
    said,
    numbers(count).map((n) => [`${n}`, here]),
    'output',
  )
}

const commandsOf = (count) => numbers(count).map((n) => ['say', 1, n, 'exit', n % 3])
const concurrencyOf = (random) => random.pick([undefined, 1, 4, 16])

function checkOne(task, { index, result, error }) {
  if (error) throw error
  task.started()
  same([result.stdout.toString(), result.exitCode], [`${index}\n`, index % 3], `command ${index}`)
}

/** All of a batch, in order. */
export async function batchAll(task) {
  const { random } = task
  const count = random.between(1, 100)
  const results = await task.batch(commandsOf(count), { concurrency: concurrencyOf(random) }).all()
  same(
    results.map(({ index }) => index),
    numbers(count),
    'order',
  )
  for (const one of results) checkOne(task, one)
}

/** In the order of their ends, to the last or to some of them. */
export async function batchLoop(task) {
  const { random } = task
  const count = random.between(1, 60)
  const enough = random.between(1, 2 * count)
  const seen = new Set()
  for await (const one of task.batch(commandsOf(count), { concurrency: concurrencyOf(random) })) {
    checkOne(task, one)
    holds(!seen.has(one.index), `command ${one.index} came twice`)
    seen.add(one.index)
    if (seen.size === enough) break
  }
  same(seen.size, Math.min(count, enough), 'number of results')
}

/** The first failure ends it. */
export async function batchBail(task) {
  const { random } = task
  const count = random.between(2, 40)
  const bad = random.between(0, count - 1)
  const commands = numbers(count).map((n) => ['exit', n === bad ? 1 : 0])
  const error = await failure(
    task.batch(commands, { bail: true, concurrency: concurrencyOf(random) }).all(),
    'a batch with a command that fails',
  )
  like(error, { name: 'BatchError' }, 'error')
  like(error.result, { index: bad }, 'result')
  task.started(error.results.filter(({ result }) => result).length)
}

/** A batch that is aborted. */
export async function batchAborted(task) {
  const { random } = task
  const commands = numbers(random.between(1, 40)).map(() => ({ args: ['sleep', 600_000] }))
  const controller = new AbortController()
  const { signal } = controller
  const all = failure(task.batch(commands, { signal, concurrency: 8 }).all(), 'an aborted batch')
  setTimeout(() => controller.abort(), random.between(0, 30))
  like(await all, { name: 'AbortError' }, 'error')
  task.count('aborts')
}

/** Commands with options of their own. */
export async function batchMixed(task) {
  const { random } = task
  const commands = [
    { args: ['copy'], input: 'in' },
    { args: ['sleep', 600_000], timeout: random.between(1, 30) },
    { args: ['cwd'], cwd: task.world.folders[1] },
    { args: ['exit', 4], check: true },
    { args: [], file: '/no/such/program' },
  ]
  const [copied, late, moved, checked, missing] = await task.batch(commands).all()
  same(copied.result.stdout.toString(), 'in', 'output')
  const began = late.result.step === null
  like(late.result, { timedOut: true, signal: began ? 'SIGTERM' : null }, 'result')
  same(moved.result.stdout.toString(), `${task.world.folders[1]}\n`, 'folder')
  like(checked.error, { name: 'RunError' }, 'error')
  like(checked.result, { exitCode: 4 }, 'result')
  like(missing.error, { code: 'ENOENT', step: 'exec' }, 'error')
  task.started(3 + (began ? 1 : 0))
  task.count('timeouts')
}
