// Locks between processes: one at a time does a thing. They are those of flock(1),
// which the kernel releases however their holder ends.
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './paths.mjs'

/** Another process has held a lock for longer than the caller can wait. */
export class LockedError extends Error {}

/** The lock of what one process of this clone does at a time. */
export const cloneLock = (name) => join(root, 'out', `${name}.lock`)

/** flock(1)'s status if another process holds the lock. */
const HELD = 1

/** Resolves once flock(1) holds the lock, or undefined if it gives up. */
function take(file, ...options) {
  // The lock lasts as long as cat has its input, which is as long as this
  // process lives, however it ends. A group of its own keeps Ctrl-C from it.
  const holder = spawn('flock', [...options, file, 'sh', '-c', 'echo; exec cat'], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    holder.once('error', reject)
    holder.once('close', (status) => {
      if (status === HELD) resolve(undefined)
      else reject(new Error(`flock cannot lock ${file}`))
    })
    holder.stdout.once('data', () => resolve(holder))
  })
}

/**
 * Runs `work` while no other process runs work under the same lock.
 * @template T
 * @param {string} file  the lock: made if it is missing, and left where it is
 * @param {{ waiting: () => void, patience?: number }} options  waiting: called if another
 *   process has to end first; patience: how many seconds to wait for it, by default any
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 * @throws {LockedError} if the other one takes longer
 */
export async function withLock(file, { waiting, patience }, work) {
  mkdirSync(dirname(file), { recursive: true })
  let holder = await take(file, '--nonblock')
  if (!holder) {
    waiting()
    holder = await take(file, ...(patience === undefined ? [] : ['--timeout', String(patience)]))
  }
  if (!holder) throw new LockedError(`another process has held ${file} for ${patience} s`)
  try {
    return await work()
  } finally {
    const closed = new Promise((resolve) => holder.once('close', resolve))
    holder.stdin.end()
    await closed
  }
}
