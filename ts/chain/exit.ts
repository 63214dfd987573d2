import { constants } from 'node:os'

/** What a process used, times in microseconds; as process.resourceUsage(). */
export interface ResourceUsage {
  userCPUTime: number
  systemCPUTime: number
  /**
   * The most memory it had at once, in units of 1024 bytes, as getrusage(2)
   * has it. Linux counts from the fork: a process made otherwise than by
   * `uring` shows no less than its maker had.
   */
  maxRSS: number
  minorPageFault: number
  majorPageFault: number
  fsRead: number
  fsWrite: number
  voluntaryContextSwitches: number
  involuntaryContextSwitches: number
}

/** How a process ended: `code`, or `signal`; neither where its status was taken by someone else. */
export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
  rusage: ResourceUsage
}

const CLD_EXITED = 1

/** Some have two names, of which the first is the usual one. */
const signals = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name as NodeJS.Signals]),
)

function signalName(number: number): NodeJS.Signals {
  // Real-time signals have no names in Node.
  return signals.get(number) ?? (`SIG${number}` as NodeJS.Signals)
}

/** Of what waitid(2) says; `numbers` has the usage, in its order, from `first` on. */
export function exitOf(
  siCode: number,
  siStatus: number,
  numbers: Float64Array,
  first: number,
): Exit {
  const at = (index: number) => numbers[first + index] as number
  return {
    code: siCode === CLD_EXITED ? siStatus : null,
    signal: siCode === CLD_EXITED || siCode === 0 ? null : signalName(siStatus),
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
