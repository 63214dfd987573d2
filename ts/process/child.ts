import type { Readable, Writable } from 'node:stream'
import type { BackendName } from '../backend/backends.js'
import { getCore } from '../core/core.js'
import type { Exit } from '../model/exit.js'
import { SIGKILL, signalNumber, wasSignalled } from '../model/signals.js'
import type { StderrOf, StdinOf, StdoutOf } from '../options/inference.js'
import type { StdioOption } from '../options/options.js'
import type { Launch, Started } from './launch.js'
import { LazyPipe } from './pipe.js'
import type { Screen } from './screen.js'
import { noTerminal } from './terminal.js'

/**
 * A process that has started. It has a stream for each pipe in its `stdio`, and
 * null for other entries; the types follow that.
 */
export class Child<S = StdioOption> implements AsyncDisposable {
  /** The process id. */
  readonly pid: number
  /** A descriptor of the process, open until `exited` settles; duplicate it to keep it. */
  readonly pidfd: number
  /** The backend that made it. */
  readonly backend: BackendName
  /** Whether the kernel started it from a template. */
  readonly fromTemplate: boolean
  /** The executed program; with `shell`, the shell. */
  readonly spawnfile: string
  /** Its arguments after argv[0]. */
  readonly spawnargs: readonly string[]
  /** How it ended; always settles, never rejects. */
  readonly exited: Promise<Exit>
  readonly #launch: Launch
  /** What is written to its terminal, and whether somebody has accessed that. */
  readonly #screen: Screen | undefined
  #watched = false
  #closed: Promise<Exit> | undefined
  #referenced = true
  /** By descriptor. */
  readonly #pipes: (LazyPipe | undefined)[] = [undefined, undefined, undefined]

  /** @internal */
  constructor(launch: Launch, { pid, pidfd, pipes }: Started, screen: Screen | undefined) {
    this.pid = pid
    this.pidfd = pidfd
    this.backend = launch.backend
    this.fromTemplate = launch.fromTemplate
    this.spawnfile = launch.file
    this.spawnargs = launch.args
    this.exited = launch.exited
    this.#launch = launch
    this.#screen = screen
    if (pipes.length === 0) return
    for (const pipe of pipes) this.#pipes[pipe.index] = new LazyPipe(pipe)
    // This also keeps the pipes from being garbage-collected before: a child whose
    // object the caller has dropped would get EPIPE for what it writes.
    launch.exited.then(() => {
      for (const pipe of this.#pipes) pipe?.ended()
    })
  }

  /**
   * How it ended, once all of its output has, too: a grandchild may hold that open after
   * the exit. A stream that has been accessed counts as ended when it is read to its end
   * or destroyed, one that has not when nobody can write to it any more; what was written
   * is kept. Never rejects.
   */
  get closed(): Promise<Exit> {
    this.#closed ??= this.#whenClosed()
    return this.#closed
  }

  async #whenClosed(): Promise<Exit> {
    const exit = await this.exited
    const core = getCore()
    const referenced = this.#referenced
    if (referenced) core.ref()
    await Promise.all([this.#screenClosed(), ...this.#pipes.map((pipe) => pipe?.closed())])
    if (referenced) core.unref()
    return exit
  }

  async #screenClosed(): Promise<void> {
    const screen = this.#screen
    await screen?.ended
    const stream = this.#watched ? screen?.stream : undefined
    if (!stream || stream.closed) return
    await new Promise<void>((resolve) => stream.once('close', () => resolve()))
  }

  /** Writes to the child's descriptor 0; null if that is not a pipe. */
  get stdin(): StdinOf<S> {
    return this.#stream(0) as StdinOf<S>
  }

  /** Reads from the child's descriptor 1; null if that is not a pipe. */
  get stdout(): StdoutOf<S> {
    return this.#stream(1) as StdoutOf<S>
  }

  /** Reads from the child's descriptor 2; null if that is not a pipe. */
  get stderr(): StderrOf<S> {
    return this.#stream(2) as StderrOf<S>
  }

  /** A stream for each of the child's descriptors; null for those that are not pipes. */
  get stdio(): readonly (Readable | Writable | null)[] {
    return Array.from(this.#pipes, (_, index) => this.#stream(index))
  }

  #stream(index: number): Readable | Writable | null {
    if (this.#screen && index < 2) {
      if (index === 0) return this.#launch.terminal?.stdin ?? null
      this.#watched = true
      return this.#screen.stream
    }
    return this.#pipes[index]?.stream ?? null
  }

  /**
   * Sends a signal through the pidfd, so never to another process; with `killTarget:
   * 'group'` to everything in its process group, also after its own end.
   * @param signal name or number; 0 only checks whether there is a process
   * @returns false if the process, or the group, has ended
   * @throws an error with the code EPERM if this process may not signal it: a
   *   program of another user, as one with the set-user-ID bit is
   */
  kill(signal: NodeJS.Signals | number = 'SIGTERM'): boolean {
    const ret = this.#launch.signal(signalNumber('signal', signal))
    return wasSignalled(`cannot signal process ${this.pid}`, -ret)
  }

  /**
   * Signals its process group; it must lead one (`detached`, `processGroup: 0`).
   * @returns false if no process of the group is left
   * @throws an error with the code EPERM if this process may signal none of them
   */
  killGroup(signal: NodeJS.Signals | number = 'SIGTERM'): boolean {
    const ret = this.#launch.killGroup(this.pid, signalNumber('signal', signal))
    return wasSignalled(`cannot signal the process group ${this.pid}`, -ret)
  }

  /** With `stdio: 'pty'`, gives the terminal another size; the program gets SIGWINCH. */
  resize(columns: number, rows: number): void {
    const { terminal } = this.#launch
    if (!terminal) throw noTerminal()
    terminal.resize(columns, rows)
  }

  /** Keeps the program running until the child ends; this is the default. */
  ref(): void {
    this.#referenced = true
    this.#launch.ref()
  }

  /** Lets the program end while the child runs. */
  unref(): void {
    this.#referenced = false
    this.#launch.unref()
  }

  /** Sends SIGKILL, as kill() does, and waits for the end: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#launch.signal(SIGKILL)
    await this.exited
  }
}
