import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { Presets, SingleBar } from 'cli-progress'
import type { BackendName } from '../backend/backend.js'
import { batch } from '../batch/batch.js'
import {
  type BatchCommand,
  BatchError,
  type BatchOptions,
  type BatchProgress,
  type BatchResult,
  failed,
} from '../batch/types.js'
import { splitWords } from './words.js'

export interface BatchCliOptions {
  jobs?: number
  json?: true
  bail?: true
  timeout?: number
  backend?: BackendName
}

/** A command per line: words, a JSON array of words, or a JSON object. Empty lines and # are left out. */
async function* commandsOf(file: string): AsyncGenerator<BatchCommand> {
  const input = file === '-' ? process.stdin : createReadStream(file)
  let number = 0
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++
    const text = line.trim()
    if (text === '' || text.startsWith('#')) continue
    try {
      yield (/^[[{]/.test(text) ? JSON.parse(text) : splitWords(text)) as BatchCommand
    } catch (error) {
      const where = file === '-' ? 'stdin' : file
      throw new Error(`${where}, line ${number}: ${(error as Error).message}`)
    }
  }
}

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

function asJson({ index, command, result, error }: BatchResult): string {
  const { message, code, step } = (error ?? {}) as Partial<NodeJS.ErrnoException & { step: string }>
  return JSON.stringify({
    index,
    command,
    ...(error && { error: { message, code, step } }),
    ...(result && {
      exitCode: result.exitCode,
      signal: result.signal,
      timedOut: result.timedOut,
      stdout: result.stdout,
      stderr: result.stderr,
    }),
  })
}

function why({ result, error }: BatchResult): string {
  if (error) return error.message
  if (result?.timedOut) return 'timed out'
  return result?.signal ? `ended by ${result.signal}` : `exited with ${result?.exitCode}`
}

function print(result: BatchResult, json: boolean): void {
  if (json) {
    process.stdout.write(`${asJson(result)}\n`)
    return
  }
  process.stdout.write(result.result?.stdout ?? '')
  process.stderr.write(result.result?.stderr ?? '')
  if (failed(result)) {
    process.stderr.write(`uring-spawn: ${nameOf(result.command)}: ${why(result)}\n`)
  }
}

/** Runs the commands of `file`; the exit status says whether any failed. */
export async function runBatch(file: string, options: BatchCliOptions): Promise<number> {
  // A bar and output on one terminal would spoil each other.
  const bar = new Bar(process.stderr.isTTY === true && process.stdout.isTTY !== true)
  const interrupted = new AbortController()
  const interrupt = () => interrupted.abort()
  process.once('SIGINT', interrupt)
  let failures = 0
  const known: BatchOptions = {
    signal: interrupted.signal,
    onProgress: (progress) => bar.show(progress),
    ...(options.jobs && { concurrency: options.jobs }),
    ...(options.bail && { bail: true }),
    ...(options.timeout && { timeout: options.timeout, killGrace: 1000 }),
    ...(options.backend && { backend: options.backend }),
  }
  try {
    for await (const result of batch<BatchCommand, BatchOptions>(commandsOf(file), known)) {
      if (failed(result as BatchResult)) failures++
      print(result as BatchResult, options.json === true)
    }
  } catch (error) {
    if (interrupted.signal.aborted) return 130
    // The command that failed has been printed.
    if (!(error instanceof BatchError)) throw error
  } finally {
    bar.stop()
    process.off('SIGINT', interrupt)
  }
  return failures > 0 ? 1 : 0
}
