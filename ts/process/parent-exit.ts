/**
 * Ends the trees of children that are not to outlive this process. A parent-death
 * signal reaches the child alone, so while this process can still do something, all of
 * the child's group or cgroup gets SIGKILL first.
 */
import { isMainThread } from 'node:worker_threads'
import { later } from '../core/runtime.js'
import { ENDING_SIGNALS } from '../model/signals.js'

interface Killable {
  kill(): void
}

const running = new Set<Killable>()

/**
 * Milliseconds from the end of the last one until signals are no longer listened to: that costs
 * system calls, and the next one may start soon.
 */
const IDLE = 500

let listens = false
/** Whether it is going to be seen if any are left. */
let looks = false

function killAll(): void {
  for (const one of running) one.kill()
}

/** If nobody else listens, the signal ends the program, as it would without us. */
const handlers = ENDING_SIGNALS.map((name) => ({
  name,
  handle() {
    if (process.listenerCount(name) > 1) return
    killAll()
    unlisten()
    process.kill(process.pid, name)
  },
}))

function listen(): void {
  if (listens) return
  listens = true
  process.on('exit', killAll)
  // Workers get no signals.
  if (isMainThread) for (const { name, handle } of handlers) process.on(name, handle)
}

function unlisten(): void {
  listens = false
  process.off('exit', killAll)
  for (const { name, handle } of handlers) process.off(name, handle)
}

function look(): void {
  looks = false
  if (listens && running.size === 0) unlisten()
}

function lookLater(): void {
  if (looks) return
  looks = true
  later(IDLE, look)
}

/** From now on, until the returned function is called, it ends with this program. */
export function endWithParent(one: Killable): () => void {
  listen()
  running.add(one)
  return () => {
    if (running.delete(one) && running.size === 0) lookLater()
  }
}
