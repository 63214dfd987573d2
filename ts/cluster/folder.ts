/**
 * Folders and files within a base folder. A path is opened first, and then asked where it
 * really is: so a link that somebody changes in between leads nowhere else.
 */
import { constants } from 'node:fs'
import { type FileHandle, open, readlink, realpath } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { errnoName } from '../model/errno.js'
import { SpawnError } from '../model/spawn-error.js'
import { ClusterError } from './errors.js'
import type { WireFile } from './protocol.js'

/** Opens without reading, so that a folder need only be reachable. */
const O_PATH = 0x200000

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants
const { O_CREAT, O_TRUNC, O_EXCL, O_APPEND } = constants

const flagsOf: Readonly<Record<string, number>> = {
  r: O_RDONLY,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  wx: O_WRONLY | O_CREAT | O_EXCL,
  a: O_WRONLY | O_CREAT | O_APPEND,
  ax: O_WRONLY | O_CREAT | O_APPEND | O_EXCL,
}

const isWithin = (base: string, path: string): boolean =>
  path === base || path.startsWith(base === '/' ? '/' : `${base}/`)

const outside = (what: string, base: string) =>
  new ClusterError(
    'ERR_NOT_ALLOWED',
    `${what} is outside of the folder that this worker allows: ${base}`,
  )

/** As run() reports a file or folder that cannot be opened. */
async function opening<T>(
  step: 'cwd' | `stdio[${number}]`,
  path: string,
  command: { file: string; args: readonly string[] },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException
    if (errno === undefined) throw error
    throw new SpawnError({ errno: -errno, step, syscall: 'openat', path, ...command })
  }
}

type Command = { file: string; args: readonly string[] }

/** The base folder of a worker. */
export class Base {
  readonly #path: string

  /** `path` must exist. */
  constructor(path: string) {
    this.#path = resolve(path)
  }

  get path(): string {
    return this.#path
  }

  /**
   * Opens a folder, which the caller closes. Rejects with a ClusterError if it lies
   * outside, and with a SpawnError if it cannot be opened.
   */
  async folder(path: string, command: Command): Promise<FileHandle> {
    const at = resolve(this.#path, path)
    // Nobody learns what exists outside.
    if (!isWithin(this.#path, at)) throw outside('cwd', this.#path)
    const handle = await opening('cwd', path, command, () => open(at, O_PATH | O_DIRECTORY))
    return this.#checked(handle, 'cwd')
  }

  async #checked(handle: FileHandle, what: string): Promise<FileHandle> {
    try {
      const real = await readlink(`/proc/self/fd/${handle.fd}`)
      if (isWithin(await realpath(this.#path), real)) return handle
      throw outside(what, this.#path)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** Opens a file for descriptor `index`, relative to `cwd`. It is not followed if it is a link. */
  async file(index: number, file: WireFile, cwd: string, command: Command): Promise<FileHandle> {
    const { path, flags = index === 0 ? 'r' : 'w', mode = 0o666 } = file
    const what = `stdio[${index}]`
    const at = resolve(this.#path, cwd, path)
    if (!isWithin(this.#path, at)) throw outside(what, this.#path)
    const folder = await opening(`stdio[${index}]`, path, command, () =>
      open(dirname(at), O_PATH | O_DIRECTORY),
    )
    await this.#checked(folder, what)
    try {
      const name = `/proc/self/fd/${folder.fd}/${basename(at)}`
      // A FIFO without another end would hold the worker up.
      const how = (flagsOf[flags] as number) | O_NOFOLLOW | O_NONBLOCK
      return await opening(`stdio[${index}]`, path, command, () => open(name, how, mode))
    } finally {
      await folder.close()
    }
  }
}

/** For messages about the base folder itself. */
export const whyNot = (error: unknown): string => {
  const { errno, message } = error as NodeJS.ErrnoException
  return errno === undefined ? message : errnoName(-errno)
}
