/** An executable that is held open, so that starts need no lookup. */
import { Buffer } from 'node:buffer'
import {
  accessSync,
  type BigIntStats,
  closeSync,
  constants,
  openSync,
  readSync,
  statSync,
} from 'node:fs'
import { resolve } from 'node:path'
import { loadBinding } from '../binding/load.js'
import { currentEnv } from '../core/process-env.js'
import {
  EACCES,
  EMFILE,
  ENFILE,
  ENOENT,
  ENOEXEC,
  ENOMEM,
  ESTALE,
  ETXTBSY,
  errnoName,
} from '../model/errno.js'
import { O_CLOEXEC, O_PATH } from '../model/operations.js'
import { SpawnError } from '../model/spawn-error.js'
import { lacksInterpreter, whyNotExecuted } from './diagnose.js'
import { type Identity, identityOf, sameIdentity } from './identity.js'
import { learnedOf, type TemplateLearned } from './learned.js'
import { candidatesOf, isSearched, searchGoesOn } from './search.js'

/** A kernel template that a chain's exec starts from. */
export interface KernelTemplate {
  fd: number
  /** If the template cannot be used, execute the file or path. */
  goOn: boolean
  /** Called with the errno if the template could not be used but the exec happened. */
  failed(errno: number): void
}

/**
 * How a chain's exec names the executable: by an open file or a path, to which a
 * kernel template falls back.
 */
export interface ExecutableSource {
  template: KernelTemplate | undefined
  fd: number | undefined
  /** The child keeps the descriptor, for a script's interpreter. */
  keep: boolean
  path: string | undefined
  /** For messages: where the file that is open as `fd` was found. */
  name: string | undefined
}

const errnoOf = (error: unknown): number => {
  const errno = (error as NodeJS.ErrnoException).errno
  if (errno === undefined) throw error
  return -errno
}

const failure = (
  file: string,
  errno: number,
  syscall: string,
  path?: string,
  hint?: string,
): SpawnError => new SpawnError({ errno, step: 'exec', syscall, path, file, args: [], hint })

/** With a hint from the file itself. */
const notRun = (file: string, errno: number, path: string): SpawnError =>
  failure(file, errno, 'execveat', path, whyNotExecuted(errnoName(errno), [path], '/'))

/** The error that running `path` fails with before its contents matter, or 0. */
function errorOf(path: string): number {
  try {
    accessSync(path, constants.X_OK)
    if (!statSync(path).isFile()) return EACCES
    return lacksInterpreter(path) ? ENOENT : 0
  } catch (error) {
    return errnoOf(error)
  }
}

/**
 * The program `file` as execvp(3) finds it, by its absolute path. Throws a
 * SpawnError: the first error that ends the search, otherwise EACCES if there was
 * one, otherwise the last directory's.
 */
export function findExecutable(file: string): string {
  if (!isSearched(file)) return resolve(file)
  let last = ENOENT
  let forbidden: string | undefined
  let lacking: string | undefined
  for (const candidate of candidatesOf(file, currentEnv().PATH)) {
    if (candidate === '') break
    const path = resolve(candidate)
    last = errorOf(path)
    if (last === 0) return path
    if (!searchGoesOn(last)) throw notRun(file, last, path)
    if (last === EACCES) forbidden ??= path
    else if (last === ENOENT && lacksInterpreter(path)) lacking ??= path
  }
  if (forbidden !== undefined) throw notRun(file, EACCES, forbidden)
  if (last === ENOENT && lacking !== undefined) throw notRun(file, last, lacking)
  throw failure(file, last, 'execveat', file)
}

/** A script begins with #!; an unreadable file cannot be one. */
function isScript(path: string): boolean {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    const start = Buffer.alloc(2)
    return readSync(fd, start, 0, 2, 0) === 2 && start.toString('latin1') === '#!'
  } catch {
    return false
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Errors of a template that may well be made later. */
const passing: ReadonlySet<number> = new Set([EMFILE, ENFILE, ENOMEM, ETXTBSY])
/** What making a template of a script fails with. */
const NEVER = -ENOEXEC

/** A path to an open file: in Deno, node:fs accepts only descriptors that it has opened. */
const own = (fd: number) => `/proc/self/fd/${fd}`

export class Executable {
  /** Its name as the user gave it. */
  readonly file: string
  /** Absolute; undefined if it was made from a descriptor. */
  readonly path: string | undefined
  readonly #fd: number
  readonly #script: boolean
  readonly #learns: boolean
  readonly #identity: Identity
  /** The kernel's template; null if there is to be none. */
  #template: number | null | undefined
  #open = true

  private constructor(file: string, path: string | undefined, fd: number, learns: boolean) {
    this.file = file
    this.#learns = learns
    this.path = path
    this.#fd = fd
    const stats = this.#stat()
    this.#identity = identityOf(stats)
    if (!stats.isFile() || (stats.mode & 0o111n) === 0n) {
      this.close()
      throw notRun(file, EACCES, path ?? own(fd))
    }
    this.#script = isScript(path ?? own(fd))
  }

  /** From an open file. On failure closes it and throws a SpawnError. */
  #stat(): BigIntStats {
    try {
      return statSync(own(this.#fd), { bigint: true })
    } catch (error) {
      const errno = errnoOf(error)
      this.close()
      const hint = errno === ENOENT ? 'template() needs /proc: mount it' : undefined
      throw failure(this.file, errno, 'stat', own(this.#fd), hint)
    }
  }

  /** Throws a SpawnError of step 'exec'. */
  static fromPath(file: string, learns: boolean, path = findExecutable(file)): Executable {
    let fd: number
    try {
      fd = openSync(path, O_PATH | O_CLOEXEC)
    } catch (error) {
      const errno = errnoOf(error)
      const hint = whyNotExecuted(errnoName(errno), [path], '/')
      throw failure(file, errno, 'openat', path, hint)
    }
    return new Executable(file, path, fd, learns)
  }

  /** Keeps a copy of `fd`. */
  static fromFd(fd: number, learns: boolean, file = own(fd)): Executable {
    const copy = loadBinding().dupAbove(fd, 3)
    if (copy < 0) throw failure(file, -copy, 'fcntl')
    return new Executable(file, undefined, copy, learns)
  }

  /** Throws a SpawnError if the path no longer exists. */
  isStale(): boolean {
    let now: Identity
    try {
      now = identityOf(statSync(this.path ?? own(this.#fd), { bigint: true }))
    } catch (error) {
      const errno = errnoOf(error)
      if (errnoName(errno) === 'ENOENT') return true
      throw failure(this.file, errno, 'stat', this.path)
    }
    return !sameIdentity(now, this.#identity)
  }

  /**
   * The kernel's template of it, made at the first call that can. Null if one cannot
   * be made now (files that are being written, no free descriptor), ever (scripts),
   * or is not to be made again: see dropTemplate(). The kernel itself checks whether
   * it is stale.
   */
  get template(): number | null {
    if (this.#template !== undefined) return this.#template
    const made = this.#script
      ? NEVER
      : loadBinding().newTemplate(this.path ?? null, this.#fd, this.#learns)
    if (made >= 0) this.#template = made
    else if (!passing.has(-made)) this.#template = null
    return this.#template ?? null
  }

  /** Whether that template exists already. */
  get inKernel(): boolean {
    return typeof this.#template === 'number'
  }

  /** What the kernel knows of the starts; undefined without such a template, or if it learns nothing. */
  get learned(): TemplateLearned | undefined {
    return typeof this.#template === 'number' ? learnedOf(this.#template) : undefined
  }

  /**
   * It was made with other credentials than ours: go on without one. A new one would
   * be for this thread's credentials alone, and fail in the same way in the thread
   * that launches.
   */
  dropTemplate(): void {
    if (typeof this.#template === 'number') {
      loadBinding().close(this.#template)
    }
    this.#template = null
  }

  stale(): SpawnError {
    return failure(this.file, ESTALE, 'execveat', this.path)
  }

  /** Opens the executable again as it is now; closes this one. */
  reopen(): Executable {
    const { file, path } = this
    const next =
      path === undefined
        ? Executable.fromFd(this.#fd, this.#learns, file)
        : Executable.fromPath(file, this.#learns, path)
    this.close()
    return next
  }

  /**
   * A script's interpreter opens the script by its name, so a path works best.
   * Without one the descriptor must stay open in the child.
   */
  source(): ExecutableSource {
    const { path } = this
    const template = undefined
    const name = path
    if (!this.#script) return { template, fd: this.#fd, keep: false, path: undefined, name }
    if (path === undefined) return { template, fd: this.#fd, keep: true, path, name }
    return { template, fd: undefined, keep: false, path, name }
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.dropTemplate()
    // In Deno, node:fs accepts only descriptors that it has opened.
    if (this.path === undefined) loadBinding().close(this.#fd)
    else closeSync(this.#fd)
  }
}
