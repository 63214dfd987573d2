/** Splits a stream of bytes into lines. */
import type { Readable } from 'node:stream'

const LF = 0x0a

/** A line that is not UTF-8 cannot be passed on unchanged: arguments are strings. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A line and its number, from 1; `text` is undefined if the line is not UTF-8. */
export interface Line {
  number: number
  text: string | undefined
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    // Some editors end lines with CR LF, and begin files with a byte order mark.
    return decoder.decode(bytes).replace(/\r$/, '')
  } catch {
    return undefined
  }
}

/**
 * Yields the lines of `input` as they arrive. Only LF ends a line, so a line may
 * contain any other character. The last one needs no LF.
 */
export async function* linesOf(input: Readable): AsyncGenerator<Line> {
  let number = 0
  let rest: Buffer[] = []
  const line = (bytes: Uint8Array): Line => {
    number++
    const text = decode(bytes)
    return { number, text: number === 1 ? text?.replace(/^\ufeff/, '') : text }
  }
  for await (const chunk of input as AsyncIterable<Buffer>) {
    let from = 0
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, from)) {
      yield line(Buffer.concat([...rest, chunk.subarray(from, at)]))
      rest = []
      from = at + 1
    }
    if (from < chunk.length) rest.push(chunk.subarray(from))
  }
  if (rest.length > 0) yield line(Buffer.concat(rest))
}
