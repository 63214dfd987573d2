import { expect, test } from 'vitest'
import { parseTrace, phasesOf } from '../../bench/designs/phases.mjs'

const HEAD = '# tracer: nop\n# entries-in-buffer/entries-written: 9/9   #P:1\n'
const line = (pid: number, at: number, event: string, text = '') =>
  `           bench-${String(pid).padEnd(7)} [000] .....   ${at}: ${event}: ${text}\n`

/** A vfork whose phases all have different lengths. */
const VFORK = [
  line(7, 1010, 'sys_enter', 'NR 58 (0, 0, 0, 0, 0, 0)'),
  line(7, 1110, 'task_newtask', 'pid=8 comm=bench clone_flags=4100 oom_score_adj=0'),
  line(7, 1130, 'sched_switch', 'prev_comm=bench prev_pid=7 ==> next_comm=bench next_pid=8'),
  line(8, 1133, 'sys_enter', 'NR 59 (0, 0, 0, 0, 0, 0)'),
  line(8, 1333, 'sched_prepare_exec', 'interp=/tmp/child filename=/tmp/child pid=8 comm=bench'),
  line(8, 1633, 'sched_process_exec', 'filename=/tmp/child pid=8 old_pid=8'),
  line(8, 1683, 'sys_enter', 'NR 60 (0, 0, 0, 0, 0, 0)'),
  line(8, 2083, 'sched_switch', 'prev_comm=child prev_pid=8 ==> next_comm=bench next_pid=7'),
]

const run = { pid: 7, batch: 1, begins: [1000], returned: [2090], ends: [2110] }

test('cuts a vfork into its phases', () => {
  const { phases, events } = phasesOf({ ...run, events: parseTrace(HEAD + VFORK.join('')) }, run)
  expect(phases).toEqual({
    submitter: { request: 10, clone: 100, 'after the clone': 20 + 7, wait: 20 },
    child: { 'set up': 3, 'exec: open': 200, 'exec: map': 300, program: 50, exit: 400 },
    system: { interrupts: 0, 'kernel threads': 0, idle: 0 },
  })
  expect(events).toBe(8)
})

test("a chain's child makes no system call for its exec, and interrupts belong to the system", () => {
  const chain = [
    line(7, 1010, 'sys_enter', 'NR 426 (3, 2, 0, 0, 0, 8)'),
    line(7, 1110, 'task_newtask', 'pid=8 comm=bench clone_flags=100004100 oom_score_adj=0'),
    line(7, 1130, 'sched_switch', 'prev_comm=bench prev_pid=7 ==> next_comm=bench next_pid=8'),
    line(8, 1150, 'local_timer_entry', 'vector=236'),
    line(8, 1161, 'local_timer_exit', 'vector=236'),
    line(8, 1361, 'sched_prepare_exec', 'interp=/tmp/child filename=/tmp/child pid=8 comm=bench'),
    line(8, 1661, 'sched_switch', 'prev_comm=child prev_pid=8 ==> next_comm=swapper next_pid=0'),
    line(0, 1670, 'sched_switch', 'prev_comm=swapper prev_pid=0 ==> next_comm=kworker next_pid=9'),
    line(9, 1675, 'sched_switch', 'prev_comm=kworker prev_pid=9 ==> next_comm=bench next_pid=7'),
  ]
  const text = HEAD + chain.join('')
  const { phases } = phasesOf(
    { ...run, returned: [1120], ends: [1700], events: parseTrace(text) },
    {
      ...run,
      ends: [1700],
    },
  )
  expect(phases.submitter).toEqual({
    request: 10,
    clone: 100,
    'after the clone': 10,
    wait: 10 + 25,
  })
  expect(phases.child).toMatchObject({ 'set up': 0, 'exec: open': 20 + 200, 'exec: map': 300 })
  expect(phases.system).toEqual({ interrupts: 11, 'kernel threads': 5, idle: 9 })
})

test('subtracts the cost of tracing, so that the phases add up to the total without it', () => {
  const plain = { ...run, ends: [2110 - 80] }
  const found = phasesOf({ ...run, events: parseTrace(HEAD + VFORK.join('')) }, plain)
  expect(found).toMatchObject({ total: 1030, traced: 1110, perEvent: 10 })
  const parts: number[] = Object.values(found.phases).flatMap((part) =>
    Object.values(part as object),
  )
  expect(parts.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1030)
})

test('refuses a trace that has lost events', () => {
  expect(() => parseTrace(`# entries-in-buffer/entries-written: 9/12\n${VFORK[0]}`)).toThrow(
    'lost events',
  )
  expect(() => parseTrace('nothing\n')).toThrow('lost events')
  expect(() => parseTrace(`${HEAD}nothing\n`)).toThrow('not an event: nothing')
})
