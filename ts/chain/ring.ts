import { type BackendName, type BackendOption, nameOfKind } from '../backend/backends.js'
import { selectBackend } from '../backend/select.js'
import { type Core, getCore, type LaunchEvents, type LaunchPipe } from '../core/core.js'
import { later, now } from '../core/runtime.js'
import { argumentError } from '../model/argument-error.js'
import type { EnvVars } from '../model/envvars.js'
import { EAGAIN, EINVAL, ESRCH, errnoName } from '../model/errno.js'
import type { Exit } from '../model/exit.js'
import { checkFds, checkOps } from '../model/limits.js'
import type { Chain, ChainOp } from '../model/operations.js'
import { wasSignalled } from '../model/signals.js'
import { readRing, readSubmit } from '../options/check.js'
import { Compiled } from './compile.js'
import { pack } from './pack.js'

/** Milliseconds until a signal is sent again to a child that is still being made. */
const RETRY_MS = 2

/** The outcome of one operation, as in its CQE. */
export interface Completion {
  /** The operation. */
  op: ChainOp['op']
  /**
   * Its result (for `clone` of a chain that started, the pid), or a negative
   * errno; -125 (ECANCELED) if it did not run.
   */
  res: number
  /** The CQE's flags; 0 at present. */
  flags: number
}

/** Whether the program has started. */
export type Outcome =
  | {
      /** The program runs. */
      started: true
      /** The process id. */
      pid: number
      /** A descriptor of the process, open until `exited` settles. */
      pidfd: number
      /** Each operation's result; null unless requested. */
      results: Int32Array | null
      /** The caller's ends of the pipes that the launch made. */
      fds: readonly number[]
    }
  | {
      /** There is no process. */
      started: false
      /** The error's number, positive. */
      errno: number
      /** The operation that failed, from 0. */
      index: number
      /** Each operation's result; null unless requested. */
      results: Int32Array | null
    }

/** Pipes that are made with the child. */
export interface Pipes {
  pipes: readonly LaunchPipe[]
  /** For pipes that are collected: what to write to one, and what has been read. */
  input: Uint8Array | undefined
  output: ((which: number, bytes: Buffer, truncated: boolean, errno: number) => void) | undefined
  overflow: ((which: number) => void) | undefined
  /** What Submission.more() has asked for. */
  chunk?: ((which: number, bytes: Buffer) => void) | undefined
}

/** A launch that the watcher is to know, or that of the watcher itself. */
export type Watching = 'doomed' | 'watcher'

/** Options of Ring.submit(). */
export interface SubmitOptions {
  /** Descriptors to close once the launch has succeeded or failed. */
  closeFds?: readonly number[] | undefined
}

/** For Ring.launch(). @internal */
export interface LaunchHow {
  /** Where the child starts, from Binding.place(); 0: where the process is now. */
  place: number
  /** When the call began, by the clock of now(). */
  begin: number
  watching?: Watching | undefined
}

interface Internals extends LaunchHow {
  closeFds: readonly number[] | undefined
  pipes: Pipes | undefined
  wantResults: boolean
}

const none: readonly number[] = []

/** The state of a chain that has been submitted. */
class Progress implements LaunchEvents {
  readonly outcome: Promise<Outcome>
  readonly exited: Promise<Exit>
  backend: BackendName
  /** There is no process to signal. */
  over = false
  /** Once it has started. */
  pid = 0
  pending = 1
  readonly #core: Core
  readonly #kind: number
  readonly #pipes: Pipes | undefined
  readonly #begin: number
  #resolveOutcome!: (outcome: Outcome) => void
  #resolveExited!: (exit: Exit) => void
  #referenced = true

  constructor(
    core: Core,
    backend: { name: BackendName; kind: number },
    pipes: Pipes | undefined,
    begin: number,
  ) {
    this.#core = core
    this.#kind = backend.kind
    this.#pipes = pipes
    this.#begin = begin
    this.backend = backend.name
    for (const { input, collect } of pipes?.pipes ?? []) if (collect && !input) this.pending++
    this.outcome = new Promise((resolve) => {
      this.#resolveOutcome = resolve
    })
    this.exited = new Promise((resolve) => {
      this.#resolveExited = resolve
    })
  }

  started(
    pid: number,
    pidfd: number,
    results: Int32Array | null,
    fds: readonly number[] | null,
    by: number,
  ): void {
    if (by !== this.#kind) {
      this.backend = nameOfKind(by) ?? this.backend
    }
    this.pid = pid
    this.#resolveOutcome({ started: true, pid, pidfd, results, fds: fds ?? [] })
  }

  failed(errno: number, index: number, results: Int32Array | null): void {
    this.over = true
    this.pending = 0
    this.unref()
    this.#resolveOutcome({ started: false, errno, index, results })
  }

  ended(exit: Exit): void {
    this.over = true
    exit.durationMs = now() - this.#begin
    this.#came()
    this.#resolveExited(exit)
  }

  output(which: number, errno: number, bytes: Buffer, truncated: boolean): void {
    this.#came()
    this.#pipes?.output?.(which, bytes, truncated, errno)
  }

  overflow(which: number): void {
    this.#pipes?.overflow?.(which)
  }

  chunk(which: number, bytes: Buffer): void {
    this.#pipes?.chunk?.(which, bytes)
  }

  /** A grandchild may keep the output open after the exit: wait for both to end. */
  #came(): void {
    if (this.pending === 0) this.unref()
  }

  ref(): void {
    if (this.pending === 0) return
    if (!this.#referenced) this.#core.ref()
    this.#referenced = true
  }

  unref(): void {
    if (this.#referenced) this.#core.unref()
    this.#referenced = false
  }
}

/** A chain that has been submitted. Await it for the completion of every link, in order. */
export class Submission implements PromiseLike<readonly Completion[]> {
  /** Settles once the exec has succeeded, or can no longer succeed. */
  readonly outcome: Promise<Outcome>
  /** How the process ended; settles only if it started. */
  readonly exited: Promise<Exit>
  readonly #chain: Chain
  readonly #core: Core
  readonly #id: number
  readonly #progress: Progress

  /** @internal */
  constructor(
    core: Core,
    backend: { name: BackendName; kind: number },
    chain: Chain,
    { closeFds = none, pipes, place, wantResults, watching, begin }: Internals,
  ) {
    const progress = new Progress(core, backend, pipes, begin)
    try {
      this.#id = core.launch(
        {
          kind: backend.kind,
          chain: pack(chain),
          closeFds,
          pipes: pipes?.pipes,
          input: pipes?.input,
          place,
          wantResults,
          lazy: pipes?.output !== undefined,
          doomed: watching === 'doomed',
          watcher: watching === 'watcher',
        },
        progress,
      )
    } catch (error) {
      throw submitError(error)
    }
    core.ref()
    this.#core = core
    this.#chain = chain
    this.#progress = progress
    this.outcome = progress.outcome
    this.exited = progress.exited
  }

  /** The backend it was submitted to; once it has started, the one that made it. */
  get backend(): BackendName {
    return this.#progress.backend
  }

  #completions(outcome: Outcome): Completion[] {
    return this.#chain.map(({ op }, index) => {
      const res = outcome.results?.[index] ?? 0
      // Only a ring reports the pid as clone's result.
      const pid = index === 0 && outcome.started ? outcome.pid : res
      return { op, res: pid, flags: 0 }
    })
  }

  // biome-ignore lint/suspicious/noThenProperty: this makes it awaitable
  then<A = readonly Completion[], B = never>(
    onfulfilled?: ((completions: readonly Completion[]) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.outcome.then((outcome) => this.#completions(outcome)).then(onfulfilled, onrejected)
  }

  /**
   * Signals the process through its pidfd, even before its exec.
   * @returns false if it has ended
   * @throws an error with the code EPERM if this process may not signal it: a
   *   program of another user, as one with the set-user-ID bit is
   */
  kill(signal: number): boolean {
    return wasSignalled(`cannot signal process ${this.#progress.pid}`, -this.signal(signal))
  }

  /** Whether it has ended, or failed to start. @internal */
  get over(): boolean {
    return this.#progress.over
  }

  /** kill() that returns 0 or -errno. @internal */
  signal(signal: number): number {
    if (this.#progress.over) return -ESRCH
    const ret = this.#core.binding.kill(this.#id, signal)
    if (ret !== -EAGAIN) return ret
    later(RETRY_MS, () => this.signal(signal))
    return 0
  }

  /** signal() for the process group that it leads, also after its end. @internal */
  signalWithGroup(signal: number): number {
    const { binding } = this.#core
    const { over, pid } = this.#progress
    const ret = over ? -ESRCH : binding.killWithGroup(this.#id, signal)
    // It has ended, but others may not have.
    if (ret === -ESRCH && pid > 0) return binding.killGroup(this.#id, pid, signal)
    if (ret !== -EAGAIN) return ret
    later(RETRY_MS, () => this.signalWithGroup(signal))
    return 0
  }

  /** A copy of its pidfd, the caller's; undefined if it has ended or is still being made. @internal */
  hold(): number | undefined {
    const fd = this.#core.binding.hold(this.#id)
    return fd < 0 ? undefined : fd
  }

  /** Blocks until it has started or failed: its pid, or -errno. @internal */
  wait(): number {
    this.#core.binding.flush()
    return this.#core.binding.wait(this.#id)
  }

  /** Signals the process group of the process, whose pid is `pid`: 0 or -errno. @internal */
  killGroup(pid: number, signal: number): number {
    return this.#core.binding.killGroup(this.#id, pid, signal)
  }

  /** Binding.more(). @internal */
  more(which: number): void {
    this.#core.binding.more(this.#id, which)
  }

  /** Stops collecting output that a grandchild holds open. @internal */
  stopOutput(): void {
    this.#core.binding.stopOutput(this.#id)
  }

  /** Keeps the program running until the process ends; this is the default. */
  ref(): void {
    this.#progress.ref()
  }

  /** Lets the program end while the process runs. */
  unref(): void {
    this.#progress.unref()
  }
}

/** An error of the core, with a code: EINVAL means a malformed chain, so a bad argument. @internal */
export function submitError(error: unknown): unknown {
  const { errno, message } = error as NodeJS.ErrnoException
  if (errno === undefined) return error
  if (errno === EINVAL) return argumentError('ERR_INVALID_ARG_VALUE', message)
  return Object.assign(error as Error, { code: errnoName(errno) })
}

/** Checks a chain made by hand; assemble() checks all others. */
function checkSize(chain: Chain): void {
  checkOps(chain.length, () => 'start what needs so many steps by a program of its own')
  const [head] = chain
  if (head?.op === 'clone' && head.fds) checkFds(head.fds.length)
}

/** Options of a Ring. */
export interface RingOptions {
  /** Which backend runs the chains; default: the best that works. */
  backend?: BackendOption | undefined
}

/** For Ring.for(). */
const rings = new Map<BackendName, Ring>()

/**
 * Chains are submitted to a Ring. The kernel's ring belongs to the JavaScript
 * environment; all Ring objects share it, and cost nothing.
 */
export class Ring {
  /** The backend that runs its chains. */
  readonly backend: BackendName
  /** Whether that backend starts from kernel templates. @internal */
  readonly templates: boolean
  readonly #kind: number
  readonly #core: Core

  /** Throws if the platform is not supported or the named backend does not work. */
  constructor(options: RingOptions = {}) {
    const { backend } = readRing(options)
    this.#core = getCore()
    const selected = selectBackend(this.#core.info, backend)
    this.backend = selected.name
    this.templates = selected.templates
    this.#kind = selected.kind
  }

  /** The Ring of the backend for a start, made once; the parameters are selectBackend()'s. @internal */
  static for(option: BackendName | 'auto' | undefined, env: EnvVars): Ring {
    const { name } = selectBackend(getCore().info, option, env)
    let ring = rings.get(name)
    if (ring === undefined) {
      ring = new Ring({ backend: name })
      rings.set(name, ring)
    }
    return ring
  }

  /**
   * Submits a chain. All submitted in one turn of the event loop go to the
   * kernel together. Throws on a chain that is malformed: `clone` must be its
   * head, and only that; `exec` its last operation; there are at most 1000
   * operations, and 1024 descriptors in the list of `clone`.
   */
  submit(chain: Chain | Compiled, options: SubmitOptions = {}): Submission {
    if (!(chain instanceof Compiled)) checkSize(chain)
    const { closeFds } = readSubmit(options)
    const rest = { pipes: undefined, place: 0, wantResults: true, begin: now() }
    if (!(chain instanceof Compiled)) return this.#submit([...chain], { closeFds, ...rest })
    return chain.handOver((childFds) => {
      const fds = closeFds ? [...childFds, ...closeFds] : childFds
      return this.#submit(chain.chain, { closeFds: fds, ...rest })
    })
  }

  /** submit() without the completions: only the outcome. @internal */
  launch(compiled: Compiled, pipes: Pipes, how: LaunchHow): Submission {
    return compiled.handOver((closeFds) =>
      this.#submit(compiled.chain, { closeFds, pipes, wantResults: false, ...how }),
    )
  }

  #submit(chain: Chain, internals: Internals): Submission {
    const backend = { name: this.backend, kind: this.#kind }
    return new Submission(this.#core, backend, chain, internals)
  }
}
