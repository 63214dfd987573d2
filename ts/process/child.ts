import type { Readable, Writable } from 'node:stream'
import type { BackendName } from '../backend/backend.js'
import type { Exit } from '../chain/exit.js'
import type { StdioOption } from '../options/types.js'
import { signalNumber } from '../options/values.js'
import type { StderrOf, StdinOf, StdoutOf } from '../types.js'
import type { Launch, Started } from './launch.js'
import { LazyPipe } from './pipe.js'

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
  /** Whether the kernel started it from a template. */
  readonly fromTemplate: boolean
  readonly spawnfile: string
  readonly spawnargs: readonly string[]
  /** How it ended; always settles, never rejects. */
  readonly exited: Promise<Exit>
  readonly #launch: Launch
  /** By descriptor. */
  readonly #pipes: (LazyPipe | undefined)[] = [undefined, undefined, undefined]

  /** @internal */
  constructor(launch: Launch, { pid, pidfd, pipes }: Started) {
    this.pid = pid
    this.pidfd = pidfd
    this.backend = launch.backend
    this.fromTemplate = launch.fromTemplate
    this.spawnfile = launch.file
    this.spawnargs = launch.args
    this.exited = launch.exited
    this.#launch = launch
    if (pipes.length === 0) return
    for (const pipe of pipes) this.#pipes[pipe.index] = new LazyPipe(pipe)
    // Also keeps the pipes open as long as the child may use them.
    launch.exited.then(() => {
      for (const pipe of this.#pipes) pipe?.settle()
    })
  }

  get stdin(): StdinOf<S> {
    return this.#stream(0) as StdinOf<S>
  }

  get stdout(): StdoutOf<S> {
    return this.#stream(1) as StdoutOf<S>
  }

  get stderr(): StderrOf<S> {
    return this.#stream(2) as StderrOf<S>
  }

  /** Ours of its pipes by descriptor; null where that is no pipe. */
  get stdio(): readonly (Readable | Writable | null)[] {
    return Array.from(this.#pipes, (pipe) => pipe?.stream ?? null)
  }

  #stream(index: number): Readable | Writable | null {
    return this.#pipes[index]?.stream ?? null
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
