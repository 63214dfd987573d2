/** Reads the option `input`, of whatever kind. */
import { Buffer } from 'node:buffer'
import { constants } from 'node:fs'
import { PassThrough } from 'node:stream'
import { fileURLToPath, URL } from 'node:url'
import { isAnyArrayBuffer, isSharedArrayBuffer, isTypedArray } from 'node:util/types'
import { argumentError } from '../model/argument-error.js'
import { MAX_FD } from '../model/limits.js'
import { checkInteger, checkString, own, show, typeName } from '../model/values.js'
import type { StdioPlan } from './stdio.js'

/** Recognised as in Node: a URL of another realm is not an instance of our class. */
export function isUrl(value: unknown): value is URL {
  if (value instanceof URL) return true
  if (typeof value !== 'object' || value === null) return false
  const { href, protocol, auth, path } = value as Record<string, unknown>
  return Boolean(href && protocol) && auth === undefined && path === undefined
}

/** The path of a file URL. */
export function pathOf(name: string, url: URL): string {
  const path = fileURLToPath(url.href)
  checkString(name, path)
  return path
}

/** Throws a TypeError if the array's buffer is detached, or now ends before the array does. */
const { keys: validate } = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array

/** A view of the bytes, from any realm. Throws a TypeError if they are gone. */
function viewOf(value: ArrayBufferView | ArrayBufferLike): Uint8Array {
  if (!ArrayBuffer.isView(value)) return new Uint8Array(value)
  if (isTypedArray(value)) validate.call(value as Uint8Array)
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
}

/**
 * Shared memory is copied, as other threads may write to it, and so is a buffer
 * that can be resized, as it may become smaller.
 */
function bytesOf(name: string, value: ArrayBufferView | ArrayBufferLike): Uint8Array {
  try {
    const view = viewOf(value)
    const { resizable } = view.buffer as { resizable?: boolean }
    return resizable || isSharedArrayBuffer(view.buffer) ? Uint8Array.from(view) : view
  } catch {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${name} has lost its bytes: its buffer has been transferred, or has become too small for it`,
    )
  }
}

/** Throws if the bytes of an input have been transferred after it was read. */
export function checkInput(input: Uint8Array | InputSource | undefined): void {
  if (input && !(input instanceof InputSource)) bytesOf('input', input)
}

/** Chunks of an input, one at a time. */
export interface Chunks {
  next(): Promise<IteratorResult<unknown, unknown>>
  /** No more are wanted. */
  cancel(): void
}

/** An input that comes while the program runs. */
export class InputSource {
  /** Begins to read it. */
  readonly open: () => Chunks
  /** Whether it can be read only once. */
  readonly once: boolean
  /** For `input: true`: where the caller writes it. */
  readonly stream: PassThrough | undefined

  constructor(open: () => Chunks, once: boolean, stream?: PassThrough) {
    this.open = open
    this.once = once
    this.stream = stream
  }
}

/** An input that the child reads from a descriptor of its own, with nothing in between. */
export class InputFile {
  readonly plan: StdioPlan

  constructor(plan: StdioPlan) {
    this.plan = plan
  }
}

const has = (value: object, ...methods: PropertyKey[]): boolean =>
  methods.every((method) => typeof (value as Record<PropertyKey, unknown>)[method] === 'function')

/** The bytes of a chunk. Throws an argument error. */
export function chunkOf(chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk)
  if (ArrayBuffer.isView(chunk) || isAnyArrayBuffer(chunk)) return viewOf(chunk)
  throw argumentError(
    'ERR_INVALID_ARG_TYPE',
    `input: a chunk must be a string or bytes, not ${typeName(chunk)}`,
  )
}

type NodeStream = AsyncIterable<unknown> & {
  readableFlowing?: boolean | null
  readable?: boolean
  destroy(): void
}

function fromStream(name: string, stream: NodeStream): InputSource {
  if (stream.readable === false) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${name} is a stream that has ended, or has been destroyed: there is nothing to read`,
    )
  }
  if (stream.readableFlowing === true) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${name} is a stream that flows already, so its beginning would be missing: ` +
        'give it before anything reads it, or pipe it to a PassThrough that you give',
    )
  }
  const open = () => {
    const iterator = stream[Symbol.asyncIterator]()
    return { next: () => iterator.next(), cancel: () => stream.destroy() }
  }
  return new InputSource(open, true)
}

interface WebStream {
  locked: boolean
  getReader(): {
    read(): Promise<IteratorResult<unknown, unknown>>
    cancel(): Promise<void>
  }
}

const openWeb = (stream: WebStream): Chunks => {
  const reader = stream.getReader()
  return { next: () => reader.read(), cancel: () => void reader.cancel().catch(() => {}) }
}

function fromWeb(name: string, stream: WebStream): InputSource {
  if (stream.locked) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${name} is a stream that has a reader already: release that, or give one branch of tee()`,
    )
  }
  return new InputSource(() => openWeb(stream), true)
}

function fromIterable(iterable: Iterable<unknown> | AsyncIterable<unknown>): InputSource {
  const open = () => {
    const iterator =
      Symbol.asyncIterator in iterable
        ? iterable[Symbol.asyncIterator]()
        : iterable[Symbol.iterator]()
    const cancel = () => {
      // A generator cleans up; nobody waits for it.
      Promise.resolve(iterator.return?.()).catch(() => {})
    }
    return { next: async () => iterator.next(), cancel }
  }
  return new InputSource(open, !Array.isArray(iterable))
}

/** Bytes as an input that comes while the program runs. */
export const sourceOf = (bytes: Uint8Array): InputSource => fromIterable([bytes])

function fromFile(name: string, fd: unknown): InputFile {
  if (fd === -1) {
    throw argumentError('ERR_INVALID_ARG_VALUE', `${name} is a FileHandle that has been closed`)
  }
  checkInteger(`${name}.fd`, fd, 0, MAX_FD)
  return new InputFile({ kind: 'fd', fd: fd as number })
}

function fromPath(name: string, path: unknown): InputFile {
  checkString(name, path)
  return new InputFile({ kind: 'open', path, flags: constants.O_RDONLY, mode: 0 })
}

/** Where the caller writes it. */
function fromHand(): InputSource {
  const stream = new PassThrough()
  // Its end before all has been written is no error of the program's.
  stream.on('error', () => {})
  return new InputSource(fromStream('input', stream).open, true, stream)
}

/** Bytes stay the caller's memory, which the caller can still change. */
export function readInput(name: string, value: unknown): Uint8Array | InputSource | InputFile {
  if (typeof value === 'string') return Buffer.from(value)
  if (value === true) return fromHand()
  if (ArrayBuffer.isView(value) || isAnyArrayBuffer(value)) return bytesOf(name, value)
  if (typeof value === 'object' && value !== null) {
    if (isUrl(value)) return fromPath(name, pathOf(name, value))
    if (has(value, 'stream', 'arrayBuffer')) {
      return new InputSource(() => openWeb((value as Blob).stream() as unknown as WebStream), false)
    }
    if (has(value, 'pipe', 'destroy', Symbol.asyncIterator)) {
      return fromStream(name, value as NodeStream)
    }
    if (has(value, 'getReader')) return fromWeb(name, value as WebStream)
    if (has(value, 'createReadStream')) return fromFile(name, (value as { fd?: unknown }).fd)
    if (has(value, Symbol.asyncIterator) || has(value, Symbol.iterator)) {
      return fromIterable(value as Iterable<unknown>)
    }
    const path = own(value, 'path')
    if (path !== undefined) return fromPath(`${name}.path`, path)
  }
  throw argumentError(
    'ERR_INVALID_ARG_TYPE',
    `${name} must be a string, bytes, a stream, an iterable of those, a Blob, { path }, ` +
      `a FileHandle, or true, not ${show(value)}`,
  )
}
