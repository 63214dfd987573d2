import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import type { BackendName } from '../backend/backend.js'
import type { Exit } from '../chain/exit.js'
import { signalNumber } from '../options/check.js'
import type { StdioOption } from '../options/types.js'
import type { StderrOf, StdinOf, StdoutOf } from '../types.js'
import type { Launch, Started } from './launch.js'

/**
 * A process that has started. Its streams are there where its `stdio` made
 * pipes, which their types know.
 */
export class Child<S = StdioOption> implements AsyncDisposable {
  readonly pid: number
  /** Open until `exited` settles; duplicate it to keep it. */
  readonly pidfd: number
  /** What made it. */
  readonly backend: BackendName
  readonly spawnfile: string
  readonly spawnargs: readonly string[]
  readonly stdin: StdinOf<S>
  readonly stdout: StdoutOf<S>
  readonly stderr: StderrOf<S>
  /** Ours of its pipes by descriptor; null where that is no pipe. */
  readonly stdio: readonly (Readable | Writable | null)[]
  /** How it ended; always settles, never rejects. */
  readonly exited: Promise<Exit>
  readonly #launch: Launch

  /** @internal */
  constructor(launch: Launch, { pid, pidfd }: Started) {
    this.pid = pid
    this.pidfd = pidfd
    this.backend = launch.backend
    this.spawnfile = launch.file
    this.spawnargs = launch.args
    this.exited = launch.exited
    this.#launch = launch
    const stdio: (Socket | null)[] = [null, null, null]
    for (const { index, fd, input } of launch.pipes) {
      stdio[index] = new Socket({ fd, readable: !input, writable: input })
    }
    this.stdio = Array.from(stdio, (stream) => stream ?? null)
    this.stdin = (stdio[0] ?? null) as StdinOf<S>
    this.stdout = (stdio[1] ?? null) as StdoutOf<S>
    this.stderr = (stdio[2] ?? null) as StderrOf<S>
  }

  /** Signals through the pidfd. False where the process is over. */
  kill(signal: NodeJS.Signals | number = 'SIGTERM'): boolean {
    return this.#launch.kill(signalNumber('signal', signal))
  }

  /** Signals its process group; it must lead one (`detached`, `processGroup: 0`). */
  killGroup(signal: NodeJS.Signals | number = 'SIGTERM'): boolean {
    const number = signalNumber('signal', signal)
    try {
      return process.kill(-this.pid, number)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
      throw error
    }
  }

  /** Whether waiting for it keeps the program running; it does at first. */
  ref(): void {
    this.#launch.ref()
  }

  unref(): void {
    this.#launch.unref()
  }

  /** Kills it and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL')
    await this.exited
  }
}
