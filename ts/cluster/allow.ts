/** What a worker allows, and how a command that is allowed is run. Nothing is allowed by default. */

import type { FileHandle } from 'node:fs/promises'
import { isAbsolute, normalize } from 'node:path'
import { argumentError } from '../model/argument-error.js'
import { checkString, copyOf, own, show, typeName } from '../model/values.js'
import { readBatch, readCommand } from '../options/check.js'
import type { RunOptions, StdioEntry } from '../options/options.js'
import type { BatchSettings, CommandSettings } from '../options/settings.js'
import { ClusterError } from './errors.js'
import type { Base } from './folder.js'
import type { AllowedProgram, WorkerLimits } from './options.js'
import { toBytes, type WireCommand, type WireStdio } from './protocol.js'

/** As a part of a list of patterns: the one before it fits any number of arguments. */
export const REST = '...'

interface Program {
  file: string
  /** Undefined: any arguments. */
  args: readonly Fits[] | undefined
  /** Whether the last one fits any number of arguments. */
  rest: boolean
}

/** Whether all of a text fits a pattern. */
type Fits = (text: string) => boolean

/**
 * `*` stands for any characters. Each part between two of them is looked for once, from
 * the end of the one before: a regular expression would try all places for all of them.
 */
export function glob(pattern: string): Fits {
  const [first = '', ...parts] = pattern.split('*')
  const last = parts.pop()
  if (last === undefined) return (text) => text === first
  return (text) => {
    if (!text.startsWith(first)) return false
    let at = first.length
    for (const part of parts) {
      const found = text.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
    return text.length - last.length >= at && text.endsWith(last)
  }
}

function readPattern(name: string, value: unknown): Fits {
  if (value instanceof RegExp) {
    const whole = new RegExp(`^(?:${value.source})$`, value.flags.replace(/[gym]/g, ''))
    return (text) => whole.test(text)
  }
  checkString(name, value)
  return glob(value)
}

function readProgram(name: string, value: unknown): Program {
  const bag = typeof value === 'string' ? { file: value } : value
  if (typeof bag !== 'object' || bag === null) {
    throw argumentError(
      'ERR_INVALID_ARG_TYPE',
      `${name} must be the path of a program, or an object with "file" and "args", not ${typeName(value)}`,
    )
  }
  const file = own(bag, 'file')
  checkString(`${name}.file`, file)
  if (!isAbsolute(file) || normalize(file) !== file || file.endsWith('/')) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${name} must be the absolute path of a program, without "." and "..": ${show(file)}`,
    )
  }
  const patterns = own(bag, 'args')
  if (patterns === undefined) return { file, args: undefined, rest: false }
  if (!Array.isArray(patterns)) {
    throw argumentError('ERR_INVALID_ARG_TYPE', `${name}.args must be an array of patterns`)
  }
  const copy = copyOf(patterns)
  const rest = copy.at(-1) === REST
  if (rest) copy.pop()
  if ((rest && copy.length === 0) || copy.includes(REST)) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${name}.args: "${REST}" must be the last of the patterns, and after another`,
    )
  }
  return { file, args: copy.map((one, at) => readPattern(`${name}.args[${at}]`, one)), rest }
}

/** Reads the option `allow`. */
export function readAllow(value: unknown): readonly Program[] {
  if (!Array.isArray(value)) {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'allow must be an array of programs')
  }
  return copyOf(value as AllowedProgram[]).map((one, at) => readProgram(`allow[${at}]`, one))
}

/** Reads the option `env`: names, which may have `*` in them. */
export function readNames(value: unknown): readonly Fits[] {
  if (!Array.isArray(value)) {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'env must be an array of names of variables')
  }
  return copyOf(value).map((name, at) => {
    checkString(`env[${at}]`, name)
    if (name === '' || name.includes('=')) {
      throw argumentError('ERR_INVALID_ARG_VALUE', `env[${at}] cannot be a name: ${show(name)}`)
    }
    return glob(name)
  })
}

/** The index of the first argument that does not fit; undefined if all do. */
function misfit({ args, rest }: Program, given: readonly string[]): number | undefined {
  if (!args) return undefined
  const least = rest ? args.length - 1 : args.length
  if (given.length < least) return given.length
  const at = given.findIndex((arg, index) => {
    const pattern = args[index] ?? (rest ? args.at(-1) : undefined)
    return !pattern?.(arg)
  })
  return at < 0 ? undefined : at
}

const refused = (message: string) => new ClusterError('ERR_NOT_ALLOWED', message)

/** A command that may run, and what it holds open until it has ended. */
export interface Admitted {
  settings: CommandSettings
  release(): Promise<void>
}

/** The variable from which the command line takes the connection: it is for no command. */
export const CONNECTION_VARIABLE = 'URING_SPAWN_REDIS'

/** PATH of commands, unless `env` passes another on. */
const PATH = '/usr/local/bin:/usr/bin:/bin'

/** Milliseconds after the signal that ends a command until SIGKILL. */
const KILL_GRACE = 5_000

/** What a command asks for, within the worker's limit. */
function bounded(
  asked: NonNullable<WireCommand['options']['maxBuffer']>,
  most: number,
): RunOptions['maxBuffer'] {
  if (typeof asked === 'number') return Math.min(asked, most)
  const { stdout = most, stderr = most, all } = asked
  const each = { stdout: Math.min(stdout, most), stderr: Math.min(stderr, most) }
  return all === undefined ? each : { ...each, all: Math.min(all, most) }
}

const nothing = () => Promise.resolve()

/** What all commands have in common. */
function readShared(
  { timeout, ...limits }: WorkerLimits,
  base: Base | undefined,
  env: Record<string, string>,
): BatchSettings {
  return readBatch({
    killGrace: KILL_GRACE,
    killTarget: 'group',
    // Not to be seen again, if this process is killed.
    onParentExit: 'kill',
    ...limits,
    ...(timeout && { timeout }),
    ...(base && { cwd: base.path }),
    env,
    encoding: 'buffer',
  })
}

export class Policy {
  readonly #programs: readonly Program[]
  readonly #names: readonly Fits[]
  readonly #base: Base | undefined
  readonly #limits: WorkerLimits
  readonly #env: Record<string, string>
  /** Most of what there is to read of a command, read once. */
  readonly #shared: BatchSettings

  /** `env`: the worker's own variables, of which those that `names` fit are passed on. */
  constructor(
    programs: readonly Program[],
    names: readonly Fits[],
    base: Base | undefined,
    limits: WorkerLimits,
    env: NodeJS.ProcessEnv,
  ) {
    this.#programs = programs
    this.#names = names
    this.#base = base
    this.#limits = limits
    this.#env = { PATH }
    for (const [name, value] of Object.entries(env)) {
      if (name === CONNECTION_VARIABLE || value === undefined) continue
      if (this.#mayHave(name)) this.#env[name] = value
    }
    this.#shared = readShared(limits, base, this.#env)
  }

  #mayHave(name: string): boolean {
    return this.#names.some((fits) => fits(name))
  }

  /** The path of the program. A name without a slash is that of an allowed program. */
  #program({ file, args }: WireCommand): string {
    const found = this.#programs.filter((program) =>
      file.includes('/') ? program.file === file : program.file.endsWith(`/${file}`),
    )
    if (found.length === 0) throw refused(`this worker does not allow the program ${show(file)}`)
    const misfits = found.map((program) => misfit(program, args))
    const at = misfits.indexOf(undefined)
    if (at >= 0) return (found[at] as Program).file
    const [first = 0] = misfits
    throw refused(
      first < args.length
        ? `this worker does not allow argument ${first + 1} of ${show(file)}`
        : `this worker does not allow ${show(file)} with so few arguments`,
    )
  }

  #variables(given: Record<string, string>): Record<string, string> {
    for (const name of Object.keys(given)) {
      // The value may be a secret.
      if (!this.#mayHave(name)) {
        throw refused(`this worker does not allow the variable ${show(name)}`)
      }
    }
    return { ...this.#env, ...given }
  }

  async #stdio(
    entries: readonly WireStdio[],
    command: WireCommand,
    open: FileHandle[],
  ): Promise<StdioEntry[]> {
    const input = command.options.input === undefined ? 'ignore' : 'pipe'
    const stdio: StdioEntry[] = [input, 'pipe', 'pipe']
    for (const [index, entry] of entries.entries()) {
      if (typeof entry === 'string') {
        if (index > 0 || entry === 'ignore') stdio[index] = entry
        continue
      }
      if (!this.#base) throw refused('this worker allows no files: it has no base folder')
      const { cwd = '.' } = command.options
      const handle = await this.#base.file(index, entry, cwd, command)
      open.push(handle)
      stdio[index] = handle.fd
    }
    return stdio
  }

  /**
   * Checks everything about a command. Rejects with a ClusterError if it may not run, with
   * a SpawnError if its folder or a file cannot be opened, and with an argument error.
   */
  async admit(command: WireCommand): Promise<Admitted> {
    const { args } = command
    const file = this.#program(command)
    const { cwd, env, input, stdio, maxBuffer, timeout, ...given } = command.options
    const limits = this.#limits
    const options: Record<string, unknown> = given
    if (env) options.env = this.#variables(env)
    const { nice = 0 } = limits
    if (given.nice !== undefined && given.nice < nice) {
      throw refused(`this worker allows no priority above nice ${nice}`)
    }
    if (cwd !== undefined && !this.#base) {
      throw refused('this worker allows no cwd: it has no base folder')
    }
    if (maxBuffer !== undefined) options.maxBuffer = bounded(maxBuffer, limits.maxBuffer)
    if (timeout) options.timeout = Math.min(timeout, limits.timeout || Infinity)
    if (input !== undefined) options.input = toBytes(input)
    const open: FileHandle[] = []
    const release =
      cwd === undefined && stdio === undefined
        ? nothing
        : async () => void (await Promise.allSettled(open.map((handle) => handle.close())))
    try {
      if (stdio) options.stdio = await this.#stdio(stdio, command, open)
      if (cwd !== undefined && this.#base) {
        const folder = await this.#base.folder(cwd, command)
        open.push(folder)
        options.cwd = folder.fd
      }
      return { settings: readCommand({ ...options, file, args }, this.#shared), release }
    } catch (error) {
      await release()
      throw error
    }
  }
}
