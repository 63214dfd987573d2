/** The output of one command that is passed on in whole lines, as they come. */
import type { BatchCommand } from '../options/options.js'

const LF = 0x0a

/** Bytes of a line that has not ended; a longer one is passed on in pieces. */
const MAX_LINE = 1024 * 1024
/** Bytes that may wait for the output of earlier commands; then the command waits. */
const ROOM = 16 * 1024 * 1024

const outputs = ['stdout', 'stderr'] as const
export type OutputName = (typeof outputs)[number]

type Print = (to: OutputName, bytes: Buffer) => Promise<void>

interface Pending {
  to: OutputName
  bytes: Buffer
}

/** The options of a command, whatever its form; undefined if it names no program. */
function partsOf(command: BatchCommand) {
  if ('file' in command) return command
  const [file, ...args] = command
  return file === undefined ? undefined : { file, args }
}

/** `command` with our own output, unless it says where that is to go. */
export function ungrouped(command: BatchCommand): BatchCommand {
  const parts = partsOf(command)
  if (!parts || ('stdio' in parts && parts.stdio !== undefined)) return command
  const input = 'input' in parts && parts.input !== undefined ? 'pipe' : 'ignore'
  return { ...parts, stdio: [input, 'inherit', 'inherit'] }
}

export class LineOutput {
  /** Bytes of its standard output so far. */
  received = 0
  readonly #print: Print
  readonly #lines: Record<OutputName, Buffer[]> = { stdout: [], stderr: [] }
  readonly #lengths: Record<OutputName, number> = { stdout: 0, stderr: 0 }
  /** Whole lines that wait for their turn. */
  readonly #waiting: Pending[] = []
  #size = 0
  #live = false
  #printed: Promise<void> = Promise.resolve()
  #resume: (() => void)[] = []

  constructor(print: Print) {
    this.#print = print
  }

  /**
   * `command`, whose output comes here. Undefined if that cannot be: it has both outputs in
   * one, or says itself where they are to go.
   */
  watch(command: BatchCommand): BatchCommand | undefined {
    const parts = partsOf(command)
    if (!parts) return undefined
    const { all, stdio = 'pipe', overflow } = parts as Record<string, unknown>
    if (all || stdio !== 'pipe') return undefined
    return {
      ...parts,
      // All of the output is passed on. Only a limit that ends the command means something.
      ...(overflow !== 'kill' && { maxBuffer: 0 }),
      onStdout: (bytes) => this.#add('stdout', bytes),
      onStderr: (bytes) => this.#add('stderr', bytes),
    }
  }

  #add(to: OutputName, bytes: Buffer): Promise<void> | undefined {
    if (to === 'stdout') this.received += bytes.length
    const end = bytes.lastIndexOf(LF) + 1
    if (end > 0) {
      this.#lines[to].push(bytes.subarray(0, end))
      this.#flush(to)
    }
    if (end < bytes.length) {
      this.#lines[to].push(bytes.subarray(end))
      this.#lengths[to] += bytes.length - end
      if (this.#lengths[to] > MAX_LINE) this.#flush(to)
    }
    if (this.#live) return this.#printed
    if (this.#size < ROOM) return undefined
    return new Promise((resolve) => this.#resume.push(resolve))
  }

  #flush(to: OutputName): void {
    const bytes = Buffer.concat(this.#lines[to])
    this.#lines[to] = []
    this.#lengths[to] = 0
    if (bytes.length === 0) return
    if (this.#live) {
      this.#printed = this.#printed.then(() => this.#print(to, bytes))
      return
    }
    this.#waiting.push({ to, bytes })
    this.#size += bytes.length
  }

  /** It is its turn: prints what has come, and from now on what comes. */
  go(): void {
    this.#live = true
    for (const { to, bytes } of this.#waiting.splice(0)) {
      this.#printed = this.#printed.then(() => this.#print(to, bytes))
    }
    for (const resume of this.#resume.splice(0)) this.#printed.then(resume)
  }

  /** The command has ended: prints what is left. */
  async end(): Promise<void> {
    this.go()
    for (const to of outputs) this.#flush(to)
    await this.#printed
  }
}
