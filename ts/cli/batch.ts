/** `uring-spawn batch`: commands from a file or stdin, a bounded number at once. */
import { isUtf8 } from 'node:buffer'
import { createReadStream, statSync } from 'node:fs'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import type { BackendName } from '../backend/backends.js'
import { selectBackend } from '../backend/select.js'
import { batch } from '../batch/batch.js'
import { BatchError, type BatchResult, failed } from '../batch/result.js'
import { getCore } from '../core/core.js'
import { ENDING_SIGNALS } from '../model/signals.js'
import type {
  BatchCommand,
  BatchOptions,
  BatchProgress,
  OutputEncoding,
} from '../options/options.js'
import { Bar } from './bar.js'
import { clusterBatch, whereOf } from './cluster.js'
import { checkDistinct, checkReadable, type Named } from './files.js'
import { JobLog } from './joblog.js'
import { LineOutput, ungrouped } from './line-output.js'
import { LiveLines } from './live.js'
import { Order } from './order.js'
import { PIPE_STATUS, watchOutput, write } from './output.js'
import { countEntries, type Entry, entriesOf, lineOf, type SourceOptions } from './source.js'
import type { RedisCliOptions } from './worker.js'

export interface BatchCliOptions extends RedisCliOptions {
  jobs?: number
  json?: true
  bail?: true
  timeout?: number
  retries?: number
  backend?: BackendName
  null?: true
  keepOrder?: true
  tag?: true
  lineBuffer?: true
  ungroup?: true
  jobserver?: true
  joblog?: string
  resume?: true
  resumeFailed?: true
  dryRun?: true
  follow?: true
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

function asJson(outcome: Result, line: number | undefined): string {
  const { index, command, result, error } = outcome
  return JSON.stringify({
    index,
    line,
    command,
    ...(error && { error: asJsonError(error) }),
    ...(result && {
      exitCode: result.exitCode,
      signal: result.signal,
      timedOut: result.timedOut,
      ...(result.step && { step: result.step }),
      truncated: result.truncated,
      ...asText('stdout', result.stdout),
      ...asText('stderr', result.stderr),
    }),
    ...whereOf(outcome),
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

const LF = 0x0a

/** `bytes` with `tag` and a tab before each line; the last line gets an end. */
export function tagged(tag: string, bytes: Uint8Array): Uint8Array {
  const prefix = Buffer.from(`${tag}\t`)
  const pieces: Uint8Array[] = []
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(LF, from)
    const next = end < 0 ? bytes.length : end + 1
    pieces.push(prefix, bytes.subarray(from, next))
    if (end < 0) pieces.push(Uint8Array.of(LF))
    from = next
  }
  return Buffer.concat(pieces)
}

/** A command that is to run. */
interface Job {
  /** As the input has it. */
  command: BatchCommand
  /** Where its output is passed on as it comes. */
  output?: LineOutput | undefined
  /** Its line in the input, and its place among all that is printed. */
  number: number
  place: number
  /** Its place among all commands, from 1, those that an earlier run has done among them. */
  seq: number
  tag: string
  began: number
}

/** One call of `batch`. */
class Run {
  readonly #options: BatchCliOptions
  readonly #json: boolean
  readonly #where: string
  readonly #input: Readable
  readonly #source: SourceOptions
  #log: JobLog | undefined
  readonly #order: Order | undefined
  readonly #live: LiveLines | undefined
  readonly #bar: Bar
  readonly #stop = new AbortController()
  /** By command index; deleted once it has been printed. */
  readonly #jobs: (Job | undefined)[] = []
  #places = 0
  #seq = 0
  /** The exit status so far; a greater one wins. */
  #status: number = Status.ok
  /** A reader took nothing after the batch had been ended. */
  #stuck = false

  constructor(file: string, options: BatchCliOptions, source: SourceOptions, bar: Bar) {
    this.#options = options
    this.#source = source
    this.#bar = bar
    this.#json = options.json === true
    if (options.keepOrder) this.#order = new Order()
    if (options.follow) {
      this.#live = new LiveLines((index, from, lines) => {
        const stream = process[from]
        if (stream.writableNeedDrain || this.#stuck) return false
        void this.#write(stream, this.#marked(this.#jobs[index]?.tag ?? '', lines))
        return true
      })
    }
    this.#where = file === '-' ? 'stdin' : file
    this.#input = file === '-' ? process.stdin : createReadStream(file)
    this.#input.on('error', () => {})
  }

  close(): void {
    this.#log?.close()
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

  /** Prints in the order of the input if that is asked for; `size` bytes are kept until then. */
  async #inOrder(place: number, size: number, print: () => Promise<void>): Promise<void> {
    await (this.#order ? this.#order.add(place, size, print) : print())
  }

  /** The command of an entry, unless an earlier run has done it. */
  #take({ number, item }: Entry, command: BatchCommand): BatchCommand | undefined {
    const seq = ++this.#seq
    if (this.#log?.has(seq, lineOf(command))) {
      if (this.#bar.total !== undefined) this.#bar.total--
      return undefined
    }
    const tag = item ?? nameOf(command)
    const job: Job = { command, number, place: this.#places++, seq, tag, began: Date.now() }
    this.#jobs.push(job)
    return this.#options.dryRun ? command : this.#shown(job)
  }

  /** Its command with what the output of that is to become. */
  #shown(job: Job): BatchCommand {
    const { ungroup, lineBuffer } = this.#options
    if (ungroup) return ungrouped(job.command)
    if (!lineBuffer) return job.command
    const output = new LineOutput((to, bytes) =>
      this.#write(process[to], this.#marked(job.tag, bytes)),
    )
    const command = output.watch(job.command)
    if (!command) return job.command
    job.output = output
    if (this.#order) this.#order.turn(job.place, () => output.go())
    else output.go()
    return command
  }

  #marked(tag: string, bytes: string | Uint8Array): string | Uint8Array {
    return this.#options.tag ? tagged(tag, Buffer.from(bytes)) : bytes
  }

  /** Reports a bad line, and goes on with the next. */
  async *#commands(): AsyncGenerator<BatchCommand> {
    const { joblog, dryRun } = this.#options
    // Not before: a queue that cannot be reached leaves an earlier log as it is.
    if (joblog !== undefined && !dryRun) this.#log = new JobLog(joblog, resumeOf(this.#options))
    try {
      for await (const entry of entriesOf(this.#input, this.#source)) {
        if (entry.command) {
          const command = this.#take(entry, entry.command)
          if (command) yield command
          await this.#order?.room()
          continue
        }
        if (this.#bar.total !== undefined) this.#bar.total--
        const { number, error } = entry
        await this.#inOrder(this.#places++, 0, () => this.#badLine(number, error as Error))
        if (this.#options.bail) return
      }
    } catch (error) {
      if (this.#stop.signal.aborted) return
      // The commands read before still run.
      this.#fails(Status.badInput)
      const { message } = error as Error
      await this.#write(process.stderr, `uring-spawn: ${this.#where} cannot be read: ${message}\n`)
    }
  }

  /** Prints a result, and then logs it: what is logged is not run again. */
  async #done(result: Result): Promise<void> {
    const { index, error } = result
    const job = this.#jobs[index] as Job
    this.#jobs[index] = undefined
    const ended = this.#stop.signal.aborted && error?.name === 'AbortError'
    if (isBadCommand(error)) {
      await this.#inOrder(job.place, 0, () => this.#badLine(job.number, error))
      return
    }
    const duration = Date.now() - job.began
    const { stdout = '', stderr = '', all = '' } = result.result ?? {}
    const size = job.output ? 0 : stdout.length + stderr.length + all.length
    const received = job.output?.received ?? stdout.length + all.length
    await this.#inOrder(job.place, size, async () => {
      await job.output?.end()
      await this.#print(result, job, ended)
      if (ended) return
      this.#log?.add({ ...job, duration, received, line: lineOf(job.command), outcome: result })
    })
  }

  async #print(
    result: Result,
    { number, tag, output, command }: Job,
    ended: boolean,
  ): Promise<void> {
    const { stdout = '', stderr = '', all = '' } = result.result ?? {}
    const truncated = output === undefined && result.result?.truncated === true
    if (failed(result) || truncated) this.#fails(Status.failed)
    if (this.#json) {
      await this.#write(process.stdout, `${asJson(result, number)}\n`)
      return
    }
    if (!output) {
      const left = (from: 'stdout' | 'stderr', bytes: string | Buffer) =>
        this.#marked(tag, this.#live?.left(result.index, result.attempts, from, bytes) ?? bytes)
      await this.#write(process.stdout, left('stdout', stdout))
      await this.#write(process.stdout, this.#marked(tag, all))
      await this.#write(process.stderr, left('stderr', stderr))
    }
    const name = nameOf(command)
    if (failed(result) && !ended) {
      await this.#write(process.stderr, `uring-spawn: ${name}: ${why(result)}\n`)
    } else if (truncated) {
      await this.#write(
        process.stderr,
        `uring-spawn: ${name}: output beyond its maxBuffer was dropped\n`,
      )
    }
  }

  /** Prints the commands, and runs none. */
  async show(): Promise<number> {
    for await (const command of this.#commands()) {
      await this.#write(process.stdout, `${lineOf(command)}\n`)
    }
    return this.#status
  }

  async run(): Promise<number> {
    const options = this.#options
    const known = {
      signal: this.#stop.signal,
      encoding: 'buffer',
      // All of the output is passed on.
      maxBuffer: Number.POSITIVE_INFINITY,
      killGrace: GRACE,
      onProgress: (progress: BatchProgress) => this.#bar.show(progress),
      ...(options.jobs && { concurrency: options.jobs }),
      ...(options.jobserver && { jobserver: true }),
      ...(options.bail && { bail: true }),
      ...(options.timeout && { timeout: options.timeout }),
      ...(options.retries && { retries: options.retries }),
      ...(options.backend && { backend: options.backend }),
    } satisfies BatchOptions<OutputEncoding>
    try {
      const commands = this.#commands()
      const results =
        options.queue === undefined
          ? batch<BatchCommand, BatchOptions<OutputEncoding>>(commands, known)
          : clusterBatch(commands, known, options, this.#live && ((one) => this.#live?.add(one)))
      for await (const result of results) await this.#done(result as Result)
    } catch (error) {
      // The command that failed has been printed.
      if (!this.#stop.signal.aborted && !(error instanceof BatchError)) throw error
    }
    await this.#order?.finish()
    return this.#status
  }
}

function resumeOf({ resume, resumeFailed }: BatchCliOptions) {
  if (resumeFailed) return 'succeeded'
  return resume ? 'ended' : undefined
}

const isFile = (path: string): boolean =>
  path !== '-' && statSync(path, { throwIfNoEntry: false })?.isFile() === true

/** What commands of a queue cannot have. */
const here = { lineBuffer: '--line-buffer', ungroup: '--ungroup', jobserver: '--jobserver' }

function checkOptions(options: BatchCliOptions, words: readonly string[] | undefined): void {
  if ((options.resume || options.resumeFailed) && options.joblog === undefined) {
    throw new Error('--resume and --resume-failed need --joblog FILE, the log to continue')
  }
  if (options.json && options.tag) {
    throw new Error('--json and --tag exclude each other: JSON has the command with its output')
  }
  if (options.follow && (options.json || options.keepOrder)) {
    throw new Error('--follow prints lines as they come: it excludes --json and --keep-order')
  }
  if (options.follow && options.queue === undefined) {
    throw new Error('--follow is for commands of a queue: --queue NAME is missing')
  }
  for (const [name, option] of Object.entries(here)) {
    if (options.queue !== undefined && options[name as keyof typeof here]) {
      throw new Error(`${option} is for commands on this machine: leave it out, or --queue`)
    }
  }
  const alone = {
    json: '--json',
    tag: '--tag',
    lineBuffer: '--line-buffer',
    keepOrder: '--keep-order',
  }
  for (const [name, option] of Object.entries(alone)) {
    if (options.ungroup && options[name as keyof typeof alone]) {
      throw new Error(`--ungroup and ${option} exclude each other: commands write by themselves`)
    }
  }
  if (options.json && options.lineBuffer) {
    throw new Error('--json and --line-buffer exclude each other: a result has all of the output')
  }
  if (words?.length === 0) throw new Error('there is no command after --')
}

/** Before any file is opened: one that is there may be a log of hours, or the only list of commands. */
function checkFiles(file: string, { joblog, redisCa }: BatchCliOptions): void {
  const commands: Named =
    file === '-' ? { name: 'standard input', at: 0 } : { name: file, at: file }
  checkReadable(commands)
  const authority = redisCa === undefined ? [] : [{ name: `--redis-ca ${redisCa}`, at: redisCa }]
  const log = joblog === undefined ? undefined : { name: `--joblog ${joblog}`, at: joblog }
  checkDistinct([commands, ...authority], log, [
    { name: 'standard output', at: 1 },
    { name: 'standard error', at: 2 },
  ])
}

/**
 * Runs the commands of `file`, or with '-' of stdin; with `words`, that command for each
 * line as its argument. Returns the exit status: 0 if
 * all exited with 0, 1 if a command failed, 2 if a line is not a command or the
 * file cannot be read, 128 plus a signal's number if that ended it. Throws on
 * invalid options.
 */
export async function runBatch(
  file: string,
  options: BatchCliOptions,
  words: readonly string[] | undefined,
): Promise<number> {
  checkOptions(options, words)
  checkFiles(file, options)
  selectBackend(getCore().info, options.backend)
  // A bar and output on one terminal would garble each other.
  const shown = process.stderr.isTTY === true && process.stdout.isTTY !== true
  const bar = new Bar(shown && !options.dryRun && !options.ungroup)
  const source = { byNul: options.null === true, words }
  if (bar.shown && isFile(file)) bar.total = await countEntries(createReadStream(file), source)
  const run = new Run(file, options, source, bar)
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
  try {
    return await (options.dryRun ? run.show() : run.run())
  } finally {
    run.close()
    bar.stop()
    for (const [name, handler] of handlers) process.off(name, handler)
    // A full pipe keeps the program running, and so does a thread that opens a FIFO
    // without a writer: even process.exit() waits for that.
    if (ended) setTimeout(() => process.kill(process.pid, ended), EXIT_MS).unref()
  }
}
