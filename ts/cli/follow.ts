/**
 * Loaded into a program by `uring-spawn doctor -- COMMAND`: switches the drop-in on and
 * writes down what is started, in a file for each thread. Each line is written at once,
 * because a program may end by a signal.
 */
import { subscribe } from 'node:diagnostics_channel'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import '../child-process/register.js'
import type { LaunchMessage } from '../process/told.js'

const folder = process.env.URING_SPAWN_FOLLOW
if (folder !== undefined) {
  const file = join(folder, `${process.pid}-${threadId}`)
  const write = (line: object): void => {
    try {
      appendFileSync(file, `${JSON.stringify(line)}\n`)
    } catch {
      // Out of descriptors, or the doctor has ended: the program goes on.
    }
  }
  write({ pid: process.pid, thread: threadId, argv: process.argv })
  subscribe('uring-spawn:launch', (message) => {
    const { child, args, rusage, ...rest } = message as LaunchMessage & Record<string, unknown>
    write(rest)
  })
}
