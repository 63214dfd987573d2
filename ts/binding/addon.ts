/** The addon's interface; uring-native/node implements it. */

/** The types of events, by the C core's numbers. */
export const EventType = {
  started: 0,
  failed: 1,
  exited: 2,
  output: 3,
  overflow: 4,
  fed: 5,
  chunk: 6,
} as const

/**
 * The numbers of an event, at these places of `EVENT_STRIDE` in `CoreInfo.events`:
 *
 * - started: `a` is the pid, `b` the pidfd, `by` the launcher that made it
 * - failed: `a` is -errno, `b` the index of the operation (of a pipe that could
 *   not be made: plus the number of operations)
 * - exited: `a` is si_code (0: other code took the status), `b` si_status, from
 *   `usage` on there are nine numbers in the order of ResourceUsage
 * - output: `a` is which, `b` 0 or -errno
 * - overflow, chunk: `a` is which
 * - fed: nothing; the addon no longer uses the input
 */
export const EventField = { type: 0, token: 1, a: 2, b: 3, by: 4, has: 5, usage: 6 } as const
export const EVENT_STRIDE = 16

/**
 * What an event has besides numbers, at two places of its own in `EventValues`:
 *
 * - value: results of the operations (started, failed), or bytes (output, chunk)
 * - fds: our end of each pipe, -1 for those that are collected (started)
 * - truncated: some of the output was dropped
 */
export const EventHas = { value: 1, fds: 2, truncated: 4 } as const
export type EventValues = unknown[]
export const EVENT_VALUES = 2

export interface CoreInfo {
  /** How the core waits: 'io_uring' or 'epoll'. */
  poller: 'io_uring' | 'epoll'
  /** Why there is no ring, or 0. */
  ringErrno: number
  /** Why the kernel cannot make processes through io_uring, or 0. */
  spawnErrno: number
  /** Why the kernel cannot make executable templates, or 0. */
  templateErrno: number
  /** Why the kernel cannot make processes that have not run, or 0. */
  embryoErrno: number
  /** Where take() puts the numbers of events. */
  events: Float64Array
  /** The number of this copy of the JavaScript in the environment. */
  client: number
}

/** A packed chain: the first `size` bytes of `buffer`, which the next chain reuses. */
export interface PackedChain {
  readonly buffer: Uint8Array
  readonly size: number
}

/**
 * Flags of a pipe: the child reads from it; the core itself reads or writes our end
 * (`launch()` only); the child writes to it (needed in `run()`; in `launch()` only for one
 * that it also reads from, which is then a stream socket); our end is there already, and
 * the chain does not name the pipe (`launch()` only, for output that is collected).
 */
export const PipeBits = { input: 1, collect: 2, output: 4, given: 8 } as const

/**
 * Flags of `launch()`:
 *
 * - wantResults: report the result of every operation
 * - lazy: do not wake up for a `started` event
 * - likeUvSpawn: begin at once, and start the process even if the program or the
 *   environment ends before; signals wait for its exec; its pid is its own until the
 *   `exited` event is taken; every event comes in a turn of the event loop of its own
 * - doomed: the file of `doomedFile()` has the group that the child leads, from before
 *   its exec until all of it has ended. It starts once the watcher has, or fails as that
 * - watcher: this is the watcher, which reads that file
 */
export const LaunchFlags = {
  wantResults: 1,
  lazy: 2,
  likeUvSpawn: 4,
  doomed: 8,
  watcher: 16,
} as const

/** The version that the addon must have: one that another copy has loaded may be older. */
export const BINDING_VERSION = 9

/** Tokens of launches are below this; the client's number is in the bits above. */
export const TOKENS = 2 ** 20

/**
 * What the function that is given to run() is told:
 *
 * - due: the time is over that it asked for
 * - much: some output was not kept, or `maxOutput` is exceeded
 * - over: the process has ended
 * - all: and so have the outputs
 */
export const News = { due: 0, much: 1, over: 2, all: 3 } as const

/** One of them. */
export type NewsNumber = (typeof News)[keyof typeof News]

/**
 * What it answers: milliseconds until it is told `due`, or after `all` that again; or
 *
 * - never: nothing more is due; after `all`, run() returns
 * - stop: as never, and read what has been written, and then no more
 * - cut: as never, and read and write nothing more
 */
export const Answer = { never: -1, stop: -2, cut: -3 } as const

/** Called with the number of the launch, and once it has started the pid, otherwise 0. */
export type Decide = (news: NewsNumber, id: number, pid: number) => number

/**
 * What run() returns, at these places: the pid, or 0 if it has not started; 0 or -errno,
 * of the start or of a pipe; si_code and si_status, as in EventField; the index of the
 * operation that failed, if the start did; 0 or -errno of an exec from a kernel template;
 * the launcher that made it; nine numbers in the order of ResourceUsage; for each pipe 1 if
 * some of its output was not kept, and then 0 or -errno of reading it; and from `outputs`
 * on, what was read from each pipe.
 */
export const RunField = {
  pid: 0,
  error: 1,
  code: 2,
  status: 3,
  failed: 4,
  template: 5,
  by: 6,
  usage: 7,
  ends: 8,
  outputs: 9,
} as const

export type RunResult = readonly [
  pid: number,
  error: number,
  code: number,
  status: number,
  failed: number,
  template: number,
  by: number,
  usage: Float64Array,
  ends: readonly number[],
  ...outputs: Buffer[],
]

/** Functions that return a number return -errno when they fail. */
export interface Binding {
  readonly version: number
  /** By client: what must not be garbage-collected, as it waits for events. */
  readonly busy: unknown[]
  /**
   * Makes the caller a client of this environment's core, which the first one
   * starts. `onEvents` is called when there is something to take(), for as long as
   * something else refers to it. With `eventLoop`, libuv's event loop itself waits
   * for the core, if this runtime has one; other runtimes than Node may abort when
   * they are asked. Throws if that fails.
   */
  open(onEvents: () => void, noRing: boolean, eventLoop: boolean): CoreInfo
  /**
   * Takes events of the client's launches, oldest first, as many as there is
   * room for in `events`, and puts what is not a number into `values`. Returns
   * how many. A full batch means that there may be more: call again, `onEvents`
   * is not called for them. An event of a launch with `likeUvSpawn` ends the batch;
   * `onEvents` is called for what comes after it.
   */
  take(client: number, values: EventValues): number
  /**
   * Queues a launch, which begins with the next flush() at the latest, and returns
   * its id. Its events carry `token`, which contains the client's number. The chain
   * is the first `size` bytes of `chain`. The core takes over `closeFds` and closes
   * them once the launch has succeeded or failed. `pipes` are those the chain names
   * (PipeBits, bytes to keep, our end if it is given, PipeBits, …). `input` is written to the first pipe
   * that is collected and read by the child; 64 KiB of it or more are read in place
   * until `fed` or `failed`. The child starts at `place`; 0 is the process's
   * current one. Throws, owning nothing, on a malformed chain.
   */
  launch(
    token: number,
    kind: number,
    chain: Uint8Array,
    size: number,
    closeFds: readonly number[],
    pipes: readonly number[],
    input: Uint8Array | undefined,
    flags: number,
    place: number,
  ): number
  /**
   * Launches as launch() does, and blocks until the process has ended and its outputs
   * have, or the launch has failed; there are no events. `pipes` are pipes or stream
   * sockets, which it closes: PipeBits, descriptor, bytes to keep of the beginning and of
   * the end, PipeBits, …. `inputs` has the bytes that are written to each, or nothing.
   * `maxOutput` is a limit for all outputs together; 0 is none. `decide` is told what
   * happens, first after `wait` milliseconds unless that is negative; it may signal the
   * process. With LaunchFlags.likeUvSpawn it waits for all of the inputs to be written, too, and
   * the program gets a SIGCHLD. Throws, owning nothing, as launch() does.
   */
  run(
    kind: number,
    chain: Uint8Array,
    size: number,
    closeFds: readonly number[],
    pipes: readonly number[],
    inputs: readonly (Uint8Array | undefined)[],
    flags: number,
    maxOutput: number,
    wait: number,
    decide: Decide,
  ): RunResult
  /**
   * A handle to the current working directory and umask, for a later launch(); call
   * dropPlace() after that. 0 when out of memory.
   */
  place(): number
  dropPlace(place: number): void
  /** Begins the launches that are queued. */
  flush(): void
  /**
   * Blocks until a launch that has been flushed has started or failed: its pid or
   * -errno. Takes no event. -ESRCH: all its events have been taken.
   */
  wait(id: number): number
  /**
   * The file that names the groups of launches with LaunchFlags.doomed, a line for each:
   * `+` and the number; `-` if its leader has ended; or no number. The environment's.
   */
  doomedFile(): number
  /** How many it names; those that have ended after their leader are removed by this. */
  doomed(): number
  /**
   * -ESRCH: the process has ended; -EAGAIN: it is still being made, try again;
   * -EPERM: it runs with other credentials.
   */
  kill(id: number, signal: number): number
  /**
   * Signals the process group that the child `id`, whose pid is `pid`, leads or
   * led. -ESRCH: it is empty; -EPERM: none of its members may be signalled.
   */
  killGroup(id: number, pid: number, signal: number): number
  /** As kill(), for the whole process group that the child leads, or will before its exec. */
  killWithGroup(id: number, signal: number): number
  /**
   * A copy of the child's pidfd, for killHeld(); -ESRCH if it has ended, or is still
   * being made. The caller's.
   */
  hold(id: number): number
  /**
   * Signals the process group that the child `pid` led, also after its end. -ESRCH: it
   * is empty; -EPERM: none of its members may be signalled.
   */
  killHeld(pidfd: number, pid: number, signal: number): number
  /** Stops collecting output and reports what has been read. */
  stopOutput(id: number): void
  /**
   * Asks for a `chunk` of the output `which`, of those that are collected; the child waits
   * until it is asked for the next. What was collected before is the first one, `output`
   * has the last bytes. From then on nothing is dropped, and `started` is not lazy; with a
   * `which` that does not exist, this is all.
   */
  more(id: number, which: number): void
  /**
   * A kernel template of the executable at the absolute `path`, or of the one open
   * as `fd` if `path` is null. If it `learns`, the kernel maps at once what
   * earlier starts have touched. The caller's.
   */
  newTemplate(path: string | null, fd: number, learns: boolean): number
  /**
   * The caller's descriptors are those of `started` and of the calls below that say so.
   * close() them, or hand them over to launch(). The environment closes the rest at its
   * end: a worker can be terminated between any two calls.
   *
   * handOver() has to come before something else takes a descriptor over, and
   * handedOver() after.
   */
  handOver(fd: number): void
  handedOver(fd: number): void
  /** Whether waiting for events keeps the environment alive. */
  ref(): void
  unref(): void
  /** Throws `error` as an uncaught exception, at once: as if an event's listener had. */
  fatal(error: unknown): void
  /** A file, opened to be read and close-on-exec. The caller's. */
  openFile(path: string): number
  /** A pipe, both ends close-on-exec: [read, write]. Nobody's: the environment won't close them. */
  pipe(): [number, number] | number
  /** Makes a FIFO that only this user may open. */
  makeFifo(path: string): number
  /**
   * Two connected stream sockets, both close-on-exec: [ours, the child's], the latter
   * numbered `min` or more. Nobody's: the environment won't close them.
   */
  socketPair(min: number): [number, number] | number
  /**
   * A pseudo-terminal of that size: our side, which does not block, and the path of the
   * other. The caller's.
   */
  openPty(columns: number, rows: number): [number, string] | number
  resizePty(fd: number, columns: number, rows: number): number
  /** A directory, opened as a location only, close-on-exec. The caller's. */
  openDirectory(path: string): number
  /** A copy of `fd` numbered `min` or more, close-on-exec. The caller's. */
  dupAbove(fd: number, min: number): number
  /** Whether the other end of a pipe is closed everywhere. */
  hungUp(fd: number): boolean
  /** The unread bytes of a pipe that has hung up: at most what a pipe holds. */
  rest(fd: number): Buffer | number
  /**
   * The read end, close-on-exec, of a pipe that contains these bytes and has no writer.
   * Returns -EAGAIN or -EPERM if the user may have no pipe so large. The caller's.
   */
  filled(bytes: Uint8Array): number
  /** The write end, close-on-exec, of a pipe without a reader: writes fail with EPIPE. The caller's. */
  unread(): number
  /**
   * A number that changes when the bytes of the C library's environment do; 0 if the
   * kernel refuses to read them. For the main thread, where `process.env` shows them.
   */
  envVarsVersion(): number
  /** Whether the environment of that version is `text`: NAME=value of each, with NULs between. */
  envVarsAre(text: string): boolean
  /** /dev/null, opened once for all children of the process, close-on-exec. */
  devNull(): number
  /** 0 or more if `fd` is open. */
  fdFlags(fd: number): number
  close(fd: number): number
}
