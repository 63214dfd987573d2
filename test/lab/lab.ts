import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const project = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

export interface End {
  status: number | null
  signal: NodeJS.Signals | null
  stdout: Buffer
  stderr: Buffer
  /** Milliseconds from the first byte of standard output to the end. */
  afterFirst: number
}

export interface Start {
  input?: Uint8Array
  cwd?: string
  env?: Record<string, string>
  /** The project whose lab it is, this one by default. */
  lab?: string
}

/** Starts `kernel/lab ARGS…`; options come first. */
export function start(args: string[], { input, cwd, env, lab = project }: Start = {}) {
  const child = spawn('node', [join(lab, 'kernel/lab'), ...args], {
    cwd: cwd ?? lab,
    env: { ...process.env, ...env },
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  let first = 0
  child.stdout.on('data', (data) => {
    first ||= Date.now()
    stdout.push(data)
  })
  child.stderr.on('data', (data) => stderr.push(data))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const ended = new Promise<End>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) =>
      resolve({
        ...{ status, signal },
        ...{ stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) },
        afterFirst: first ? Date.now() - first : 0,
      }),
    )
  })
  return {
    ...{ child, ended },
    output: () => Buffer.concat(stdout).toString(),
    messages: () => Buffer.concat(stderr).toString(),
  }
}

/** Runs `kernel/lab ARGS…` to its end. */
export const lab = (args: string[], options?: Start) => start(args, options).ended

/** Runs a shell script in the machine. */
export const labShell = (script: string, options?: Start) =>
  lab(['--', 'sh', '-c', script], options)

export async function until(condition: () => boolean, milliseconds = 180_000) {
  const limit = Date.now() + milliseconds
  while (!condition()) {
    if (Date.now() > limit) throw new Error(`not within ${milliseconds} ms: ${condition}`)
    await new Promise((done) => setTimeout(done, 50))
  }
}

/** The longest folder name in which a lab can put a run's sockets. */
const LONGEST_FOLDER = 60

/** A folder for a run's own files, to see what it leaves behind. */
export function scratch(parent = tmpdir().length > LONGEST_FOLDER ? '/tmp' : tmpdir()) {
  const path = mkdtempSync(join(parent, 'labtest-'))
  return {
    path,
    files: () => readdirSync(path),
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

/** Command lines of the processes that name `path`. */
export function processesNaming(path: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return ''
      }
    })
    .filter((line) => line.includes(path))
}
