/** A run() that has not ended: its result, and a handle to the program. */
import type { Readable, Writable } from 'node:stream'
import { argumentError } from './model/argument-error.js'
import { signalNumber, wasSignalled } from './model/signals.js'
import { checkLineEncoding, checkOneOf } from './model/values.js'
import { InputSource } from './options/input.js'
import type { RunSettings } from './options/settings.js'
import type { Launch, Started } from './process/launch.js'
import { Lines } from './process/lines.js'
import type { OutputName, Outputs } from './process/outputs.js'
import { LazyPipe } from './process/pipe.js'
import { noTerminal, type Terminal } from './process/terminal.js'
import type { RunResult } from './run-result.js'

/** What run() tells the handle while it goes on. */
export class RunControl {
  settings: RunSettings | undefined
  /** It has a result, or an error. */
  over = false
  outputs: Outputs | undefined
  pid: number | undefined
  /** By descriptor: those that the caller writes to, or reads from and writes to. */
  pipes: (LazyPipe | undefined)[] | undefined
  #launch: Launch | undefined
  /** A signal for a program that has not been launched yet. */
  #early: number | undefined
  #hurries = false
  #onStart: ((pid: number) => void)[] | undefined

  /** The program is being made. */
  launched(launch: Launch): void {
    this.#launch = launch
    if (this.#hurries) launch.hurry()
    if (this.#early !== undefined) launch.signal(this.#early)
  }

  /** Once the program is being made. */
  get terminal(): Terminal | undefined {
    return this.#launch?.terminal
  }

  /** The program runs; the caller has the ends of its pipes, except that of a Feed. */
  begun({ pid, pipes }: Started): void {
    this.pid = pid
    const fed = this.settings?.input instanceof InputSource
    for (const pipe of pipes) {
      if (pipe.index === 0 && fed) continue
      this.pipes ??= []
      this.pipes[pipe.index] = new LazyPipe(pipe)
    }
    for (const start of this.#onStart ?? []) start(pid)
  }

  /** The program has ended. */
  ended(): void {
    for (const pipe of this.pipes ?? []) pipe?.ended()
  }

  /** Nobody else waits for the start, so it is not told before the end. */
  hurry(): void {
    this.#hurries = true
    this.#launch?.hurry()
  }

  onStart(start: (pid: number) => void): void {
    if (this.pid !== undefined) start(this.pid)
    else if (this.#onStart) this.#onStart.push(start)
    else this.#onStart = [start]
  }

  /** 0 or -errno. */
  signal(signal: number): number {
    if (this.#launch) return this.#launch.signal(signal)
    this.#early = signal
    return 0
  }
}

/**
 * The promise of a run(), which resolves to its result, and meanwhile a handle to the
 * program.
 */
export class Running<T = string> extends Promise<RunResult<T>> {
  /** What then() returns is a plain promise. */
  static override get [Symbol.species]() {
    return Promise
  }

  readonly #control: RunControl
  #started: Promise<number> | undefined

  /** @internal */
  constructor(result: Promise<RunResult<T>>, control: RunControl) {
    super((resolve) => resolve(result))
    this.#control = control
  }

  /** The process id, once the program has started; undefined before. */
  get pid(): number | undefined {
    this.#control.hurry()
    return this.#control.pid
  }

  /** The process id, as soon as the program has started. Rejects as the call does if it does not. */
  get started(): Promise<number> {
    if (this.#started) return this.#started
    const control = this.#control
    control.hurry()
    const started = new Promise<number>((resolve, reject) => {
      control.onStart((pid) => resolve(pid))
      this.then(({ pid }) => {
        if (pid !== null) resolve(pid)
        else reject(Object.assign(new Error('timed out before it ran'), { code: 'ETIMEDOUT' }))
      }, reject)
    })
    started.catch(() => {})
    this.#started = started
    return started
  }

  /** With `input: true`, what the program reads; null otherwise. End it: the program waits for that. */
  get stdin(): Writable | null {
    const input = this.#control.settings?.input
    return (input instanceof InputSource ? input.stream : undefined) ?? null
  }

  /**
   * By descriptor, once the program has started: a stream for each `{ pipe: 'in' }` above 0,
   * and each `{ pipe: 'both' }`; null for others. End them: the program may wait for that.
   */
  get stdio(): readonly (Readable | Writable | null)[] {
    return Array.from(this.#control.pipes ?? [], (pipe) => pipe?.stream ?? null)
  }

  /** With `stdio: 'pty'`, gives the terminal another size; the program gets SIGWINCH. */
  resize(columns: number, rows: number): void {
    const { terminal } = this.#control
    if (!terminal) throw noTerminal()
    terminal.resize(columns, rows)
  }

  /**
   * Sends a signal through the pidfd, so never to another process. A program that is not
   * being made yet will not be.
   * @param signal name or number; 0 only checks whether the process exists
   * @returns false if the process has ended
   * @throws an error with the code EPERM if this process may not signal it
   */
  kill(signal: NodeJS.Signals | number = 'SIGTERM'): boolean {
    const number = signalNumber('signal', signal)
    if (this.#control.over || !this.#control.settings) return false
    return wasSignalled('cannot signal the program', -this.#control.signal(number))
  }

  /**
   * The lines of an output while the program runs, from the beginning as far as it is kept.
   * A slow loop holds the program back; leaving it does not end the program. After the
   * last line the loop throws what the call rejects with. Only LF ends a line, and a line
   * of more than 1 MiB comes in pieces.
   * @param from 'stdout', 'stderr', or with the option `all` only 'all'
   */
  lines(from?: 'stdout' | 'stderr' | 'all'): AsyncIterableIterator<string, undefined> {
    const { settings, outputs } = this.#control
    const name: OutputName = from ?? (settings?.all ? 'all' : 'stdout')
    checkOneOf('from', name, settings?.all ? ['all'] : ['stdout', 'stderr'])
    checkLineEncoding('lines()', settings?.encoding)
    // The loop throws it, perhaps long after it has come.
    this.catch(() => {})
    const lines = new Lines(settings?.encoding ?? 'utf8', () => this)
    if (!outputs) {
      lines.end()
      return lines
    }
    const index = name === 'stderr' ? 2 : 1
    if (!outputs.has(index)) {
      throw argumentError('ERR_INVALID_STATE', `lines of ${name} need stdio[${index}] to be 'pipe'`)
    }
    outputs.read(
      index,
      lines.onLeave((reader) => outputs.forget(index, reader)),
    )
    return lines
  }

  /** lines(): for `for await (const line of run(…))`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<string, undefined> {
    return this.lines()
  }
}
