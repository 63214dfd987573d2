/** What the tests of the cluster share. */
import { Redis } from 'ioredis'
import { expect } from 'vitest'
import { until } from '../support.js'

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
  let left: string[] = ['?']
  let asking = false
  await until(() => {
    if (!asking) {
      asking = true
      leftovers(url, queue).then((keys) => {
        left = keys
        asking = false
      })
    }
    return left.length === 0
  })
  expect(left).toEqual([])
}
