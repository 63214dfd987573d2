/** Our side of a pseudo-terminal. */
import { Buffer } from 'node:buffer'
import { writeSync } from 'node:fs'
import { Writable } from 'node:stream'
import { loadBinding } from '../binding/load.js'
import { later, type Timer } from '../core/runtime.js'
import { argumentError } from '../model/argument-error.js'
import { errnoName } from '../model/errno.js'
import { checkInteger } from '../model/values.js'
import { MAX_CELLS } from '../options/stdio.js'

/** Milliseconds until a terminal whose program does not read is tried again. */
const FULL = 2

const LF = 0x0a
/** Ctrl-D: ends the line, or at the beginning of one the input. */
const EOT = 0x04

/** Types into a terminal. The descriptor does not block, and stays open. */
class Keyboard extends Writable {
  readonly #fd: number
  #timer: Timer | undefined
  #last = LF

  constructor(fd: number) {
    super()
    this.#fd = fd
  }

  override _write(bytes: Uint8Array, encoding: BufferEncoding, done: (error?: Error) => void) {
    let written = 0
    try {
      written = writeSync(this.#fd, bytes)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return done(error as Error)
    }
    if (written > 0) this.#last = bytes[written - 1] as number
    if (written === bytes.length) return done()
    this.#timer = later(FULL, () => this._write(bytes.subarray(written), encoding, done))
  }

  override _final(done: (error?: Error) => void) {
    this._write(Buffer.from(this.#last === LF ? [EOT] : [EOT, EOT]), 'latin1', () => done())
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void) {
    this.#timer?.cancel()
    done(error)
  }
}

/** Its writing side, until the program ends. */
export class Terminal {
  readonly stdin: Writable
  #fd: number

  /** Owns `fd`, a pseudo-terminal's own side. */
  constructor(fd: number) {
    this.#fd = fd
    this.stdin = new Keyboard(fd)
  }

  resize(columns: number, rows: number): void {
    checkInteger('columns', columns, 1, MAX_CELLS)
    checkInteger('rows', rows, 1, MAX_CELLS)
    if (this.#fd < 0) return
    const errno = -loadBinding().resizePty(this.#fd, columns, rows)
    if (errno <= 0) return
    const code = errnoName(errno)
    throw Object.assign(new Error(`cannot resize the terminal: ${code}`), { code, errno: -errno })
  }

  close(): void {
    if (this.#fd < 0) return
    this.stdin.destroy()
    loadBinding().close(this.#fd)
    this.#fd = -1
  }
}

/** For a call without `stdio: 'pty'`. */
export function noTerminal(): Error {
  return argumentError('ERR_INVALID_STATE', "there is no terminal to resize: use stdio: 'pty'")
}
