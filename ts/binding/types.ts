/** What the addon takes and gives; uring-native/node implements it. */

/** The launchers of the C core, by their number there. */
export const LauncherKind = { uring: 0, vfork: 1, fork: 2 } as const

/** What an event of a batch is; the numbers of the C core. */
export const EventType = { started: 0, failed: 1, exited: 2, output: 3, overflow: 4 } as const

/**
 * Events arrive in one flat array, `EVENT_STRIDE` values each: type, id, and
 *
 * - started: pid, pidfd, results of the operations or null
 * - failed: -errno, index of the operation, results
 * - exited: si_code (0: someone else took the status), si_status, resource usage
 * - output: which, 0 or -errno, bytes, whether some were dropped
 * - overflow: which
 */
export type EventBatch = ReadonlyArray<unknown>
export const EVENT_STRIDE = 6

export interface CoreInfo {
  /** How the core waits: 'io_uring' or 'epoll'. */
  poller: 'io_uring' | 'epoll'
  /** Why there is no ring, or 0. */
  ringErrno: number
  /** The kernel makes processes through io_uring. */
  spawn: boolean
}

/** Functions that return a number return -errno when they fail. */
export interface Binding {
  /** Starts the core of this environment. Throws when it cannot. */
  open(onEvents: (batch: EventBatch) => void, noRing: boolean): CoreInfo
  /**
   * Queues a launch and returns its id. All descriptors given belong to the
   * core from then on: `closeFds` are closed once the launch is over, `collect`
   * (fd, how many bytes to keep, fd, …) are read to their end, `input` is
   * written to `inputFd` (or -1). Throws, owning nothing, on a malformed chain.
   */
  launch(
    kind: number,
    chain: Uint8Array,
    closeFds: readonly number[],
    collect: readonly number[],
    inputFd: number,
    input: Uint8Array | undefined,
    wantResults: boolean,
  ): number
  /** -ESRCH: it is over; -EAGAIN: it is just being made, try again. */
  kill(id: number, signal: number): number
  /** Ends the collection of output with what there is. */
  stopOutput(id: number): void
  /** Whether waiting for events keeps the environment alive. */
  ref(): void
  unref(): void
  /** A pipe, both ends close-on-exec: [read, write]. */
  pipe(): [number, number] | number
  /** A copy of `fd` numbered `min` or more, close-on-exec. */
  dupAbove(fd: number, min: number): number
  /** 0 or more where `fd` is open. */
  fdFlags(fd: number): number
  close(fd: number): number
}
