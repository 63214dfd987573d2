/** A pipe's end as a Node stream, on every runtime. */
import { writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { Duplex, Readable, Writable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { clearTimeout, setTimeout } from 'node:timers'
import { loadBinding } from '../binding/load.js'

/** Bun's files accept a descriptor, and leave it open. */
interface BunGlobal {
  file(fd: number): { stream(): ReadableStream }
}

/** Milliseconds until a full pipe is tried again. */
const FULL = 1

/**
 * Bun's sockets do not wait for room in a pipe, and its file sinks keep a copy of
 * the descriptor until they have written everything. The pipe does not block, so
 * each write takes as much as there is room for.
 */
class BunWritable extends Writable {
  #fd: number
  #timer: NodeJS.Timeout | undefined

  constructor(fd: number) {
    super()
    this.#fd = fd
  }

  override _write(chunk: Uint8Array, encoding: BufferEncoding, done: (error?: Error) => void) {
    let written: number
    try {
      written = writeSync(this.#fd, chunk)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return done(error as Error)
      written = 0
    }
    if (written === chunk.length) return done()
    const rest = chunk.subarray(written)
    this.#timer = setTimeout(() => this._write(rest, encoding, done), FULL)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void) {
    clearTimeout(this.#timer)
    loadBinding().close(this.#fd)
    done(error)
  }
}

/** Each half has a descriptor of its own. */
function bunDuplex(bun: BunGlobal, fd: number): Duplex {
  const copy = loadBinding().dupAbove(fd, 3)
  const readable = bunStream(bun, fd, false) as Readable
  // Out of descriptors: what it would write is lost, but not what it reads.
  if (copy < 0) return Duplex.from({ readable, writable: undefined })
  return Duplex.from({ readable, writable: new BunWritable(copy) })
}

function bunStream(bun: BunGlobal, fd: number, writable: boolean): Readable | Writable {
  if (writable) return new BunWritable(fd)
  const close = () => loadBinding().close(fd)
  return Readable.fromWeb(bun.file(fd).stream()).once('close', close)
}

/** Owns `fd` from then on; with `both` it is read, too. */
export function pipeStream(fd: number, writable: boolean, both = false): Readable | Writable {
  const { Bun } = globalThis as { Bun?: BunGlobal }
  if (Bun) return both ? bunDuplex(Bun, fd) : bunStream(Bun, fd, writable)
  const binding = loadBinding()
  binding.handOver(fd)
  const socket = new Socket({ fd, readable: !writable || both, writable })
  binding.handedOver(fd)
  return socket
}

/**
 * A child has the stream now: stop reading from it here, as node:child_process
 * does. What has been read before stays in the stream.
 */
export function stopReading(stream: object): void {
  const { _handle: handle, _readableState: state } = stream as {
    _handle?: { reading?: boolean; readStop?: unknown } | null
    _readableState?: { reading?: boolean }
  }
  if (typeof handle?.readStop !== 'function') return
  handle.reading = false
  handle.readStop()
  // Otherwise the stream waits for the read that was stopped, and never starts another.
  if (state) state.reading = false
  const { pause } = stream as { pause?: unknown }
  if (typeof pause === 'function') pause.call(stream)
}
