/** A job server of GNU make's protocol, which a batch and the makes among its commands share. */
import { Buffer } from 'node:buffer'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadBinding } from '../binding/load.js'
import type { EnvVars } from '../model/envvars.js'
import { errnoName } from '../model/errno.js'
import type { CommandSettings } from '../options/settings.js'
import { runSync } from '../run-sync.js'

/** How makes get at it: by the path of a FIFO, from make 4.4 on, or by two descriptors. */
export type JobServerForm = 'fifo' | 'pipe'

const TOKEN = 0x2b // '+', as make's own

const { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants

let known: JobServerForm | undefined

/** The form that this machine's make understands; without one, that of other programs. */
function formOfMake(): JobServerForm {
  if (known) return known
  known = 'fifo'
  try {
    const { stdout } = runSync('make', ['--version'], { timeout: 10_000 })
    const [, major, minor] = /^GNU Make (\d+)\.(\d+)/.exec(stdout) ?? []
    if (Number(major) < 4 || (Number(major) === 4 && Number(minor) < 4)) known = 'pipe'
  } catch {
    // There is no make.
  }
  return known
}

const isAboutJobs = (word: string): boolean => /^(-j\d*$|--jobs\b|--jobserver-)/.test(word)

/**
 * MAKEFLAGS with these jobs, and without others. After `--` it has variables, which stay at
 * its end.
 */
export function makeFlags(before: string, jobs: number, auth: string): string {
  const at = /(^|\s)--(\s|$)/.exec(before)?.index ?? before.length
  const flags = before.slice(0, at)
  const words = flags.split(/\s+/).filter((word) => word !== '' && !isAboutJobs(word))
  // Without a dash, the first word is one-letter options.
  const first = flags.startsWith(' ') || flags === '' ? '' : (words.shift() ?? '')
  const own = [`-j${jobs}`, `--jobserver-auth=${auth}`]
  const rest = before.slice(at).trimStart()
  return [first, ...words, ...own, ...(rest === '' ? [] : [rest])].join(' ')
}

const MAKEFLAGS = 'MAKEFLAGS='

function withFlags(env: EnvVars, jobs: number, auth: string): EnvVars {
  const before = env.envp.find((pair) => pair.startsWith(MAKEFLAGS)) ?? MAKEFLAGS
  const others = env.envp.filter((pair) => !pair.startsWith(MAKEFLAGS))
  const flags = makeFlags(before.slice(MAKEFLAGS.length), jobs, auth)
  return Object.freeze({ ...env, envp: [...others, `${MAKEFLAGS}${flags}`] })
}

/**
 * One token stands for one job: a command of the batch takes one for as long as it runs, and
 * a make among them one more for each job beyond its first.
 */
export class JobServer {
  readonly #jobs: number
  readonly #form: JobServerForm
  readonly #dir: string
  readonly #path: string
  /** Ours, which does not block. */
  readonly #fd: number
  /** Those of the commands, by which they read and write. */
  readonly #ends: number[] = []

  /** Throws an error with the code of a system call. */
  constructor(jobs: number, form: JobServerForm | true) {
    this.#jobs = jobs
    this.#form = form === true ? formOfMake() : form
    this.#dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
    this.#path = join(this.#dir, 'jobserver')
    try {
      const errno = -loadBinding().makeFifo(this.#path)
      if (errno > 0) {
        const code = errnoName(errno)
        throw Object.assign(new Error(`cannot make ${this.#path}: ${code}`), {
          code,
          errno: -errno,
        })
      }
      this.#fd = openSync(this.#path, O_RDWR | O_NONBLOCK)
      if (this.#form === 'pipe') {
        for (const flags of [O_RDONLY, O_WRONLY]) this.#ends.push(openSync(this.#path, flags))
      }
    } catch (error) {
      this.#remove()
      throw error
    }
    process.on('exit', this.#remove)
    this.#put(jobs)
  }

  #put(count: number): void {
    if (count > 0) writeSync(this.#fd, Buffer.alloc(count, TOKEN))
  }

  /** Takes at most so many tokens. Returns how many there were. */
  #take(most: number): number {
    try {
      return readSync(this.#fd, Buffer.alloc(most))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
      throw error
    }
  }

  /** Whether there was a token; it is the caller's now. */
  take(): boolean {
    return this.#take(1) === 1
  }

  /** Gives a token back. */
  give(): void {
    this.#put(1)
  }

  /** No command runs: the tokens that are not here are lost, with the makes that had them. */
  restore(): void {
    while (this.#take(this.#jobs) > 0);
    this.#put(this.#jobs)
  }

  /** The command, as a client of this server. */
  serve(settings: CommandSettings): CommandSettings {
    const first = settings.stdio.length
    const isFifo = this.#form === 'fifo'
    const auth = isFifo ? `fifo:${this.#path}` : `${first},${first + 1}`
    const env = withFlags(settings.env, this.#jobs, auth)
    if (isFifo) return Object.freeze({ ...settings, env })
    const ends = this.#ends.map((fd) => ({ kind: 'fd', fd }) as const)
    return Object.freeze({ ...settings, env, stdio: [...settings.stdio, ...ends] })
  }

  close(): void {
    process.off('exit', this.#remove)
    for (const fd of [this.#fd, ...this.#ends]) closeSync(fd)
    this.#remove()
  }

  readonly #remove = (): void => {
    rmSync(this.#dir, { recursive: true, force: true })
  }
}
