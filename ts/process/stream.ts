/** A pipe's end as a Node stream, on every runtime. */
import { Socket } from 'node:net'
import { Readable, Writable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { loadBinding } from '../binding/load.js'

/** Bun's files accept a descriptor, and leave it open. */
interface BunGlobal {
  file(fd: number): {
    stream(): ReadableStream
    writer(): {
      write(chunk: Uint8Array): number
      flush(): number | Promise<number>
      end(): number | Promise<number>
    }
  }
}

type Done = (error?: Error | null) => void

async function settle(work: () => unknown, done: Done): Promise<void> {
  try {
    await work()
  } catch (error) {
    done(error as Error)
    return
  }
  done()
}

/** Bun's sockets cannot read from pipes, or wait for room in them. */
function bunStream(bun: BunGlobal, fd: number, writable: boolean): Readable | Writable {
  const close = () => loadBinding().close(fd)
  const file = bun.file(fd)
  if (!writable) return Readable.fromWeb(file.stream()).once('close', close)
  const sink = file.writer()
  return new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      settle(() => {
        sink.write(chunk)
        return sink.flush()
      }, done)
    },
    final(done) {
      settle(() => sink.end(), done)
    },
  }).once('close', close)
}

/** Owns `fd` from then on. */
export function pipeStream(fd: number, writable: boolean): Readable | Writable {
  const { Bun } = globalThis as { Bun?: BunGlobal }
  if (Bun) return bunStream(Bun, fd, writable)
  return new Socket({ fd, readable: !writable, writable })
}

/**
 * A child has the stream now: stop reading from it here, as node:child_process
 * does. What has been read before stays in the stream.
 */
export function stopReading(stream: object): void {
  const { _handle: handle } = stream as {
    _handle?: { reading?: boolean; readStop?: unknown } | null
  }
  if (typeof handle?.readStop !== 'function') return
  handle.reading = false
  handle.readStop()
  const { pause } = stream as { pause?: unknown }
  if (typeof pause === 'function') pause.call(stream)
}
