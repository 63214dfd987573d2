// Traces every launch method in the lab and cuts the traces into phases.
import { readFileSync, rmSync } from 'node:fs'
import { quoted } from '../../tools/programs.mjs'
import { EVENTS, parseTrace, phasesOf } from './phases.mjs'
import { CHILDREN, counting, folder } from './programs.mjs'

const TRACING = '/sys/kernel/tracing'
/** The system's programs take longer; each run of a batch starts sixteen. */
const SIZES = {
  usual: { runs: 40 },
  batch: { runs: 12 },
  tool: { runs: 12, warmUp: 4 },
  batchOfTools: { runs: 4, warmUp: 1 },
}

function sizesOf({ child, method }) {
  const batch = method === 'chain_batch'
  if (CHILDREN[child].tool) return batch ? SIZES.batchOfTools : SIZES.tool
  return batch ? SIZES.batch : SIZES.usual
}

const traceFile = ({ child, method }) => `${folder}${child}-${method}.trace`

/** Runs each method twice, without tracing and with it. */
function traceLines(one) {
  const command = counting({ ...one, ...sizesOf(one) })
  return [
    command,
    `echo > ${TRACING}/trace`,
    ...EVENTS.map((event) => `echo 1 > ${TRACING}/events/${event}/enable`),
    command,
    `echo 0 > ${TRACING}/events/enable`,
    `cat ${TRACING}/trace > ${quoted(traceFile(one))}`,
  ]
}

/** Nothing for an empty list. @param {{ child: string, method: string }[]} list */
export const breakdownLines = (list) =>
  list.length === 0
    ? []
    : [
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
