/** Prints whole lines of commands that still run, and knows what of their output is left. */
import type { LiveOutput } from '../cluster/index.js'

const LF = 0x0a

type Output = Pick<LiveOutput, 'index' | 'attempt' | 'from' | 'at' | 'bytes'>

interface Known {
  attempt: number
  /** How many bytes have been printed, up to the end of a line. */
  printed: number
  /** The beginning of the next line. */
  rest: Buffer
}

export class LiveLines {
  readonly #print: (index: number, from: 'stdout' | 'stderr', lines: Buffer) => boolean
  readonly #known = new Map<string, Known>()

  /** `print` returns whether there is room for the lines; without, the result has them. */
  constructor(print: (index: number, from: 'stdout' | 'stderr', lines: Buffer) => boolean) {
    this.#print = print
  }

  add({ index, attempt, from, at, bytes }: Output): void {
    const key = `${index} ${from}`
    let known = this.#known.get(key)
    if (known?.attempt !== attempt) {
      known = { attempt, printed: 0, rest: Buffer.alloc(0) }
      this.#known.set(key, known)
    }
    // After a piece that was not printed, none is.
    if (at !== known.printed + known.rest.length) return
    const all = Buffer.concat([known.rest, bytes])
    const end = all.lastIndexOf(LF) + 1
    if (end > 0 && !this.#print(index, from, all.subarray(0, end))) return
    known.printed += end
    known.rest = all.subarray(end)
  }

  /** What has not been printed of an output that is complete; it is forgotten then. */
  left(
    index: number,
    attempt: number,
    from: 'stdout' | 'stderr',
    output: string | Buffer,
  ): string | Buffer {
    const key = `${index} ${from}`
    const known = this.#known.get(key)
    this.#known.delete(key)
    if (known?.attempt !== attempt) return output
    return Buffer.from(output).subarray(known.printed)
  }
}
