/** Reads the kernel's own account of what it did. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { isRoot } from './support.js'

const tracing = '/sys/kernel/tracing'
const enable = (event: string) => `${tracing}/events/${event}/enable`

/** Whether a tracepoint ('io_uring/io_uring_spawn') can be read. */
export const canTrace = (event: string): boolean => isRoot && existsSync(enable(event))

/** The first group of `pattern` in each line that `event` logs while `work` runs. */
export async function traced(
  event: string,
  pattern: RegExp,
  work: () => Promise<void>,
): Promise<string[]> {
  writeFileSync(`${tracing}/trace`, '')
  writeFileSync(enable(event), '1')
  try {
    await work()
  } finally {
    writeFileSync(enable(event), '0')
  }
  const lines = readFileSync(`${tracing}/trace`, 'utf8')
  return [...lines.matchAll(pattern)].map(([, found]) => found as string)
}
