// SPDX-License-Identifier: GPL-2.0
// Where the lab keeps things. Inside the project it writes only to `out/`.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import lockfile from 'proper-lockfile'
import { cacheFolder } from '../../tools/cache.mjs'
import { QuietError } from '../../tools/command.mjs'
import { root } from '../../tools/paths.mjs'
import { say } from '../../tools/progress.mjs'

export const project = root.replace(/\/$/, '')
export const patches = join(project, 'kernel/patches')
export const config = join(project, 'kernel/config')

/** Sources, build trees and images; safe to delete, costs a cold build. */
export const cache = cacheFolder()

export const cached = (...names) => join(cache, ...names)

/** Seconds to wait for another lab: two cold builds of the debug kernel. */
const PATIENCE = 2400

async function lock(folder) {
  try {
    return await lockfile.lock(folder)
  } catch (error) {
    if (error.code !== 'ELOCKED') throw error
  }
  say('lab: waiting for another lab that is building')
  try {
    return await lockfile.lock(folder, {
      retries: { retries: PATIENCE, factor: 1, minTimeout: 1000 },
    })
  } catch (error) {
    if (error.code !== 'ELOCKED') throw error
    throw new LabError(
      `another lab has been building for ${PATIENCE} s; if none is running, delete ${folder}.lock`,
    )
  }
}

/**
 * Runs `work` while no other lab on this machine changes the cache, or, if `work`
 * changes only one folder of the cache, that folder.
 * @template T
 * @param {() => Promise<T>} work
 * @param {string} [folder]
 * @returns {Promise<T>}
 */
export async function withCacheLock(work, folder = cache) {
  mkdirSync(folder, { recursive: true })
  const release = await lock(folder)
  try {
    return await work()
  } finally {
    await release()
  }
}

/** An error whose message is all a user needs: it is printed without a stack. */
export class LabError extends QuietError {}
