// Traces every launch method in the lab and cuts the traces into phases.
import { readFileSync, rmSync } from 'node:fs'
import { quoted } from '../../tools/programs.mjs'
import { EVENTS, parseTrace, phasesOf } from './phases.mjs'
import { counting, folder } from './programs.mjs'

const TRACING = '/sys/kernel/tracing'
const RUNS = 40
/** Each of its runs starts sixteen. */
const RUNS_OF_BATCH = 12

const traceFile = ({ child, method }) => `${folder}${child}-${method}.trace`

/** Runs each method twice, without tracing and with it. */
function traceLines(one) {
  const runs = one.method === 'chain_batch' ? RUNS_OF_BATCH : RUNS
  return [
    counting({ ...one, runs }),
    `echo > ${TRACING}/trace`,
    ...EVENTS.map((event) => `echo 1 > ${TRACING}/events/${event}/enable`),
    counting({ ...one, runs }),
    `echo 0 > ${TRACING}/events/enable`,
    `cat ${TRACING}/trace > ${quoted(traceFile(one))}`,
  ]
}

export const breakdownLines = (list) => [
  `echo x86-tsc > ${TRACING}/trace_clock`,
  `echo 65536 > ${TRACING}/buffer_size_kb`,
  ...list.flatMap(traceLines),
]

/** @param {object[]} printed  what the harness printed for breakdownLines() */
export function breakdown(list, printed) {
  return list.map((one, at) => {
    const [plain, traced] = printed.slice(2 * at, 2 * at + 2)
    const events = parseTrace(readFileSync(traceFile(one), 'utf8'))
    rmSync(traceFile(one))
    return { ...one, ...phasesOf({ ...traced, events }, plain) }
  })
}
