/** What is kept of an output that goes beyond its limit. */
import { Buffer } from 'node:buffer'

/** Which end of a long output is kept: its head, its tail, or half of each. */
export type Keep = 'head' | 'tail' | 'both'

/** Smaller chunks are copied together: a program that writes byte by byte would have one for each. */
const SLAB = 16 * 1024

const none = Buffer.alloc(0)

/** Bytes, added at the end and dropped at the beginning. */
class Bytes {
  #pieces: Buffer[] = []
  /** The pieces before it have been dropped. */
  #first = 0
  /** How much of the last piece is in use; the rest is room for more. */
  #used = 0
  length = 0

  add(bytes: Buffer): void {
    this.length += bytes.length
    const last = this.#pieces.at(-1)
    if (last && bytes.length <= last.length - this.#used) {
      bytes.copy(last, this.#used)
      this.#used += bytes.length
      return
    }
    this.#close()
    const piece = bytes.length < SLAB ? Buffer.allocUnsafe(SLAB) : bytes
    if (piece !== bytes) bytes.copy(piece)
    this.#pieces.push(piece)
    this.#used = bytes.length
  }

  /** Gives up the room in the last piece. */
  #close(): void {
    const last = this.#pieces.pop()
    if (last) this.#pieces.push(last.subarray(0, this.#used))
  }

  /** Drops whole pieces at the beginning, as long as at least `least` bytes are left. */
  dropTo(least: number): void {
    for (;;) {
      const piece = this.#pieces[this.#first]
      const isLast = this.#first === this.#pieces.length - 1
      if (!piece || isLast || this.length - piece.length < least) break
      this.length -= piece.length
      this.#pieces[this.#first++] = none
    }
    if (this.#first < 64 || this.#first * 2 < this.#pieces.length) return
    this.#pieces = this.#pieces.slice(this.#first)
    this.#first = 0
  }

  all(): Buffer {
    const pieces = this.#pieces.slice(this.#first)
    const last = pieces.pop()
    if (!last) return none
    const end = last.subarray(0, this.#used)
    return pieces.length === 0 ? end : Buffer.concat([...pieces, end], this.length)
  }
}

/** How many bytes of `max` are for the beginning, and how many for the end. */
export function splitOf(keep: Keep, max: number): { head: number; tail: number } {
  if (keep === 'head' || max === Number.POSITIVE_INFINITY) return { head: max, tail: 0 }
  const tail = keep === 'tail' ? max : Math.floor(max / 2)
  return { head: max - tail, tail }
}

/** Keeps at most `max` bytes of what is added. */
export class Kept {
  /** Whether anything has been dropped. */
  truncated = false
  readonly #head = new Bytes()
  readonly #tail = new Bytes()
  readonly #headMax: number
  readonly #tailMax: number

  constructor(keep: Keep, max: number) {
    const { head, tail } = splitOf(keep, max)
    this.#headMax = head
    this.#tailMax = tail
  }

  /** Takes over the bytes. */
  add(bytes: Buffer): void {
    const room = Math.max(0, this.#headMax - this.#head.length)
    if (room > 0) this.#head.add(bytes.subarray(0, room))
    if (bytes.length <= room) return
    const rest = bytes.subarray(room)
    if (this.#tailMax > 0) this.#tail.add(rest)
    this.truncated ||= this.#tailMax === 0 || this.#tail.length > this.#tailMax
    this.#tail.dropTo(this.#tailMax)
  }

  all(): Buffer {
    const tail = this.#tail.all()
    if (tail.length === 0) return this.#head.all()
    const end = tail.subarray(Math.max(0, tail.length - this.#tailMax))
    return this.#head.length === 0 ? end : Buffer.concat([this.#head.all(), end])
  }
}
