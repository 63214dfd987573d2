/** The output of a command that runs, on its way to the submitter, a piece at a time. */
import { Buffer } from 'node:buffer'
import { delay } from '../core/runtime.js'
import { toText, type WireLive, type WirePiece } from './protocol.js'

/** Bytes of each output in one message, and the milliseconds between two: every submitter of the queue reads them. */
const PIECE = 8 * 1024
const PAUSE_MS = 50

const names = ['stdout', 'stderr'] as const
type From = (typeof names)[number]

/** One output: what of it is still to be sent. */
class Rest {
  #at = 0
  #bytes: Buffer[] = []
  #left: number

  /** `most`: how many bytes of it the result has. */
  constructor(most: number) {
    this.#left = most
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0
  }

  add(bytes: Buffer): void {
    const kept = bytes.subarray(0, this.#left)
    this.#left -= kept.length
    if (kept.length > 0) this.#bytes.push(kept)
  }

  take(): WirePiece {
    const all = Buffer.concat(this.#bytes)
    const piece = all.subarray(0, PIECE)
    const rest = all.subarray(PIECE)
    this.#bytes = rest.length > 0 ? [rest] : []
    const at = this.#at
    this.#at += piece.length
    return { at, text: toText(piece) }
  }
}

/**
 * Sends what a command writes, in order, as far as the result will have it, and without
 * holding the command up. What has not been sent at its end comes with the result.
 */
export class Live {
  readonly #send: (live: WireLive) => Promise<unknown>
  readonly #rests: Record<From, Rest>
  #isSending = false
  #isOver = false

  constructor(most: Record<From, number>, send: (live: WireLive) => Promise<unknown>) {
    this.#send = send
    this.#rests = { stdout: new Rest(most.stdout), stderr: new Rest(most.stderr) }
  }

  add(from: From, bytes: Buffer): void {
    this.#rests[from].add(bytes)
    if (!this.#isSending) void this.#pump()
  }

  /** The command has ended. */
  end(): void {
    this.#isOver = true
  }

  async #pump(): Promise<void> {
    this.#isSending = true
    while (!this.#isOver) {
      const live: WireLive = {}
      for (const name of names) {
        if (!this.#rests[name].isEmpty) live[name] = this.#rests[name].take()
      }
      if (Object.keys(live).length === 0) break
      // Whoever misses a piece waits for the result.
      await this.#send(live).catch(() => {})
      await delay(PAUSE_MS)
    }
    this.#isSending = false
  }
}
