/** Our end of a child's pipe, which becomes a stream at its first use. */
import { Buffer } from 'node:buffer'
import { Duplex, Readable, Writable } from 'node:stream'
import { loadBinding } from '../binding/load.js'
import type { ParentPipe } from '../chain/descriptors.js'
import { delay, later } from '../core/runtime.js'
import { pipeStream } from './stream.js'

/** Milliseconds until the pipe of a child that has ended is checked again: at first, and at most. */
const FIRST_LOOK = 20
const LAST_LOOK = 5000
/** The same while somebody waits for `closed`. */
const CLOSED_LOOK = 50

const nothing = Buffer.alloc(0)

/** Closes the pipes of children that are garbage-collected before they end. */
const forgotten = new FinalizationRegistry((fd: number) => {
  loadBinding().close(fd)
})

/** Checks again and again until the other end is closed, or the child is garbage-collected. */
function lookAgain(pipe: WeakRef<LazyPipe>, milliseconds: number): void {
  later(milliseconds, () => {
    if (pipe.deref()?.settle() === false) lookAgain(pipe, Math.min(milliseconds * 2, LAST_LOOK))
  })
}

/** The unread bytes of a pipe, as the kind of stream that the open pipe would have been. */
function replay(bytes: Buffer): Readable {
  const fd = loadBinding().filled(bytes)
  if (fd >= 0) return pipeStream(fd, false) as Readable
  // Out of descriptors, or the user may have no pipe so large.
  const stream = new Readable({ read() {} })
  stream.push(bytes)
  stream.push(null)
  return stream
}

/** A stdin that needs no descriptor, for when there is none. */
function refusing(): Writable {
  const properties = { code: 'EPIPE', errno: -32, syscall: 'write' }
  return new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), properties)),
  })
}

/**
 * Making a stream takes longer than making a process, and many are never used.
 *
 * The descriptor is closed once the other end is closed everywhere: mostly at the
 * child's exit, or at that of the last grandchild that inherited it.
 */
export class LazyPipe {
  readonly index: number
  /** It is only written to: nothing is read from it. */
  readonly #input: boolean
  readonly #both: boolean
  /** Ours to close; -1 once it is closed, or a stream's. */
  #fd: number
  /** The same number while the stream has it. */
  #number: number
  #stream: Readable | Writable | undefined
  /** The unread output of a child that has ended, for a stream that may come later. */
  #left: Buffer = nothing

  constructor({ index, fd, input, both = false }: ParentPipe) {
    this.index = index
    this.#fd = fd
    this.#number = fd
    this.#input = input && !both
    this.#both = both
    forgotten.register(this, fd, this)
  }

  get stream(): Readable | Writable {
    this.#stream ??= this.#open()
    return this.#stream
  }

  #take(): number {
    const fd = this.#fd
    this.#fd = -1
    forgotten.unregister(this)
    return fd
  }

  #open(): Readable | Writable {
    if (this.#fd >= 0) return pipeStream(this.#take(), this.#input || this.#both, this.#both)
    if (this.#input) {
      this.#number = loadBinding().unread()
      if (this.#number < 0) return refusing()
      lookAgain(new WeakRef(this), FIRST_LOOK)
      return pipeStream(this.#number, true)
    }
    const left = this.#left
    this.#left = nothing
    const readable = replay(left)
    return this.#both ? Duplex.from({ readable, writable: refusing() }) : readable
  }

  /** The child has ended. */
  ended(): void {
    // Another child that is just being made may hold the other end for a moment.
    if (!this.settle()) lookAgain(new WeakRef(this), FIRST_LOOK)
  }

  /**
   * Resolves once the child's output has come to its end: for a stream, when it has
   * been read or destroyed; without one, when the other end is closed everywhere.
   */
  async closed(): Promise<void> {
    if (this.#input) return
    while (!this.#stream && !this.settle()) {
      await delay(CLOSED_LOOK)
    }
    const stream = this.#stream
    if (!stream || stream.closed) return
    await new Promise<void>((resolve) => stream.once('close', () => resolve()))
  }

  /**
   * Closes the pipe if the other end is closed.
   * @returns whether nothing is left to close
   */
  settle(): boolean {
    const stream = this.#stream
    if (stream) return this.#settleStream(stream)
    if (this.#fd < 0) return true
    if (!loadBinding().hungUp(this.#fd)) return false
    if (!this.#input) {
      const left = loadBinding().rest(this.#fd)
      if (typeof left !== 'number') this.#left = left
    }
    loadBinding().close(this.#take())
    return true
  }

  /** A reader comes to the end of the output by itself; an idle writer would not notice the exit. */
  #settleStream(stream: Readable | Writable): boolean {
    if (!this.#input || stream.destroyed) return true
    if (!loadBinding().hungUp(this.#number)) return false
    stream.destroy()
    return true
  }
}
