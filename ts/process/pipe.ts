/** Our end of a child's pipe, which becomes a stream at its first use. */
import { Readable, type Writable } from 'node:stream'
import { loadBinding } from '../binding/load.js'
import type { ParentPipe } from '../chain/descriptors.js'
import { later } from '../runtime.js'
import { pipeStream } from './stream.js'

/** Milliseconds until a pipe of a child that has ended is checked again. */
const SETTLE_MS = 500

/** Closes unused pipes of children that have been garbage-collected. */
const unused = new FinalizationRegistry((fd: number) => {
  loadBinding().taken(fd)
  loadBinding().close(fd)
})

/** Making a stream takes longer than making a process, and many are never used. */
export class LazyPipe {
  readonly index: number
  readonly #input: boolean
  #fd: number
  #stream: Readable | Writable | undefined

  constructor({ index, fd, input }: ParentPipe) {
    this.index = index
    this.#fd = fd
    this.#input = input
    unused.register(this, fd, this)
  }

  get stream(): Readable | Writable {
    this.#stream ??= this.#open()
    return this.#stream
  }

  #take(): number {
    const fd = this.#fd
    this.#fd = -1
    unused.unregister(this)
    loadBinding().taken(fd)
    return fd
  }

  #open(): Readable | Writable {
    if (this.#fd < 0) return Readable.from([])
    return pipeStream(this.#take(), this.#input)
  }

  /** The child has ended: closes the pipe unless more can come from it. */
  settle(again = true): void {
    if (this.#fd < 0 || this.#input) return
    // Not node:fs, which knows only its own descriptors in Deno.
    if (loadBinding().hungUp(this.#fd)) loadBinding().close(this.#take())
    // Another child that was just being made may have held the other end.
    else if (again) later(SETTLE_MS, () => this.settle(false))
  }
}
