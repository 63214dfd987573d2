/** `uring-spawn doctor -- COMMAND`: what a program started, how, and how long that held it. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LaunchMessage } from '../process/told.js'

/** The variable that follow.ts reads. */
const FOLLOW = 'URING_SPAWN_FOLLOW'

/** Starts of one program in the same way. Times are in milliseconds. */
interface Row {
  file: string
  /** The backend, or Node. */
  by: string
  /** Why Node was called. */
  reason?: string
  starts: number
  /** How often each error came. */
  failed: Record<string, number>
  /** For how long the calls held the thread: in all, and the longest. */
  held: number
  longest: number
  /** How many starts the thread waited for, as `child.pid` does, and for how long. */
  waits: number
  waited: number
}

/** A thread of a Node program. */
interface Thread {
  pid: number
  /** 0 for the main one. */
  thread: number
  argv: string[]
  rows: Row[]
}

interface Report {
  command: readonly string[]
  code: number | null
  signal: NodeJS.Signals | null
  threads: Thread[]
}

/** A line may be cut short by a signal. */
function linesOf(text: string): unknown[] {
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line)]
    } catch {
      return []
    }
  })
}

function readThread(text: string): Thread | undefined {
  const [head, ...messages] = linesOf(text) as [Omit<Thread, 'rows'>?, ...LaunchMessage[]]
  if (head === undefined) return undefined
  const rows = new Map<string, Row>()
  const starts = new Map<number, Row>()
  for (const message of messages) {
    const { event, id, file } = message
    if (event === 'start' || event === 'delegated') {
      const by = event === 'start' ? message.backend : 'Node'
      const reason = event === 'delegated' ? { reason: message.reason } : {}
      const key = JSON.stringify([file, by, reason])
      const zero = { starts: 0, failed: {}, held: 0, longest: 0, waits: 0, waited: 0 }
      const row = rows.get(key) ?? { file, by, ...reason, ...zero }
      rows.set(key, row)
      starts.set(id, row)
      row.starts++
      row.held += message.held
      row.longest = Math.max(row.longest, message.held)
      continue
    }
    const row = starts.get(id)
    if (!row || event === 'exit') continue
    if (event === 'failed') row.failed[message.code] = (row.failed[message.code] ?? 0) + 1
    if (message.waited > 0) row.waits++
    row.waited += message.waited
  }
  return { ...head, rows: [...rows.values()].sort((a, b) => b.held - a.held) }
}

const ms = (time: number): string => time.toFixed(2)

function table(rows: readonly Row[]): string[] {
  const head = ['program', 'started by', 'starts', 'held ms', 'longest', 'waits', 'waited ms', '']
  const cells = rows.map((row) => {
    const failed = Object.entries(row.failed).map(([code, count]) => `${count} ${code}`)
    const notes = [...(row.reason ? [row.reason] : []), ...failed].join(', ')
    const { file, by, starts, held, longest, waits, waited } = row
    return [file, by, `${starts}`, ms(held), ms(longest), `${waits}`, ms(waited), notes]
  })
  const all = [head, ...cells]
  const widths = head.map((_, at) => Math.max(...all.map((row) => (row[at] as string).length)))
  return all.map((row) =>
    row
      .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .map((cell, at) => (at === 7 ? cell.trim() : cell))
      .join('  ')
      .trimEnd(),
  )
}

function describe({ command, code, signal, threads }: Report): string {
  const lines = [`${command.join(' ')}: ${signal ? `ended by ${signal}` : `exit code ${code}`}`]
  if (threads.length === 0) lines.push('no Node program has run')
  for (const { pid, thread, argv, rows } of threads) {
    const where = thread === 0 ? `process ${pid}` : `process ${pid}, worker ${thread}`
    lines.push('', `${where}: ${argv.join(' ')}`)
    if (rows.length === 0) lines.push('  started nothing')
    else lines.push(...table(rows).map((line) => `  ${line}`))
  }
  return `${lines.join('\n')}\n`
}

function run(command: readonly string[], folder: string) {
  const [file, ...args] = command as [string, ...string[]]
  const follow = `--import=${new URL('follow.js', import.meta.url).href}`
  const options = [process.env.NODE_OPTIONS, follow].filter(Boolean).join(' ')
  const env = { ...process.env, NODE_OPTIONS: options, [FOLLOW]: folder }
  // Standard output is for the report alone.
  const child = spawn(file, args, { env, stdio: ['inherit', 2, 2] })
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal)
  // A terminal has sent it one, too.
  const ignore = (): void => {}
  process.on('SIGINT', ignore).on('SIGTERM', pass).on('SIGHUP', pass)
  return new Promise<Pick<Report, 'code' | 'signal'>>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve({ code, signal }))
  }).finally(() => {
    process.off('SIGINT', ignore).off('SIGTERM', pass).off('SIGHUP', pass)
  })
}

/**
 * Runs a command with the drop-in in all Node programs that it runs.
 * @returns the report, and the command's exit status: 128 and its number after a signal
 */
export async function doctorProgram(
  command: readonly string[],
  json: boolean,
): Promise<{ text: string; status: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'uring-spawn-doctor-'))
  try {
    const { code, signal } = await run(command, folder)
    const files = readdirSync(folder).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    const threads = files.flatMap(
      (name) => readThread(readFileSync(join(folder, name), 'utf8')) ?? [],
    )
    const report = { command, code, signal, threads }
    const text = json ? `${JSON.stringify(report, null, 2)}\n` : describe(report)
    return { text, status: code ?? 128 + constants.signals[signal as NodeJS.Signals] }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
