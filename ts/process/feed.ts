/** Writes an input that comes while the program runs. */
import { Buffer } from 'node:buffer'
import type { Writable } from 'node:stream'
import { argumentError } from '../model/argument-error.js'
import { type Chunks, chunkOf, type InputSource } from '../options/input.js'

export class Feed {
  /** What the source has thrown. */
  thrown: { error: unknown } | undefined
  readonly #source: InputSource
  readonly #failed: () => void
  #chunks: Chunks | undefined
  #stdin: Writable | undefined
  #over = false

  /** `failed` is called when the source has thrown. */
  constructor(source: InputSource, failed: () => void) {
    this.#source = source
    this.#failed = failed
  }

  /** Writes all of the source to `stdin`, as fast as the program reads it. */
  async into(stdin: Writable): Promise<void> {
    this.#stdin = stdin
    // EPIPE: the program does not read it, which is no error.
    stdin.on('error', () => {})
    stdin.on('close', () => this.stop())
    try {
      const chunks = this.#source.open()
      this.#chunks = chunks
      for (;;) {
        const next: unknown = await chunks.next()
        if (typeof next !== 'object' || next === null) {
          const message = `input: next() of the iterator must return an object, not ${next}`
          throw argumentError('ERR_INVALID_ARG_TYPE', message)
        }
        const { done, value } = next as IteratorResult<unknown>
        if (done || this.#over) break
        const room = await this.#write(stdin, chunkOf(value))
        if (!room || this.#over) return
      }
      this.#over = true
      stdin.end()
    } catch (error) {
      if (this.#over) return
      this.thrown = { error }
      this.stop()
      this.#failed()
    }
  }

  /** Returns whether there is somebody to write more for. */
  #write(stdin: Writable, bytes: Uint8Array): boolean | Promise<boolean> {
    if (stdin.destroyed) return false
    if (bytes.length === 0) return true
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (stdin.write(buffer)) return true
    return new Promise((resolve) => {
      const settle = () => {
        stdin.off('drain', settle).off('close', settle)
        resolve(!stdin.destroyed)
      }
      stdin.on('drain', settle).on('close', settle)
    })
  }

  /** The program has ended, or does not read any more. */
  stop(): void {
    if (this.#over) {
      // A grandchild may still read the rest; don't wait for that.
      ;(this.#stdin as { unref?(): void } | undefined)?.unref?.()
      return
    }
    this.#over = true
    try {
      this.#chunks?.cancel()
    } catch {}
    this.#stdin?.destroy()
  }
}
