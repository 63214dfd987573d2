/** Output as lines, while the program runs. */
import { Buffer } from 'node:buffer'

const LF = 0x0a

/** Bytes of a line; a longer one comes in pieces. */
export const MAX_LINE = 1024 * 1024

/** Where a piece of at most `MAX_LINE` bytes ends: not within a character of UTF-8. */
function endOfPiece(bytes: Buffer): number {
  let end = MAX_LINE
  while (end > MAX_LINE - 3 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return end
}

/** Only LF ends a line, and is not part of it. */
export class LineSplitter {
  readonly #encoding: BufferEncoding
  #rest: Buffer[] = []
  #length = 0

  constructor(encoding: BufferEncoding | 'buffer') {
    this.#encoding = encoding === 'buffer' ? 'utf8' : encoding
  }

  /** The lines that end in `bytes`, and pieces of one that is too long. */
  add(bytes: Buffer): string[] {
    const lines: string[] = []
    let from = 0
    for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, from)) {
      this.#keep(bytes.subarray(from, at), lines)
      lines.push(this.#take())
      from = at + 1
    }
    if (from < bytes.length) this.#keep(bytes.subarray(from), lines)
    return lines
  }

  /** The last line, if it has no end. */
  end(): string[] {
    return this.#length > 0 ? [this.#take()] : []
  }

  #keep(bytes: Buffer, lines: string[]): void {
    this.#rest.push(bytes)
    this.#length += bytes.length
    while (this.#length > MAX_LINE) {
      const all = Buffer.concat(this.#rest)
      const end = endOfPiece(all)
      lines.push(all.toString(this.#encoding, 0, end))
      this.#rest = [all.subarray(end)]
      this.#length -= end
    }
  }

  #take(): string {
    const [only = Buffer.alloc(0)] = this.#rest
    const line = this.#rest.length < 2 ? only : Buffer.concat(this.#rest)
    this.#rest = []
    this.#length = 0
    return line.toString(this.#encoding)
  }
}

/** Who reads an output while it comes. */
export interface Reader {
  /** Takes over the bytes, all that have come so far first. */
  add(bytes: Buffer): void
  /** There are no more. */
  end(): void
  /** Resolves when it can take more; undefined if it can already. */
  ready(): Promise<void> | undefined
}

/** Lines for a loop: `for await (const line of …)`. A slow loop holds the program back. */
export class Lines implements Reader, AsyncIterableIterator<string, undefined> {
  readonly #splitter: LineSplitter
  /** Called at the end: rejects if the call failed. */
  readonly #result: () => Promise<unknown>
  #left: (reader: Reader) => void = () => {}
  #queue: string[] = []
  #at = 0
  #ended = false
  /** Of next() calls that wait for a line. */
  readonly #wanted: (() => void)[] = []
  #resume: (() => void) | undefined

  constructor(encoding: BufferEncoding | 'buffer', result: () => Promise<unknown>) {
    this.#splitter = new LineSplitter(encoding)
    this.#result = result
  }

  /** `left` is called if the loop is left before the end. */
  onLeave(left: (reader: Reader) => void): this {
    this.#left = left
    return this
  }

  add(bytes: Buffer): void {
    if (!this.#ended) this.#put(this.#splitter.add(bytes))
  }

  end(): void {
    if (this.#ended) return
    this.#put(this.#splitter.end())
    this.#ended = true
    for (const wake of this.#wanted.splice(0)) wake()
  }

  ready(): Promise<void> | undefined {
    if (this.#ended || this.#at === this.#queue.length) return undefined
    return new Promise((resolve) => {
      this.#resume = resolve
    })
  }

  #put(lines: string[]): void {
    if (lines.length === 0) return
    this.#queue =
      this.#at === this.#queue.length ? lines : [...this.#queue.slice(this.#at), ...lines]
    this.#at = 0
    for (const wake of this.#wanted.splice(0)) wake()
  }

  #goOn(): void {
    this.#resume?.()
    this.#resume = undefined
  }

  async next(): Promise<IteratorResult<string, undefined>> {
    for (;;) {
      if (this.#at < this.#queue.length) {
        const value = this.#queue[this.#at++] as string
        if (this.#at === this.#queue.length) this.#goOn()
        return { done: false, value }
      }
      if (this.#ended) break
      await new Promise<void>((resolve) => this.#wanted.push(resolve))
    }
    await this.#result()
    return { done: true, value: undefined }
  }

  /** The program goes on, and its output is collected. */
  async return(): Promise<IteratorResult<string, undefined>> {
    this.#ended = true
    this.#queue = []
    this.#at = 0
    this.#left(this)
    this.#goOn()
    for (const wake of this.#wanted.splice(0)) wake()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
