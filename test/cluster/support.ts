/** What the tests of the cluster share. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect } from 'vitest'
import { batch, type ClusterBatchOptions, type ClusterCommand } from '../../dist/cluster/index.js'
import { HANG } from '../support.js'

/** batch() with a queue on this Redis, which may not have been started yet. */
export const runOn =
  (redis: { readonly url: string }) =>
  <C extends ClusterCommand>(
    commands: Iterable<C> | AsyncIterable<C>,
    queue: string,
    options: Partial<ClusterBatchOptions> = {},
  ) =>
    batch<C, ClusterBatchOptions>(commands, { connection: redis.url, queue, ...options })

/** Keys of a queue that stay when nothing is in it. */
const lasting = ['events', 'id', 'marker', 'meta', 'stalled', 'stalled-check', 'version']

/** All keys of a queue that a job or a batch has left. */
export async function leftovers(url: string, queue: string): Promise<string[]> {
  const client = new Redis(url)
  try {
    const keys = await client.keys(`uring-spawn:${queue}:*`)
    return keys.filter((key) => !lasting.includes(key.split(':')[2] as string))
  } finally {
    client.disconnect()
  }
}

/** Waits until a queue is empty. */
export async function nothingQueued(url: string, queue: string): Promise<void> {
  const late = performance.now() + HANG
  let left = await leftovers(url, queue)
  while (left.length > 0 && performance.now() < late) {
    await sleep(20)
    left = await leftovers(url, queue)
  }
  expect(left).toEqual([])
}

/** Passes connections on to a port of this machine, and can break one in the middle of an answer. */
export async function startProxy(port: number) {
  const sockets = new Set<Socket>()
  let mark: string | undefined
  const state = { port: 0, broken: 0 }
  const server = createServer((client) => {
    const redis = connect(port, '127.0.0.1')
    const end = () => {
      client.destroy()
      redis.destroy()
    }
    for (const socket of [client, redis]) {
      sockets.add(socket)
      socket.on('error', end)
      socket.on('close', end)
    }
    client.on('data', (bytes) => void redis.write(bytes))
    redis.on('data', (bytes) => {
      if (mark !== undefined && bytes.includes(mark)) {
        mark = undefined
        state.broken++
        end()
        return
      }
      client.write(bytes)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  state.port = (server.address() as AddressInfo).port
  return Object.assign(state, {
    /** Once an answer has this text, neither it nor anything after it arrives. */
    breakAt(text: string) {
      mark = text
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  })
}
