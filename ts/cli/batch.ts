/** `uring-spawn batch`: commands from a file or stdin, a bounded number at once. */
import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { Presets, SingleBar } from 'cli-progress'
import type { BackendName } from '../backend/backends.js'
import { selectBackend } from '../backend/select.js'
import { batch } from '../batch/batch.js'
import { BatchError, type BatchResult, failed } from '../batch/result.js'
import { getCore } from '../core/core.js'
import { ENDING_SIGNALS } from '../model/signals.js'
import type { BatchCommand, BatchOptions, BatchProgress } from '../options/options.js'
import { parseCommand } from './command.js'
import { linesOf } from './lines.js'
import { PIPE_STATUS, watchOutput, write } from './output.js'

export interface BatchCliOptions {
  jobs?: number
  json?: true
  bail?: true
  timeout?: number
  backend?: BackendName
}

/** Milliseconds between the first signal to a command and SIGKILL. */
const GRACE = 1000

/**
 * Milliseconds, once a signal has ended the batch, to wait for a reader to accept
 * output, and then for the program to exit by itself.
 */
const EXIT_MS = 200

/** Exit statuses. */
const Status = { ok: 0, failed: 1, badInput: 2 } as const

type Result = BatchResult<BatchCommand, string | Buffer>

/** A progress bar on standard error, or nothing. */
class Bar {
  readonly #bar: SingleBar | undefined

  constructor(shown: boolean) {
    if (!shown) return
    this.#bar = new SingleBar(
      {
        format:
          ' {bar} {value}/{total} | {running} running | {failed} failed | {duration_formatted}',
        stream: process.stderr,
        hideCursor: true,
      },
      Presets.shades_classic,
    )
    this.#bar.start(0, 0, { running: 0, failed: 0 })
  }

  show({ total, running, done, failed }: BatchProgress): void {
    this.#bar?.setTotal(total ?? done + running)
    this.#bar?.update(done, { running, failed })
  }

  stop(): void {
    this.#bar?.stop()
  }
}

const nameOf = (command: BatchCommand): string =>
  'file' in command ? [command.file, ...(command.args ?? [])].join(' ') : command.join(' ')

/** JSON cannot hold output that is not UTF-8: that becomes base64, marked by a field of its own. */
function asText(name: string, output: string | Buffer): Record<string, string> {
  if (typeof output === 'string') return { [name]: output }
  if (isUtf8(output)) return { [name]: output.toString() }
  return { [name]: output.toString('base64'), [`${name}Encoding`]: 'base64' }
}

const asJsonError = (error: Error): object => {
  const { message, code, step } = error as NodeJS.ErrnoException & { step?: string }
  return { message, code, step }
}

function asJson({ index, command, result, error }: Result, line: number | undefined): string {
  return JSON.stringify({
    index,
    line,
    command,
    ...(error && { error: asJsonError(error) }),
    ...(result && {
      exitCode: result.exitCode,
      signal: result.signal,
      timedOut: result.timedOut,
      truncated: result.truncated,
      ...asText('stdout', result.stdout),
      ...asText('stderr', result.stderr),
    }),
  })
}

function why({ result, error }: Result): string {
  if (error) return error.message
  if (result?.timedOut) return 'timed out'
  return result?.signal ? `ended by ${result.signal}` : `exited with ${result?.exitCode}`
}

/** Whether a command is invalid as written, on any system. */
const isBadCommand = (error: Error | undefined): error is Error =>
  /^ERR_(INVALID_ARG|OUT_OF_RANGE|UNKNOWN_OPTION)/.test(
    (error as NodeJS.ErrnoException | undefined)?.code ?? '',
  )

/** One call of `batch`. */
class Run {
  readonly #json: boolean
  readonly #bail: boolean
  readonly #where: string
  readonly #input: Readable
  readonly #stop = new AbortController()
  /** By command index: the line it came from. */
  readonly #lines: number[] = []
  /** The exit status so far; a greater one wins. */
  #status: number = Status.ok
  /** A reader took nothing after the batch had been ended. */
  #stuck = false

  constructor(file: string, { json, bail }: BatchCliOptions) {
    this.#json = json === true
    this.#bail = bail === true
    this.#where = file === '-' ? 'stdin' : file
    this.#input = file === '-' ? process.stdin : createReadStream(file)
    this.#input.on('error', () => {})
  }

  #fails(status: number): void {
    this.#status = Math.max(this.#status, status)
  }

  /** Ends all running commands and stops reading; the first call decides the exit status. */
  end(status: number): void {
    if (this.#stop.signal.aborted) return
    this.#fails(status)
    this.#stop.abort()
    this.#input.destroy()
  }

  /** Waits until the bytes are accepted, but not for long once the batch has been ended. */
  async #write(stream: Writable, bytes: string | Uint8Array): Promise<void> {
    if (this.#stuck) return
    const { signal } = this.#stop
    let timer: NodeJS.Timeout | undefined
    let giveUp = () => {}
    const stuck = new Promise<void>((resolve) => {
      giveUp = () => {
        timer = setTimeout(() => {
          this.#stuck = true
          resolve()
        }, EXIT_MS)
      }
    })
    if (signal.aborted) giveUp()
    else signal.addEventListener('abort', giveUp, { once: true })
    await Promise.race([write(stream, bytes), stuck])
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
  }

  async #badLine(number: number, error: Error): Promise<void> {
    this.#fails(Status.badInput)
    if (this.#json) {
      await this.#write(
        process.stdout,
        `${JSON.stringify({ line: number, error: asJsonError(error) })}\n`,
      )
    }
    await this.#write(
      process.stderr,
      `uring-spawn: ${this.#where}, line ${number}: ${error.message}\n`,
    )
  }

  /** Skips empty lines and comments; reports a bad line, and goes on with the next. */
  async *#commands(): AsyncGenerator<BatchCommand> {
    try {
      for await (const { number, text } of linesOf(this.#input)) {
        const line = text?.trim()
        if (line === '' || line?.startsWith('#')) continue
        try {
          if (line === undefined) throw new TypeError('not UTF-8')
          const command = parseCommand(line)
          this.#lines.push(number)
          yield command
        } catch (error) {
          await this.#badLine(number, error as Error)
          if (this.#bail) return
        }
      }
    } catch (error) {
      if (this.#stop.signal.aborted) return
      // The commands read before still run.
      this.#fails(Status.badInput)
      const { message } = error as Error
      await this.#write(process.stderr, `uring-spawn: ${this.#where} cannot be read: ${message}\n`)
    }
  }

  async #print(result: Result): Promise<void> {
    const line = this.#lines[result.index]
    const { error } = result
    const ended = this.#stop.signal.aborted && error?.name === 'AbortError'
    if (isBadCommand(error)) {
      await this.#badLine(line ?? 0, error)
      return
    }
    const { truncated = false } = result.result ?? {}
    if (failed(result) || truncated) this.#fails(Status.failed)
    if (this.#json) {
      await this.#write(process.stdout, `${asJson(result, line)}\n`)
      return
    }
    await this.#write(process.stdout, result.result?.stdout ?? '')
    await this.#write(process.stderr, result.result?.stderr ?? '')
    const name = nameOf(result.command)
    if (failed(result) && !ended) {
      await this.#write(process.stderr, `uring-spawn: ${name}: ${why(result)}\n`)
    } else if (truncated) {
      await this.#write(
        process.stderr,
        `uring-spawn: ${name}: output beyond its maxBuffer was dropped\n`,
      )
    }
  }

  async run(options: BatchCliOptions, bar: Bar): Promise<number> {
    const known = {
      signal: this.#stop.signal,
      encoding: 'buffer',
      // All of the output is passed on.
      maxBuffer: Number.POSITIVE_INFINITY,
      killGrace: GRACE,
      onProgress: (progress: BatchProgress) => bar.show(progress),
      ...(options.jobs && { concurrency: options.jobs }),
      ...(options.bail && { bail: true }),
      ...(options.timeout && { timeout: options.timeout }),
      ...(options.backend && { backend: options.backend }),
    } satisfies BatchOptions
    try {
      for await (const result of batch<BatchCommand, BatchOptions>(this.#commands(), known)) {
        await this.#print(result as Result)
      }
    } catch (error) {
      // The command that failed has been printed.
      if (!this.#stop.signal.aborted && !(error instanceof BatchError)) throw error
    }
    return this.#status
  }
}

/**
 * Runs the commands of `file`, or with '-' of stdin. Returns the exit status: 0 if
 * all exited with 0, 1 if a command failed, 2 if a line is not a command or the
 * file cannot be read, 128 plus a signal's number if that ended it. Throws on
 * invalid options.
 */
export async function runBatch(file: string, options: BatchCliOptions): Promise<number> {
  selectBackend(getCore().info, options.backend)
  const run = new Run(file, options)
  let ended: NodeJS.Signals | undefined
  const handlers = ENDING_SIGNALS.map((name) => {
    const handler = () => {
      ended ??= name
      run.end(128 + constants.signals[name])
    }
    return [name, handler] as const
  })
  for (const [name, handler] of handlers) process.on(name, handler)
  watchOutput((error) => {
    if (error.code === 'EPIPE') {
      run.end(PIPE_STATUS)
      return
    }
    process.stderr.write(`uring-spawn: cannot write to standard output: ${error.message}\n`)
    run.end(Status.badInput)
  })
  // A bar and output on one terminal would garble each other.
  const bar = new Bar(process.stderr.isTTY === true && process.stdout.isTTY !== true)
  try {
    return await run.run(options, bar)
  } finally {
    bar.stop()
    for (const [name, handler] of handlers) process.off(name, handler)
    // A full pipe keeps the program running, and so does a thread that opens a FIFO
    // without a writer: even process.exit() waits for that.
    if (ended) setTimeout(() => process.kill(process.pid, ended), EXIT_MS).unref()
  }
}
