/** Signals: their names, their numbers, and what it means if one cannot be sent. */
import { constants } from 'node:os'
import { argumentError } from './argument-error.js'
import { ESRCH, errnoName } from './errno.js'
import { checkInteger, checkString, show } from './values.js'

export const { SIGKILL, SIGTERM } = constants.signals

/** If a number has two names, the first is the usual one. */
const namesByNumber = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name as NodeJS.Signals]),
)

/** 'SIGTERM' for 15. */
export function signalName(number: number): NodeJS.Signals {
  // Real-time signals have no names in Node.
  return namesByNumber.get(number) ?? (`SIG${number}` as NodeJS.Signals)
}

/** What each signal says, as strsignal(3) has it. */
const descriptions: Readonly<Partial<Record<NodeJS.Signals, string>>> = {
  SIGHUP: 'Hangup',
  SIGINT: 'Interrupt',
  SIGQUIT: 'Quit',
  SIGILL: 'Illegal instruction',
  SIGTRAP: 'Trace/breakpoint trap',
  SIGABRT: 'Aborted',
  SIGBUS: 'Bus error',
  SIGFPE: 'Floating point exception',
  SIGKILL: 'Killed',
  SIGUSR1: 'User defined signal 1',
  SIGSEGV: 'Segmentation fault',
  SIGUSR2: 'User defined signal 2',
  SIGPIPE: 'Broken pipe',
  SIGALRM: 'Alarm clock',
  SIGTERM: 'Terminated',
  SIGSTKFLT: 'Stack fault',
  SIGCHLD: 'Child exited',
  SIGCONT: 'Continued',
  SIGSTOP: 'Stopped (signal)',
  SIGTSTP: 'Stopped',
  SIGTTIN: 'Stopped (tty input)',
  SIGTTOU: 'Stopped (tty output)',
  SIGURG: 'Urgent I/O condition',
  SIGXCPU: 'CPU time limit exceeded',
  SIGXFSZ: 'File size limit exceeded',
  SIGVTALRM: 'Virtual timer expired',
  SIGPROF: 'Profiling timer expired',
  SIGWINCH: 'Window changed',
  SIGIO: 'I/O possible',
  SIGPWR: 'Power failure',
  SIGSYS: 'Bad system call',
}

/** The first real-time signal. */
const SIGRTMIN = 32

/** 'Terminated' for 15. */
export function signalDescription(number: number): string {
  if (number >= SIGRTMIN) return `Real-time signal ${number - SIGRTMIN}`
  return descriptions[signalName(number)] ?? `Signal ${number}`
}

/** The number of a signal given by name or number; 0 sends none and only checks. */
export function signalNumber(name: string, value: unknown): number {
  if (typeof value === 'number') {
    checkInteger(name, value, 0, 64)
    return value
  }
  checkString(name, value)
  const signals = constants.signals as Record<string, number>
  const number = Object.hasOwn(signals, value) ? signals[value] : undefined
  if (number === undefined) {
    throw argumentError('ERR_INVALID_ARG_VALUE', `${name} must be a known signal: ${show(value)}`)
  }
  return number
}

/** The error of a signal that could not be sent. */
export function killError(what: string, errno: number): NodeJS.ErrnoException {
  const code = errnoName(errno)
  const hint = code === 'EPERM' ? ', because it runs as another user' : ''
  return Object.assign(new Error(`${what}: ${code}${hint}`), {
    code,
    errno: -errno,
    syscall: 'kill',
  })
}

/**
 * What kill() returns for the errno of a signal, 0 if it was sent: false if the
 * process has ended. Throws a killError() for any other.
 */
export function wasSignalled(what: string, errno: number): boolean {
  if (errno === 0 || errno === ESRCH) return errno === 0
  throw killError(what, errno)
}

/** Sent to all of a terminal's or a service's processes, to end them. */
export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const
