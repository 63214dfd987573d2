/** No byte may arrive before the event 'spawn': pipes begin to be read after it. */
import type { PipeHandle, StdioEntry } from './stdio.js'

const wanted = Symbol('reading is wanted')

interface HeldPipe extends PipeHandle {
  [wanted]?: boolean
}

function readStart(this: HeldPipe): number {
  this[wanted] = true
  return 0
}

function readStop(this: HeldPipe): number {
  this[wanted] = false
  return 0
}

/** Own methods of the handle hide those of its class. Returns whether there is one. */
export function holdReading(stdio: readonly StdioEntry[]): boolean {
  let held = false
  for (let index = 0; index < stdio.length; index++) {
    const entry = stdio[index] as StdioEntry
    if (entry.type !== 'pipe' && entry.type !== 'overlapped') continue
    // Node only writes to the child's standard input.
    if (index === 0 && !entry.ipc) continue
    const handle: HeldPipe | undefined = entry.handle
    if (!handle) continue
    handle.readStart = readStart
    handle.readStop = readStop
    held = true
  }
  return held
}

export function releaseReading(stdio: readonly StdioEntry[]): void {
  for (const entry of stdio) {
    if (entry.type !== 'pipe' && entry.type !== 'overlapped') continue
    const handle: HeldPipe | undefined = entry.handle
    if (handle?.readStart !== readStart) continue
    Reflect.deleteProperty(handle, 'readStart')
    Reflect.deleteProperty(handle, 'readStop')
    if (handle[wanted]) handle.readStart()
  }
}
