/** Splits a stream of bytes into lines, or into other records. */
import type { Readable } from 'node:stream'

const LF = 0x0a
const NUL = 0

/** A line that is not UTF-8 cannot be passed on unchanged: arguments are strings. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A line and its number, from 1; `text` is undefined if the line is not UTF-8. */
export interface Line {
  number: number
  text: string | undefined
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * Yields the lines of `input` as they arrive, or with `byNul` the records that end with a
 * NUL byte, which are passed on as they are. Only LF ends a line, so a line may contain
 * any other character. The last one needs no end.
 */
export async function* linesOf(input: Readable, byNul = false): AsyncGenerator<Line> {
  const end = byNul ? NUL : LF
  let number = 0
  let rest: Buffer[] = []
  const line = (bytes: Uint8Array): Line => {
    number++
    const text = decode(bytes)
    if (byNul) return { number, text }
    // Some editors end lines with CR LF, and begin files with a byte order mark.
    const plain = text?.replace(/\r$/, '')
    return { number, text: number === 1 ? plain?.replace(/^\ufeff/, '') : plain }
  }
  for await (const chunk of input as AsyncIterable<Buffer>) {
    let from = 0
    for (let at = chunk.indexOf(end); at >= 0; at = chunk.indexOf(end, from)) {
      yield line(Buffer.concat([...rest, chunk.subarray(from, at)]))
      rest = []
      from = at + 1
    }
    if (from < chunk.length) rest.push(chunk.subarray(from))
  }
  if (rest.length > 0) yield line(Buffer.concat(rest))
}
