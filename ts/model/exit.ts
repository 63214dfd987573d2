import { signalDescription, signalName } from './signals.js'

/** What a process used, with the names of process.resourceUsage(). */
export interface ResourceUsage {
  /** Processor time in user mode, microseconds. */
  userCPUTime: number
  /** Processor time in the kernel, microseconds. */
  systemCPUTime: number
  /**
   * Peak resident memory in units of 1024 bytes, as in getrusage(2). Linux carries
   * it over a fork: except with the backend `uring` it is at least that of the
   * process that made the child.
   */
  maxRSS: number
  /** Page faults that needed no input. */
  minorPageFault: number
  /** Page faults that needed input. */
  majorPageFault: number
  /** Blocks read from file systems. */
  fsRead: number
  /** Blocks written to file systems. */
  fsWrite: number
  /** Times it gave up the processor. */
  voluntaryContextSwitches: number
  /** Times it lost the processor. */
  involuntaryContextSwitches: number
}

/** How a process ended. `code` and `signal` are both null if other code took its status. */
export interface Exit {
  /** Exit code; null if a signal ended it. */
  code: number | null
  /** The same as `code`, by the name it has in the result of run(). */
  exitCode: number | null
  /** The signal that ended it; null if it exited. */
  signal: NodeJS.Signals | null
  /** What that signal says, such as 'Terminated'; null if it exited. */
  signalDescription: string | null
  /** Whether it left a core dump. */
  coreDumped: boolean
  /** Whether `timeout` passed before it ended. */
  timedOut: boolean
  /** Whether `signal` aborted before it ended. */
  aborted: boolean
  /** Milliseconds from the call to the news of its end. */
  durationMs: number
  /** The resources it used. */
  rusage: ResourceUsage
}

const CLD_EXITED = 1
const CLD_DUMPED = 3

/**
 * From what waitid(2) returns; `numbers` has the usage from index `first` on, in the
 * order of ResourceUsage. The duration, and why it ended, are for the caller to add.
 */
export function exitOf(
  siCode: number,
  siStatus: number,
  numbers: Float64Array,
  first: number,
): Exit {
  const at = (index: number) => numbers[first + index] as number
  const code = siCode === CLD_EXITED ? siStatus : null
  const signalled = siCode !== CLD_EXITED && siCode !== 0
  return {
    code,
    exitCode: code,
    signal: signalled ? signalName(siStatus) : null,
    signalDescription: signalled ? signalDescription(siStatus) : null,
    coreDumped: siCode === CLD_DUMPED,
    timedOut: false,
    aborted: false,
    durationMs: 0,
    rusage: {
      userCPUTime: at(0),
      systemCPUTime: at(1),
      maxRSS: at(2),
      minorPageFault: at(3),
      majorPageFault: at(4),
      fsRead: at(5),
      fsWrite: at(6),
      voluntaryContextSwitches: at(7),
      involuntaryContextSwitches: at(8),
    },
  }
}

/** Of a program that has not run. */
export const noUsage = (): ResourceUsage => exitOf(0, 0, new Float64Array(9), 0).rusage
