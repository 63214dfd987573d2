/** What a program writes: collected, and read while it comes. */
import { Buffer } from 'node:buffer'
import { now } from '../core/runtime.js'
import type { RunSettings } from '../options/settings.js'
import { isCollected } from '../options/stdio.js'
import { type Keep, Kept, splitOf } from './kept.js'
import type { Collection, Launch } from './launch.js'
import { LineSplitter, type Reader } from './lines.js'
import type { CallbackName, PendingCall, Termination } from './termination.js'

const MAX_BUFFER = 100 * 1024 * 1024

const nothing = Buffer.alloc(0)

const isUtf8 = (encoding: string): boolean => /^utf-?8$/i.test(encoding)

/** Which output a line is from: `all` has both in one. */
export type OutputName = 'stdout' | 'stderr' | 'all'

/** Calls a function of the caller's; what that returns is awaited before there is more. */
type Callback = (bytes: Buffer, last: boolean) => Promise<void> | undefined

/** An output that is delivered as it comes, in chunks that are asked for. */
class Flow {
  readonly kept: Kept
  readonly readers = new Set<Reader>()
  readonly callbacks: Callback[] = []
  /** All calls so far. */
  called: Promise<void> | undefined
  pending: PendingCall | undefined
  ended = false

  constructor(keep: Keep, max: number) {
    this.kept = new Kept(keep, max)
  }

  add(bytes: Buffer): void {
    for (const reader of this.readers) reader.add(bytes)
    this.kept.add(bytes)
  }

  end(): void {
    this.ended = true
    for (const reader of this.readers) reader.end()
    this.readers.clear()
  }

  /** Resolves when all can take more; undefined if they can already. */
  ready(): Promise<unknown> | undefined {
    const waits = [...this.readers].map((reader) => reader.ready())
    const all = [this.called, ...waits].filter((wait) => wait !== undefined)
    return all.length > 0 ? Promise.all(all) : undefined
  }
}

/** What the outputs need of the program that writes them: more of the one with this descriptor. */
type Source = Pick<Launch, 'more'>
/** What they need of its termination. */
type Ending = Pick<Termination, 'terminate'>

/** The bytes to keep of the output with this descriptor. */
export function maxOf({ maxBuffer, all }: RunSettings, index: number): number {
  if (typeof maxBuffer === 'number') return maxBuffer
  const own = index === 1 ? (all ? maxBuffer?.all : maxBuffer?.stdout) : undefined
  return own ?? (index === 2 ? maxBuffer?.stderr : undefined) ?? MAX_BUFFER
}

/** Collects each pipe's output until it ends, for the launch and for whoever reads meanwhile. */
export class Outputs implements Collection {
  /** What native code writes to the program, and whether the caller does. */
  input: Uint8Array | undefined
  feeds = false
  truncated = false
  /** The first pipe that could not be read to its end. */
  failed: { index: number; errno: number } | undefined
  /** The first output that is too long for a string. */
  tooLong: { index: number; length: number } | undefined
  /** What a function of the caller's has thrown. */
  thrown: { error: unknown } | undefined
  /** One that did not return in time: no function is called any more. */
  stuck: CallbackName | undefined
  readonly #settings: RunSettings
  /** By descriptor: of those that have ended. */
  readonly #bytes: (Buffer | undefined)[] = []
  /** Where something is missing, in an output of which both ends were kept. */
  #gaps: Map<number, number> | undefined
  /** Of those that come in chunks; most runs have none. */
  #flows: Map<number, Flow> | undefined
  readonly #indices: readonly number[]
  #source: Source | undefined
  #ending: Ending | undefined
  #abandoned = false
  #unread: number
  #isRead: (() => void) | undefined
  #missing: number
  #whole: Promise<void> | undefined
  #isWhole: (() => void) | undefined

  constructor(settings: RunSettings) {
    this.#settings = settings
    const indices: number[] = []
    settings.stdio.forEach((plan, index) => {
      if (isCollected(plan)) indices.push(index)
    })
    this.#indices = indices
    this.#unread = indices.length
    this.#missing = indices.length
    this.#callBack(settings)
  }

  /** Whether all have come to their end, and functions of the caller's have returned. */
  get complete(): boolean {
    return this.#missing === 0
  }

  /** Resolves once all have come to their end, whatever functions of the caller's do. */
  get allRead(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#unread === 0) resolve()
      else this.#isRead = resolve
    })
  }

  /** Resolves once all are complete. Most do before the program's exit is told, and nobody asks. */
  get whole(): Promise<void> {
    this.#whole ??= new Promise((resolve) => {
      if (this.complete) resolve()
      else this.#isWhole = resolve
    })
    return this.#whole
  }

  #callBack({ onStdout, onStderr, onLine, keep, encoding = 'utf8', all }: RunSettings): void {
    if (onStdout) this.#callWithBytes(1, 'onStdout', onStdout)
    if (onStderr) this.#callWithBytes(2, 'onStderr', onStderr)
    if (onLine) {
      for (const index of this.#indices.filter((index) => index <= 2)) {
        const name = all ? 'all' : index === 1 ? 'stdout' : 'stderr'
        const splitter = new LineSplitter(encoding)
        const flow = this.#flow(index)
        flow.callbacks.push(async (bytes, last) => {
          const lines = splitter.add(bytes)
          if (last) lines.push(...splitter.end())
          for (const line of lines) {
            if (this.#isOver) return
            const wait = onLine(line, name)
            if (wait) await this.#returned(flow, 'onLine', wait)
          }
        })
      }
    }
    if (keep && keep !== 'head') for (const index of this.#indices) this.#flow(index)
  }

  #callWithBytes(
    index: number,
    name: 'onStdout' | 'onStderr',
    callback: (bytes: Buffer) => unknown,
  ): void {
    const flow = this.#flow(index)
    flow.callbacks.push((bytes) => {
      const wait = bytes.length > 0 && callback(bytes)
      return wait ? this.#returned(flow, name, wait) : undefined
    })
  }

  async #returned(flow: Flow, name: CallbackName, wait: unknown): Promise<void> {
    flow.pending = { name, since: now() }
    try {
      await wait
    } finally {
      flow.pending = undefined
    }
  }

  /** Whether functions of the caller's are called no more. */
  get #isOver(): boolean {
    return this.thrown !== undefined || this.stuck !== undefined
  }

  /** Of the calls that have not returned, the oldest. */
  get pending(): PendingCall | undefined {
    let oldest: PendingCall | undefined
    for (const { pending } of this.#flows?.values() ?? []) {
      if (pending && (!oldest || pending.since < oldest.since)) oldest = pending
    }
    return oldest
  }

  /** Waits for this one no longer. */
  giveUp({ name }: PendingCall): void {
    this.stuck = name
  }

  #flow(index: number): Flow {
    const known = this.#flows?.get(index)
    if (known) return known
    const flow = new Flow(this.#settings.keep ?? 'head', maxOf(this.#settings, index))
    this.#flows ??= new Map()
    this.#flows.set(index, flow)
    this.#source?.more(index)
    return flow
  }

  /** How much native code is to keep of an output. Of one that comes in chunks nothing is dropped here. */
  max(index: number): number {
    return this.#flows?.has(index) ? Number.POSITIVE_INFINITY : maxOf(this.#settings, index)
  }

  /** There is a program now. */
  begin(source: Source, ending: Ending): void {
    this.#source = source
    this.#ending = ending
    for (const index of this.#flows?.keys() ?? []) source.more(index)
  }

  /** There is none, and will be none. */
  abandon(): void {
    this.#abandoned = true
    for (const flow of this.#flows?.values() ?? []) flow.end()
  }

  /** Whether this output is collected. */
  has(index: number): boolean {
    return this.#indices.includes(index)
  }

  /** Gives `reader` the output with this descriptor, from the beginning of what is kept. */
  read(index: number, reader: Reader): void {
    const whole = this.#bytes[index]
    if (whole) {
      reader.add(whole)
      reader.end()
      return
    }
    const flow = this.#flow(index)
    const before = flow.kept.all()
    if (before.length > 0) reader.add(before)
    if (flow.ended || this.#abandoned) reader.end()
    else flow.readers.add(reader)
  }

  /** It takes no more. */
  forget(index: number, reader: Reader): void {
    this.#flows?.get(index)?.readers.delete(reader)
  }

  #run(flow: Flow, bytes: Buffer, last: boolean): void {
    if (flow.callbacks.length === 0) return
    flow.called = (flow.called ?? Promise.resolve()).then(async () => {
      try {
        for (const callback of flow.callbacks) {
          if (this.#isOver) return
          await callback(bytes, last)
        }
      } catch (error) {
        if (this.stuck) return
        this.thrown ??= { error }
        this.#ending?.terminate('callback')
      }
    })
  }

  #add(flow: Flow, bytes: Buffer): void {
    const before = flow.kept.truncated
    flow.add(bytes)
    if (flow.kept.truncated && !before) this.overflow()
  }

  /** An output goes beyond its limit. */
  overflow(): void {
    if (this.#settings.overflow === 'kill') this.#ending?.terminate('maxBuffer')
  }

  /** Some output, of one that was asked for more. */
  chunk(index: number, bytes: Buffer): void {
    const flow = this.#flow(index)
    this.#add(flow, bytes)
    this.#run(flow, bytes, false)
    const ready = flow.ready()
    if (ready) ready.then(() => this.#source?.more(index))
    else this.#source?.more(index)
  }

  /** All output, or the last of one that came in chunks. */
  output(index: number, bytes: Buffer, truncated: boolean, errno: number): void {
    if (errno !== 0) this.failed ??= { index, errno }
    this.truncated ||= truncated
    const flow = this.#flows?.get(index)
    if (!flow) {
      this.#bytes[index] = bytes
      this.#wasRead()
      this.#ended()
      return
    }
    if (bytes.length > 0) this.#add(flow, bytes)
    flow.end()
    this.#run(flow, bytes, true)
    this.truncated ||= flow.kept.truncated
    this.#bytes[index] = flow.kept.all()
    const { keep, encoding = 'utf8' } = this.#settings
    if (keep === 'both' && (truncated || flow.kept.truncated) && isUtf8(encoding)) {
      this.#gaps ??= new Map()
      this.#gaps.set(index, splitOf(keep, maxOf(this.#settings, index)).head)
    }
    this.#wasRead()
    if (flow.called) flow.called.then(() => this.#ended())
    else this.#ended()
  }

  #wasRead(): void {
    if (--this.#unread === 0) this.#isRead?.()
  }

  #ended(): void {
    if (--this.#missing === 0) this.#isWhole?.()
  }

  /** The output as text, or as bytes if it is too long for a string. */
  get(index: number, encoding: BufferEncoding | 'buffer'): string | Buffer {
    const bytes = this.#bytes[index] ?? nothing
    if (encoding === 'buffer') return bytes
    // The halves of two characters make none together.
    const gap = this.#gaps?.get(index) ?? 0
    try {
      if (gap === 0) return bytes.toString(encoding)
      return bytes.toString(encoding, 0, gap) + bytes.toString(encoding, gap)
    } catch {
      this.tooLong ??= { index, length: bytes.length }
      return bytes
    }
  }
}
