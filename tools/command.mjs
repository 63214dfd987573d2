// Runs commands whose output matters only if they fail: it goes to a log file,
// and the terminal shows a progress bar. Used by set-up, build, tests and lab,
// and before any npm package is installed, so it needs nothing but Node.
import { spawn } from 'node:child_process'
import { createWriteStream, existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import process from 'node:process'
import { stripVTControlCharacters } from 'node:util'
import { root } from './paths.mjs'
import { isVerbose, Progress, say } from './progress.mjs'

/** How many of a log's last lines an error shows. */
const LAST_LINES = 25
/** util-linux's; Debian always has it. */
const SETPRIV = '/usr/bin/setpriv'

/** An error whose message is all a user needs: it is printed without a stack. */
export class QuietError extends Error {}

/** A line as a terminal shows it: what follows its last \r, without colours. */
const asShown = (line) => stripVTControlCharacters(line.slice(line.lastIndexOf('\r') + 1))

/** Calls `listener` with each line of a stream, as a terminal shows it. */
function eachLine(stream, listener) {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text) => {
    const lines = (rest + text).split(/\r?\n/)
    rest = lines.pop()
    for (const line of lines) listener(asShown(line))
  })
  stream.on('end', () => rest !== '' && listener(asShown(rest)))
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']
/** How many commands run, and the first signal that came meanwhile: it ends this process. */
let active = 0
let stopping

/** Passes signals that this process gets on by `send`, until the function it returns is called. */
function passSignals(send) {
  const handler = (signal) => {
    stopping ??= signal
    send(signal)
  }
  active++
  for (const signal of SIGNALS) process.on(signal, handler)
  return () => {
    active--
    for (const signal of SIGNALS) process.off(signal, handler)
  }
}

/**
 * Starts a command in a session of its own, so that a signal reaches all that it
 * has started, and reaches it once: a terminal would send another SIGINT. It gets
 * SIGTERM if this process is killed. sudo stays in our session, where it knows
 * the user who has typed the password.
 */
function launch([file, ...args], { cwd, env }) {
  const detached = file !== 'sudo'
  const argv = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'TERM', file] : [file]
  const [first, ...rest] = [...argv, ...args]
  const child = spawn(first, rest, { cwd, env, detached, stdio: ['ignore', 'pipe', 'pipe'] })
  const send = (signal) => {
    // The terminal has sent sudo its own.
    if (!detached) return signal === 'SIGINT' || child.kill(signal)
    try {
      if (child.pid) process.kill(-child.pid, signal)
    } catch {
      // They have all ended.
    }
  }
  return { child, send }
}

/**
 * @typedef {object} Quiet
 * @property {string} title    'setup: installing npm packages'; shown with the bar, and in errors
 * @property {string} log      the file that gets the command's output
 * @property {number} [seconds] about how long it takes
 * @property {(line: string) => { share: number, note?: string } | undefined} [read]
 *   what a line of the output says about progress
 * @property {string} [cwd]    the project by default
 * @property {NodeJS.ProcessEnv} [env]
 * @property {boolean} [append] to the log
 * @property {boolean} [lazy]  shows no progress before `read` finds some
 * @property {NodeJS.WriteStream} [stream] for the progress; stderr by default
 * @property {NodeJS.WriteStream | null} [show] for the output if verbose; stderr by default
 * @property {Progress} [progress] one that goes on after the command
 */

/**
 * Runs a command to its end, whatever that is. A signal that ends this process
 * first ends the command.
 * @param {string[]} command
 * @param {Quiet} options
 * @returns {Promise<{ status: number | null, signal: NodeJS.Signals | null, error?: Error,
 *   seconds: number, stdout: string, stderr: string, lines: string[] }>}
 *   lines: the last of its output
 */
export async function attempt(command, options) {
  const { title, log, seconds, read, cwd = root, env = process.env, append } = options
  const show = options.show === undefined ? process.stderr : options.show
  mkdirSync(dirname(log), { recursive: true })
  const output = createWriteStream(log, { flags: append ? 'a' : 'w' })
  const opened = new Promise((resolve, reject) => {
    output.once('open', resolve)
    output.once('error', reject)
  })
  await opened
  if (stopping) await die()
  output.write(`$ ${command.join(' ')}\n`)
  const { stream, lazy } = options
  const progress = options.progress ?? new Progress(title, { seconds, stream, lazy })
  const start = Date.now()
  // Before the command starts, or a signal could end this process without it. A
  // handler runs later than what follows here.
  let send
  const stopPassing = passSignals((signal) => send(signal))
  const launched = launch(command, { cwd, env })
  send = launched.send
  const { child } = launched
  const texts = { stdout: '', stderr: '' }
  const lines = []
  for (const name of ['stdout', 'stderr']) {
    child[name].on('data', (data) => {
      texts[name] += data
      output.write(data)
      if (isVerbose()) show?.write(data)
    })
    eachLine(child[name], (line) => {
      const found = read?.(line)
      if (found) progress.update(found.share, found.note)
      if (line.trim() !== '') lines.push(line)
      if (lines.length > LAST_LINES) lines.shift()
    })
  }
  const end = await new Promise((resolve) => {
    child.once('error', (error) => resolve({ status: null, signal: null, error }))
    child.once('close', (status, signal) => resolve({ status, signal }))
  })
  stopPassing()
  if (!options.progress || stopping) progress.end()
  await new Promise((resolve) => output.end(resolve))
  if (stopping) await die()
  return { ...end, ...texts, lines, seconds: (Date.now() - start) / 1000 }
}

/** Ends this process by the signal it has caught, once no command runs. */
function die() {
  if (active === 0) process.kill(process.pid, stopping)
  // It takes effect at some later point: nothing else happens until then.
  return new Promise(() => setTimeout(() => {}, 60_000))
}

/** What a user reads about a command that failed. */
export function failureOf(file, { status, signal, error, lines }, { title, log }) {
  const how = error
    ? `cannot run ${file}: ${error.message}`
    : signal
      ? `${file} was killed by ${signal}`
      : `${file} ended with status ${status}`
  const end = lines.map((line) => `  ${line}`).join('\n')
  const shown = lines.length > 0 && !isVerbose() ? `\n${end}` : ''
  return `${title} failed: ${how}${shown}\n  (the whole log: ${log})`
}

/**
 * Runs a command that has to succeed.
 * @param {string[]} command
 * @param {Quiet} options
 * @throws {QuietError} with the last lines of its output and the path of its log
 */
export async function quietly(command, options) {
  const end = await attempt(command, options)
  if (end.status === 0) return end
  throw new QuietError(failureOf(command[0], end, options))
}

/** Runs `main` and ends with status 1, and the message, where it throws a QuietError. */
export async function orFail(main) {
  try {
    return await main()
  } catch (error) {
    if (!(error instanceof QuietError)) throw error
    say(error.message)
    process.exit(1)
  }
}
