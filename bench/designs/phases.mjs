// Where the instructions of a start go: cuts a trace of the kernel's tracepoints,
// between the instants that the harness prints, into phases. The trace's clock
// counts instructions, so the time between two events is the number of
// instructions that the running task executed between them.
import { interquartileMean, mean } from '../lib/stats.mjs'

/** Phases by task, in their usual order. */
export const PHASES = {
  submitter: ['request', 'clone', 'after the clone', 'wait'],
  child: ['set up', 'exec: open', 'exec: map', 'program', 'exit'],
  system: ['interrupts', 'kernel threads', 'idle'],
}

/** The same in one list. @type {{ who: string, phase: string, name: string }[]} */
export const PHASE_LIST = Object.entries(PHASES).flatMap(([who, all]) =>
  all.map((phase) => ({ who, phase, name: `${who}: ${phase}` })),
)

export const EVENTS = [
  ...['raw_syscalls/sys_enter', 'raw_syscalls/sys_exit', 'task/task_newtask'],
  ...['sched/sched_switch', 'sched/sched_prepare_exec', 'sched/sched_process_exec'],
  ...['irq/softirq_entry', 'irq/softirq_exit'],
  ...['irq_vectors/local_timer_entry', 'irq_vectors/local_timer_exit'],
]

/** execve(2), execveat(2); exit(2), exit_group(2). */
const EXECVE = [59, 322]
const EXIT = [60, 231]

const LINE = /^.{16}-(\d+) +\[\d+\] \S+ +(\d+): (\w+): (.*)$/

/**
 * The events of a trace as tracefs prints it with the clock x86-tsc.
 * @returns {{ pid: number, at: number, event: string, text: string }[]}
 */
export function parseTrace(text) {
  const written = /entries-in-buffer\/entries-written: (\d+)\/(\d+)/.exec(text)
  if (!written || written[1] !== written[2])
    throw new Error('the trace has lost events, or is not a trace')
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return lines.map((line) => {
    const match = LINE.exec(line)
    if (!match) throw new Error(`not an event: ${line}`)
    return { pid: Number(match[1]), at: Number(match[2]), event: match[3], text: match[4] }
  })
}

const number = (name, text) => Number(new RegExp(`\\b${name}=(\\d+)`).exec(text)[1])
const systemCall = (text) => Number(/^NR (\d+)/.exec(text)[1])

/** The intervals of one start; takes its events in order. */
class Start {
  /** From one event to the next: { who, phase, length, events }. */
  intervals = []
  #submitter
  #phase = 'request'
  /** The submitter's intervals since it entered the kernel. */
  #call = []
  #children = new Map()
  #interrupted = 0
  #running

  constructor(submitter) {
    this.#submitter = submitter
    this.#running = submitter
  }

  /** The call that starts has returned: what follows is the collection. */
  returned() {
    this.#phase = 'wait'
  }

  /** `length` instructions ran before the next event, tracing of `events` included. */
  pass(length, events) {
    const interval = { ...this.#where(), length, events }
    this.intervals.push(interval)
    if (interval.who === 'submitter') this.#call.push(interval)
    this.#children.get(this.#running)?.intervals.push(interval)
  }

  #where() {
    if (this.#interrupted > 0) return { who: 'system', phase: 'interrupts' }
    if (this.#running === this.#submitter) return { who: 'submitter', phase: this.#phase }
    const child = this.#children.get(this.#running)
    if (child) return { who: 'child', phase: child.phase }
    return { who: 'system', phase: this.#running === 0 ? 'idle' : 'kernel threads' }
  }

  meet({ pid, event, text }) {
    const child = this.#children.get(pid)
    switch (event) {
      case 'sched_switch':
        this.#running = number('next_pid', text)
        break
      case 'task_newtask':
        for (const interval of this.#call) interval.phase = 'clone'
        this.#children.set(number('pid', text), { phase: 'set up', intervals: [] })
        if (this.#phase === 'request') this.#phase = 'after the clone'
        break
      case 'sched_prepare_exec':
        this.#mapping(child)
        break
      case 'sched_process_exec':
        if (child) child.phase = 'program'
        break
      case 'sys_enter':
        this.#enter(pid, child, systemCall(text))
        break
      case 'softirq_entry':
      case 'local_timer_entry':
        this.#interrupted++
        break
      case 'softirq_exit':
      case 'local_timer_exit':
        this.#interrupted--
        break
    }
  }

  #enter(pid, child, call) {
    if (pid === this.#submitter) this.#call = []
    if (child && EXECVE.includes(call)) child.phase = 'exec: open'
    if (child && EXIT.includes(call)) child.phase = 'exit'
  }

  /** A child made in the kernel has no system call that marks the start of its exec. */
  #mapping(child) {
    if (!child) return
    if (child.phase === 'set up') {
      for (const interval of child.intervals) {
        if (interval.who === 'child') interval.phase = 'exec: open'
      }
    }
    child.phase = 'exec: map'
  }
}

/** Cuts the events into starts at the harness's instants. */
function startsOf(events, { pid, begins, returned, ends }) {
  let at = 0
  return begins.map((begin, run) => {
    const start = new Start(pid)
    let count = 0
    let last = { at: begin, costs: 0 }
    const to = (instant, costs) => {
      // Half of an event's cost is spent before its time stamp is taken.
      start.pass(instant - last.at, (last.costs + costs) / 2)
      last = { at: instant, costs }
    }
    const meetUntil = (instant) => {
      for (; at < events.length && events[at].at <= instant; at++, count++) {
        to(events[at].at, 1)
        start.meet(events[at])
      }
      to(instant, 0)
    }
    while (at < events.length && events[at].at < begin) at++
    meetUntil(returned[run])
    start.returned()
    meetUntil(ends[run])
    return { intervals: start.intervals, count }
  })
}

/**
 * The phases of a start, in instructions per process, without the cost of
 * tracing: the difference between the totals with and without tracing, divided
 * equally among the events.
 * @param {object} traced  what the harness printed, and `events`
 * @param {object} plain  what it printed without tracing
 */
export function phasesOf(traced, plain) {
  const starts = startsOf(traced.events, traced)
  const totals = traced.begins.map((begin, run) => traced.ends[run] - begin)
  // Only the runs of the middle half, so that the phases add up to its mean.
  const order = [...totals.keys()].sort((a, b) => totals[a] - totals[b])
  const quarter = Math.floor(order.length / 4)
  const middle = order.slice(quarter, order.length - quarter).map((run) => starts[run])
  const untraced = interquartileMean(plain.begins.map((begin, run) => plain.ends[run] - begin))
  const total = interquartileMean(totals)
  const events = mean(middle.map(({ count }) => count))
  const cost = (total - untraced) / events
  const sums = {}
  for (const [who, phases] of Object.entries(PHASES)) {
    sums[who] = Object.fromEntries(phases.map((phase) => [phase, 0]))
  }
  for (const { intervals } of middle) {
    for (const { who, phase, length, events: own } of intervals) {
      sums[who][phase] += (length - own * cost) / middle.length / traced.batch
    }
  }
  return {
    phases: sums,
    total: untraced / traced.batch,
    traced: total / traced.batch,
    events: events / traced.batch,
    perEvent: cost,
  }
}
