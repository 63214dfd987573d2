// One process at a time does a thing in this clone.
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.mjs'

/** Resolves once flock(1) holds the lock, or undefined if it does not wait and another has it. */
function take(file, ...options) {
  // The lock lasts as long as cat has its input, which is as long as this
  // process lives, however it ends. A group of its own keeps Ctrl-C from it.
  const holder = spawn('flock', [...options, file, 'sh', '-c', 'echo; exec cat'], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  return new Promise((resolve, reject) => {
    holder.once('error', reject)
    holder.once('close', () => resolve(undefined))
    holder.stdout.once('data', () => resolve(holder))
  })
}

/**
 * Runs `work` while no other process of this clone runs work of that name.
 * @template T
 * @param {string} name
 * @param {() => void} waiting  called if another process has to end first
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(name, waiting, work) {
  mkdirSync(join(root, 'out'), { recursive: true })
  const file = join(root, 'out', `${name}.lock`)
  let holder = await take(file, '--nonblock')
  if (!holder) {
    waiting()
    holder = await take(file)
  }
  if (!holder) throw new Error(`flock cannot lock ${file}`)
  try {
    return await work()
  } finally {
    const closed = new Promise((resolve) => holder.once('close', resolve))
    holder.stdin.end()
    await closed
  }
}
