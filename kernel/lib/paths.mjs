// SPDX-License-Identifier: GPL-2.0
// Where the lab keeps things. Inside the project it writes only to `out/`.
import { join } from 'node:path'
import { cacheFolder } from '../../tools/cache.mjs'
import { QuietError } from '../../tools/command.mjs'
import { LockedError, withLock } from '../../tools/lock.mjs'
import { root } from '../../tools/paths.mjs'
import { say } from '../../tools/progress.mjs'

export const project = root.replace(/\/$/, '')
export const patches = join(project, 'kernel/patches')
export const postings = join(project, 'kernel/postings')
export const config = join(project, 'kernel/config')

/** Sources, build trees and images; safe to delete, costs a cold build. */
export const cache = cacheFolder()

export const cached = (...names) => join(cache, ...names)

/** Seconds to wait for another lab: two cold builds of the debug kernel. */
const PATIENCE = 2400

/**
 * Runs `work` while no other lab on this machine changes the cache, or, if `work`
 * changes only one folder of the cache, that folder.
 * @template T
 * @param {() => Promise<T>} work
 * @param {string} [folder]
 * @returns {Promise<T>}
 */
export async function withCacheLock(work, folder = cache) {
  const waiting = () => say('lab: waiting for another lab that is building')
  try {
    return await withLock(join(folder, '.lock'), { waiting, patience: PATIENCE }, work)
  } catch (error) {
    throw error instanceof LockedError ? new LabError(error.message) : error
  }
}

/** An error whose message is all a user needs: it is printed without a stack. */
export class LabError extends QuietError {}
