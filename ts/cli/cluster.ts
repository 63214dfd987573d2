/** `uring-spawn batch --queue`: the same batch, on the workers of a queue. */
import type { BatchResult } from '../batch/result.js'
import type { ClusterBatchOptions, ClusterResult, LiveOutput } from '../cluster/index.js'
import type { BatchCommand, BatchOptions, OutputEncoding } from '../options/options.js'
import { connectionOf, type RedisCliOptions } from './worker.js'

/** What cannot be said to workers, which have limits of their own. */
const local = ['maxBuffer', 'backend', 'concurrency'] as const

/** Rejects with an Error about wrong options, and with a ClusterError. */
export async function* clusterBatch(
  commands: AsyncIterable<BatchCommand>,
  options: BatchOptions<OutputEncoding>,
  cli: RedisCliOptions,
  onOutput: ((output: LiveOutput) => void) | undefined,
): AsyncGenerator<BatchResult<BatchCommand, string | Buffer>> {
  if (options.backend !== undefined) {
    throw new Error('--backend is for commands on this machine: a worker chooses by itself')
  }
  const { concurrency } = options
  const shared = Object.fromEntries(
    Object.entries(options).filter(([name]) => !(local as readonly string[]).includes(name)),
  )
  const { batch } = await import('../cluster/index.js')
  const all: ClusterBatchOptions = {
    ...shared,
    ...connectionOf(cli),
    onError: ({ message }) => void process.stderr.write(`uring-spawn: ${message}\n`),
  }
  if (onOutput) all.onOutput = onOutput
  if (concurrency !== undefined) all.waiting = concurrency
  const results: AsyncIterable<unknown> = batch(commands as AsyncIterable<never>, all)
  yield* results as AsyncIterable<BatchResult<BatchCommand, string | Buffer>>
}

/** What a result of a cluster has besides, for JSON; nothing for a local one. */
export function whereOf(result: BatchResult<BatchCommand, string | Buffer>): object {
  const { worker, queuedMs, error } = result as ClusterResult
  const isLost = (error as NodeJS.ErrnoException | undefined)?.code === 'ERR_LOST'
  return { ...(worker && { worker, queuedMs }), ...(isLost && { lost: true }) }
}
