import { Buffer } from 'node:buffer'

/** Collects each pipe's output until it ends. */
export class Outputs {
  truncated = false
  /** The first pipe that could not be read to its end. */
  failed: { index: number; errno: number } | undefined
  /** The first output that is too long for a string. */
  tooLong: { index: number; length: number } | undefined
  readonly #bytes = new Map<number, Buffer>()
  #missing = 0
  #whole: () => void = () => {}
  readonly whole: Promise<void>

  constructor(count: number) {
    this.#missing = count
    this.whole = new Promise((resolve) => {
      this.#whole = resolve
    })
    if (count === 0) this.#whole()
  }

  /** Whether all have come to their end. */
  get complete(): boolean {
    return this.#missing === 0
  }

  add(index: number, bytes: Buffer, truncated: boolean, errno: number): void {
    this.#bytes.set(index, bytes)
    if (errno !== 0) this.failed ??= { index, errno }
    this.truncated ||= truncated
    if (--this.#missing === 0) this.#whole()
  }

  /** The output as text, or as bytes if it is too long for a string. */
  get(index: number, encoding: BufferEncoding | 'buffer'): string | Buffer {
    const bytes = this.#bytes.get(index) ?? Buffer.alloc(0)
    if (encoding === 'buffer') return bytes
    try {
      return bytes.toString(encoding)
    } catch {
      this.tooLong ??= { index, length: bytes.length }
      return bytes
    }
  }
}
