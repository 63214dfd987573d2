/**
 * Stands in for the native handle of a ChildProcess: Node's JavaScript calls it to
 * start the program, and is called back as that handle would.
 */
import { AsyncResource } from 'node:async_hooks'
import type { ChildProcess } from 'node:child_process'
import { nameOfKind } from '../backend/backends.js'
import { pack } from '../chain/pack.js'
import type { LaunchEvents } from '../core/core.js'
import { EAGAIN, ESRCH } from '../model/errno.js'
import type { Exit } from '../model/exit.js'
import type { Told } from '../process/told.js'
import { holdReading, releaseReading } from './reading.js'
import { chainOf, type Launcher, nativeName, reasonOf, type SpawnOptions } from './start.js'
import { ChildStdio, type StdioEntry, UnknownEntry } from './stdio.js'
import { type Held, joinStarts, type Starts } from './together.js'

/** What Node's constructor puts on a ChildProcess. */
export interface NativeHandle {
  pid?: number | undefined
  onexit?: ((code: number | null, signal: string) => void) | undefined
  spawn(...args: unknown[]): number
}

/** A single argument may not be longer; more than that may be too long for an exec. */
const LARGE = 128 * 1024

const own = new WeakSet<object>()

/** Hooks learn of the end of a handle when it is closed, as of the native one's. */
const untilClosed = { requireManualDestroy: true }

/** Reads the pid of a child that is still being started, by waiting for it. */
const pidProperty: PropertyDescriptor & ThisType<ChildProcess> = {
  configurable: true,
  enumerable: true,
  get() {
    return handleOf(this)?.waitForPid()
  },
  set(value: unknown) {
    definePid(this, value)
  },
}

/** Of a child that the program has sealed, it stays as it is. */
function definePid(child: ChildProcess, value: unknown): void {
  Reflect.defineProperty(child, 'pid', {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  })
}

function handleOf(child: ChildProcess): ChildHandle | undefined {
  const { _handle: handle } = child as unknown as { _handle: object | null }
  return handle && own.has(handle) ? (handle as ChildHandle) : undefined
}

/**
 * Node cannot free a native handle that never started a program. Nor can the child be
 * freed then, unless the handle lets go of it. Don't have it start something that libuv
 * refuses, so that close() works: with Node 26 that corrupts memory now and then.
 */
function forget(native: NativeHandle): void {
  native.onexit = undefined
  for (const symbol of Object.getOwnPropertySymbols(native)) {
    ;(native as unknown as Record<symbol, unknown>)[symbol] = undefined
  }
}

export class ChildHandle implements LaunchEvents, Held {
  /** What ChildProcess.spawn() copies: only a start that was waited for has it. */
  pid: number | undefined
  pending = 1
  afterReading = false
  readonly #launcher: Launcher
  readonly #child: ChildProcess
  readonly #native: NativeHandle
  readonly #onexit: NativeHandle['onexit']
  readonly #options: SpawnOptions
  readonly #told: Told | undefined
  readonly #resource = new AsyncResource('PROCESSWRAP', untilClosed)
  #stdio: readonly StdioEntry[] = []
  #id = 0
  /** Whether the start goes on after ChildProcess.spawn() has returned. */
  #later = false
  /** Node's JavaScript has been told that the start failed. */
  #refused = false
  #settled = false
  /** Those that were asked for together with it, until they have all been told. */
  #starts: Starts | undefined
  /** Came before that: is told once there has been time to read. */
  #exit: Exit | undefined
  #over = false
  #referenced = false
  /** The program's wish, which counts from the start on. */
  #wantsReference = true

  constructor(
    launcher: Launcher,
    child: ChildProcess,
    native: NativeHandle,
    options: SpawnOptions,
    told: Told | undefined,
  ) {
    this.#launcher = launcher
    this.#child = child
    this.#native = native
    this.#onexit = native.onexit
    this.#options = options
    this.#told = told
    own.add(this)
  }

  /**
   * Queues the start. Returns -EAGAIN when that was possible: with it Node's
   * JavaScript makes the streams and does not emit 'spawn'. Otherwise returns what the
   * native handle would.
   * @param given the native handle's arguments: one object of options, or several
   */
  spawn(...given: unknown[]): number {
    if (this.#told) this.#told.asked = true
    const stdio = given.length > 1 ? given[4] : (given[0] as SpawnOptions).stdio
    let ret: number
    try {
      ret = this.#launch(stdio as StdioEntry[])
    } catch (error) {
      if (!(error instanceof UnknownEntry)) this.#launcher.cannot(error)
      if (this.#told) this.#told.reason = reasonOf(error)
      ;(this.#child as unknown as { _handle: NativeHandle })._handle = this.#native
      this.close()
      return this.#native.spawn(...given)
    }
    if (this.#later) return -EAGAIN
    if (ret < 0) this.#refused = true
    return ret
  }

  /**
   * What the native handle would return, unless the start goes on. Throws, with
   * nothing begun, if the launcher cannot do it.
   */
  #launch(stdio: readonly StdioEntry[]): number {
    const { core, kind } = this.#launcher
    const made = new ChildStdio(core.binding, this.#launcher.inheritFds)
    let launched = false
    let size: number
    try {
      let ret = made.make(stdio)
      if (ret === 0 && this.#options.cwd !== '') ret = made.openCwd(this.#options.cwd)
      if (ret < 0) {
        if (this.#told) this.#told.refusal = -ret
        return ret
      }
      const ops = chainOf(this.#launcher, this.#options, made)
      if (this.#told) this.#told.steps = ops.map(({ step }) => step)
      const chain = pack(ops)
      size = chain.size
      const { childFds } = made
      this.#stdio = stdio
      this.afterReading = holdReading(stdio)
      const request = { kind, chain, closeFds: childFds, place: 0, likeUvSpawn: true }
      this.#id = core.launch(request, this)
      launched = true
      this.#starts = joinStarts()
    } finally {
      if (!launched) {
        made.close()
        releaseReading(stdio)
      }
    }
    this.#reference()
    made.openPipes()
    forget(this.#native)
    // Errors of these are thrown by spawn() itself.
    if (size >= LARGE) return this.#waitNow()
    this.#later = true
    return 0
  }

  /** The pid is known when it returns, as with the native handle: 0 or -errno. */
  #waitNow(): number {
    const ret = this.#wait()
    this.#settled = true
    releaseReading(this.#stdio)
    if (ret < 0) {
      this.#unreference()
      return ret
    }
    this.pid = ret
    return 0
  }

  #wait(): number {
    const wait = () => this.#launcher.core.binding.wait(this.#id)
    return this.#told ? this.#told.wait(wait) : wait()
  }

  /** After ChildProcess.spawn(): whether the start goes on. */
  get startsLater(): boolean {
    return this.#later
  }

  /** Lets the program ask for the pid before it is known. */
  deferPid(): void {
    if (!this.#settled) Object.defineProperty(this.#child, 'pid', pidProperty)
  }

  /** Blocks until the program has started or failed to; its pid, if it has one. */
  waitForPid(): number | undefined {
    if (!this.#settled && this.pid === undefined) {
      const ret = this.#wait()
      if (ret > 0) this.pid = ret
    }
    return this.pid
  }

  started(pid: number, _pidfd: number, _results: unknown, _fds: unknown, by: number): void {
    this.#tell((told) => {
      told.backend = nameOfKind(by) ?? told.backend
      told.started(pid)
    })
    const starts = this.#starts
    if (this.afterReading) starts?.hold(this)
    else this.#starts = undefined
    starts?.tell()
    if (this.#settled) return
    this.pid = pid
    this.#settle()
    this.#call(() => this.#child.emit('spawn'))
  }

  read(): void {
    releaseReading(this.#stdio)
    this.#stdio = []
  }

  /** What was there has been read. */
  release(): void {
    this.#starts = undefined
    const exit = this.#exit
    this.#exit = undefined
    if (exit) this.#end(exit)
  }

  failed(errno: number, index: number): void {
    this.#over = true
    this.#unreference()
    this.#tell((told) => told.failed(errno, told.steps[index]))
    this.#starts?.tell()
    this.#starts = undefined
    if (this.#settled) return
    this.pid = undefined
    this.#settle()
    releaseReading(this.#stdio)
    this.#stdio = []
    this.#call(() => this.#onexit?.(-errno, ''))
  }

  ended(exit: Exit): void {
    if (this.#starts) this.#exit = exit
    else this.#end(exit)
  }

  #end(exit: Exit): void {
    const { code, signal } = exit
    this.#over = true
    this.#unreference()
    this.#tell((told) => told.ended(exit))
    // The native handle says 0 besides a signal.
    const name = signal === null ? '' : nativeName(signal)
    this.#call(() => this.#onexit?.(signal === null ? code : 0, name))
  }

  output(): void {}
  chunk(): void {}

  overflow(): void {}

  #settle(): void {
    this.#settled = true
    this.#fixPid()
    if (!this.#wantsReference) this.#unreference()
  }

  /** Unless the program has put something else there. */
  #fixPid(): void {
    const { get } = Object.getOwnPropertyDescriptor(this.#child, 'pid') ?? {}
    if (get === pidProperty.get) definePid(this.#child, this.pid)
  }

  /** In the context of the call, as the program's events are. */
  #tell(then: (told: Told) => void): void {
    const told = this.#told
    if (told) this.#resource.runInAsyncScope(then, undefined, told)
  }

  /** Errors of the program's listeners are uncaught exceptions, at once. */
  #call(then: () => void): void {
    this.#resource.runInAsyncScope(() => {
      try {
        then()
      } catch (error) {
        this.#launcher.core.binding.fatal(error)
      }
    })
  }

  /**
   * Called by Node's JavaScript after spawn() has returned an error. The first time it
   * is because of that -EAGAIN.
   */
  onexit(code: number, signal: string): void {
    if (this.#refused) this.#onexit?.(code, signal)
  }

  kill(signal: number): number {
    if (this.#over) return -ESRCH
    const { binding } = this.#launcher.core
    if (!this.#settled && this.#wait() < 0) return -ESRCH
    // It has ended, which the program has not been told.
    if (this.#exit) return 0
    return binding.kill(this.#id, signal)
  }

  #reference(): void {
    if (!this.#referenced) this.#launcher.core.ref()
    this.#referenced = true
  }

  #unreference(): void {
    if (this.#referenced) this.#launcher.core.unref()
    this.#referenced = false
  }

  ref(): void {
    this.#wantsReference = true
    if (this.#settled && !this.#over) this.#reference()
  }

  /** A start that fails must still be reported: it keeps the program running. */
  unref(): void {
    this.#wantsReference = false
    if (this.#settled) this.#unreference()
  }

  hasRef(): boolean {
    return this.#wantsReference && !this.#over
  }

  getAsyncId(): number {
    return this.#resource.asyncId()
  }

  close(): void {
    this.#resource.emitDestroy()
  }
}
