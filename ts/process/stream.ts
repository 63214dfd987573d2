/** A pipe's end as a Node stream, on every runtime. */
import { Socket } from 'node:net'
import { Readable, type Writable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { loadBinding } from '../binding/load.js'

interface BunGlobal {
  file(fd: number): { stream(): ReadableStream }
}

/** Bun's sockets do not read from pipes; its files do, and leave them open. */
function bunReadable(bun: BunGlobal, fd: number): Readable {
  const stream = Readable.fromWeb(bun.file(fd).stream())
  stream.once('close', () => loadBinding().close(fd))
  return stream
}

/** Owns `fd` from then on. */
export function pipeStream(fd: number, writable: boolean): Readable | Writable {
  const { Bun } = globalThis as { Bun?: BunGlobal }
  if (Bun && !writable) return bunReadable(Bun, fd)
  return new Socket({ fd, readable: !writable, writable })
}
