// SPDX-License-Identifier: GPL-2.0
// Where the lab keeps things. Nothing but `out/` is written inside the project.
import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import lockfile from 'proper-lockfile'

export const project = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '')
export const patches = join(project, 'kernel/patches')
export const config = join(project, 'kernel/config')

/** Sources, build trees and images; safe to delete, costs a cold build. */
export const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'uring-spawn')

export const cached = (...names) => join(cache, ...names)

/**
 * Runs `work` while no other lab on this machine changes the cache.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withCacheLock(work) {
  mkdirSync(cache, { recursive: true })
  // Two cold debug builds in a row take less than the 40 minutes that a second
  // lab is ready to wait.
  const release = await lockfile.lock(cache, {
    retries: { retries: 2400, factor: 1, minTimeout: 1000 },
  })
  try {
    return await work()
  } finally {
    await release()
  }
}

/** An error whose message says all there is to say; printed without a stack. */
export class LabError extends Error {}
