/** What tests share. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'

/** Milliseconds that no program a test starts takes, but one that hangs. */
export const HANG = 60_000

/** Milliseconds in which a shell has begun, on a machine that emulates and is busy. */
export const ENOUGH = 1500

/** All of a stream, as text. */
export async function text(stream: AsyncIterable<Buffer | string> | null): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream ?? []) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString()
}

export const openFds = (): number => readdirSync('/proc/self/fd').length

/** Pids of this process's children, zombies among them. */
export const children = (): string =>
  readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim()

/** Waits for what happens soon, a time no test depends on. */
export async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + HANG
  while (!condition() && Date.now() < end) await sleep(10)
  expect(condition()).toBe(true)
}

/** What a promise rejects with; undefined where it does not. */
export const rejection = (promise: PromiseLike<unknown>) =>
  Promise.resolve(promise).then(
    () => undefined,
    (error) => error,
  )

export const isRoot = process.getuid?.() === 0
