/**
 * Options, read once and checked before anything is created. Everything else uses
 * only the result: own enumerable properties, so that nothing comes from a
 * prototype and a getter runs only once.
 */

import { inheritedEnvVars } from '../core/process-env.js'
import type { TemplateLike } from '../executable/template-like.js'
import { argumentError } from '../model/argument-error.js'
import {
  checkLineEncoding,
  checkObject,
  checkString,
  copyOf,
  copyOfStrings,
  typeName,
} from '../model/values.js'
import { InputFile, InputSource, sourceOf } from './input.js'
import {
  batchReads,
  commandReads,
  type Reads,
  ringReads,
  runReads,
  runSyncReads,
  spawnReads,
  submitReads,
  templateReads,
} from './reads.js'
import type {
  BatchSettings,
  CommandSettings,
  RunSettings,
  Settings,
  TemplateSettings,
} from './settings.js'
import {
  allPipes,
  hasTerminal,
  inOne,
  inputAndOutput,
  isCollected,
  outputOnly,
  type StdioPlan,
} from './stdio.js'
import { unknownOption } from './unknown.js'

/** Copies the `known` ones of `options` into `settings`, which has all properties as its own. */
function readAll<T extends object>(call: string, known: Reads, options: unknown, settings: T): T {
  checkObject('options', options)
  for (const name of Object.keys(options)) {
    const value = (options as Record<string, unknown>)[name]
    if (value === undefined) continue
    const read = Object.hasOwn(known, name) ? known[name] : undefined
    if (read === undefined) {
      throw argumentError('ERR_UNKNOWN_OPTION', unknownOption(name, call, known))
    }
    ;(settings as Record<string, unknown>)[name] = read(name, value)
  }
  return settings
}

type Together = Pick<Settings, 'shell' | 'template' | 'killTarget' | 'detached' | 'processGroup'>

function checkTogether({ shell, template, killTarget, detached, processGroup }: Together): void {
  if (detached && processGroup !== undefined) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      "processGroup is not for a child with a session of its own, by detached or stdio: 'pty': it leads a new group and cannot leave it",
    )
  }
  if (killTarget === 'group' && processGroup) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `killTarget: 'group' needs a group of the child's own, and processGroup ${processGroup} is another's: leave one of them out`,
    )
  }
  if (shell && template) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      'shell and template exclude each other: the shell would be run, not the template',
    )
  }
}

function readFile(file: unknown): string {
  checkString('file', file)
  if (file === '') {
    throw argumentError('ERR_INVALID_ARG_VALUE', 'file must not be empty: name a program to run')
  }
  return file
}

function readArgs(args: unknown): readonly string[] {
  if (!Array.isArray(args)) {
    throw argumentError('ERR_INVALID_ARG_TYPE', `args must be an array, not ${typeName(args)}`)
  }
  return copyOfStrings('args', args)
}

/** While it is being read. */
type Draft<T extends Settings> = {
  -readonly [K in keyof T]: K extends 'env' | 'stdio' ? T[K] | undefined : T[K]
}

/** Every option is an own property from the start: none is read from a prototype. */
const noOptions = (file: string, args: readonly string[]): Draft<RunSettings> => ({
  file,
  args,
  cwd: undefined,
  env: undefined,
  argv0: undefined,
  stdio: undefined,
  timeout: undefined,
  killSignal: undefined,
  killGrace: undefined,
  killTarget: undefined,
  onParentExit: undefined,
  signal: undefined,
  detached: undefined,
  processGroup: undefined,
  uid: undefined,
  gid: undefined,
  groups: undefined,
  noNewPrivs: undefined,
  umask: undefined,
  nice: undefined,
  rlimits: undefined,
  cgroup: undefined,
  inheritFds: undefined,
  shell: undefined,
  template: undefined,
  backend: undefined,
  place: 0,
  input: undefined,
  encoding: undefined,
  maxBuffer: undefined,
  overflow: undefined,
  settle: undefined,
  drainGrace: undefined,
  check: undefined,
  keep: undefined,
  all: undefined,
  onStdout: undefined,
  onStderr: undefined,
  onLine: undefined,
})

/** Without an `env`, the child gets the program's current one. */
function finish<T extends RunSettings>(draft: Draft<T>, stdio: readonly StdioPlan[]): T {
  draft.env ??= inheritedEnvVars()
  draft.stdio ??= stdio
  // Only the leader of a session can have a terminal.
  if (hasTerminal(draft.stdio)) draft.detached = true
  checkTogether(draft)
  return draft as T
}

const isInputPipe = (plan: StdioPlan | undefined): boolean =>
  plan?.kind === 'pipe' && plan.input && !plan.both

/** What reads an output needs a pipe; otherwise it would never be called. */
function checkOutputs<T extends RunSettings>(draft: Draft<T>): void {
  const { stdio, all, onStdout, onStderr, onLine, maxBuffer } = draft
  if (onLine) checkLineEncoding('onLine', draft.encoding)
  const needs = (name: string, descriptor: number) => {
    if (stdio === undefined || isCollected(stdio[descriptor])) return
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `${name} needs stdio[${descriptor}] to be 'pipe': leave that out, or ${name}`,
    )
  }
  if (all && (onStdout || onStderr)) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      'with all, both outputs are one: use onLine instead of onStdout and onStderr',
    )
  }
  if (typeof maxBuffer === 'object' && maxBuffer.all !== undefined && !all) {
    throw argumentError('ERR_INVALID_ARG_VALUE', 'maxBuffer.all is for the option all: true')
  }
  if (all || onStdout) needs(all ? 'all' : 'onStdout', 1)
  if (all || onStderr) needs(all ? 'all' : 'onStderr', 2)
  if (onLine && !isCollected((stdio ?? outputOnly)[2])) needs('onLine', 1)
}

/** Input needs a pipe; otherwise it would be lost silently. */
function finishRun<T extends RunSettings>(draft: Draft<T>): T {
  const { stdio } = draft
  let input = draft.input as RunSettings['input'] | InputFile
  const typed = hasTerminal(stdio) && !(input instanceof InputFile)
  if (input !== undefined && stdio && !isInputPipe(stdio[0]) && !typed) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      "input needs stdio[0] to be 'pipe': leave it out, or leave out the input",
    )
  }
  if (draft.settle === 'exit' && draft.drainGrace) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      "drainGrace needs settle: 'close': with 'exit' nothing is read after the exit",
    )
  }
  checkOutputs(draft)
  if (input instanceof InputFile) {
    const { plan } = input
    draft.stdio = (stdio ?? outputOnly).map((known, index) => (index === 0 ? plan : known))
    draft.input = undefined
    input = undefined
  }
  if (input && typed && !(input instanceof InputSource)) draft.input = sourceOf(input)
  const plans = input === undefined ? outputOnly : inputAndOutput
  if (draft.all) draft.stdio = inOne(draft.stdio ?? plans)
  return finish(draft, plans)
}

/** The arguments of a call as they were given, with the `template` whose method it is, if any. */
function readCall(
  call: string,
  known: Reads,
  file: unknown,
  args: unknown,
  options: unknown,
  template?: TemplateLike,
): Draft<RunSettings> {
  const draft = readAll(call, known, options, noOptions(readFile(file), readArgs(args)))
  if (template) draft.template = template
  return draft
}

/** Reads the arguments of spawn(), by `template` if there is one. Throws an argument error. */
export function readSpawn(
  file: unknown,
  args: unknown,
  options: unknown,
  template?: TemplateLike,
): Settings {
  return finish(readCall('spawn', spawnReads, file, args, options, template), allPipes)
}

/** Reads the arguments of run(), by `template` if there is one. Throws an argument error. */
export function readRun(
  file: unknown,
  args: unknown,
  options: unknown,
  template?: TemplateLike,
): RunSettings {
  return finishRun(readCall('run', runReads, file, args, options, template))
}

/** What somebody would have to read or write while the call blocks. */
function checkSync({ stdio, input }: RunSettings): void {
  const use = 'use run() or spawn()'
  if (hasTerminal(stdio)) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `stdio: 'pty' is not for runSync(): nobody is at the terminal while it blocks; ${use}`,
    )
  }
  stdio.forEach((plan, index) => {
    if (plan.kind !== 'pipe' || !plan.input || (index === 0 && !plan.both)) return
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `stdio[${index}]: runSync() has nobody to write to this pipe while it blocks; ` +
        `use input, or a file, or ${use.slice(4)}`,
    )
  })
  if (input instanceof InputSource) {
    throw argumentError(
      'ERR_INVALID_ARG_TYPE',
      'input of runSync() must be a string, bytes, { path }, a file URL or a FileHandle: a stream, ' +
        'an iterable or a Blob cannot be read while it blocks; use run()',
    )
  }
}

/** Reads the arguments of runSync(). Throws an argument error. */
export function readRunSync(file: unknown, args: unknown, options: unknown): RunSettings {
  const settings = finishRun(readCall('runSync', runSyncReads, file, args, options))
  checkSync(settings)
  return settings
}

/** Reads the arguments of compile(). Throws an argument error. */
export function readCompile(command: unknown): Settings {
  checkObject('the command', command)
  const { file, args = [], ...options } = { ...(command as { file?: unknown; args?: unknown }) }
  return readSpawn(file, args, options)
}

/** Reads the arguments of batch(). Throws an argument error. */
export function readBatch(options: unknown): BatchSettings {
  const none = undefined
  const batch = { retries: none, concurrency: none, bail: none, onProgress: none, total: none }
  const own = { ...batch, jobserver: none }
  const shared = readAll('batch', batchReads, options, { ...noOptions('', []), ...own })
  checkTogether(shared)
  const { concurrency, bail, onProgress, total, jobserver, signal, ...run } = shared
  const each = { ...run, signal: undefined }
  return { concurrency, bail, onProgress, total, jobserver, signal, run: each }
}

/**
 * The parts of a command among several: words, or an object with `file`, `args` and options.
 * Throws an argument error if it is neither; `call` is whose command it is.
 */
export function partsOf(
  command: unknown,
  call: string,
): { file: unknown; args: unknown; options: Record<string, unknown> } {
  if (Array.isArray(command)) {
    const [file, ...args] = copyOf(command)
    return { file, args, options: {} }
  }
  if (typeof command !== 'object' || command === null) {
    throw argumentError(
      'ERR_INVALID_ARG_TYPE',
      `a command of ${call} must be an array of words, or an object with a file`,
    )
  }
  const { file, args = [], ...options } = { ...(command as { file?: unknown; args?: unknown }) }
  return { file, args, options }
}

/** Reads one command of a batch, with the batch's options for all. Throws an argument error. */
export function readCommand(command: unknown, { run }: BatchSettings): CommandSettings {
  if (Array.isArray(command) && command.length === 0) {
    throw argumentError('ERR_INVALID_ARG_VALUE', 'a command of a batch must name a program')
  }
  const { file, args, options } = partsOf(command, 'a batch')
  const draft = { ...run, file: readFile(file), args: readArgs(args) }
  const settings = finishRun<CommandSettings>(readAll('run', commandReads, options, draft))
  if (settings.retries && settings.input instanceof InputSource && settings.input.once) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      'an input that can be read only once excludes retries: give bytes, a Blob, or { path }',
    )
  }
  return settings
}

/** Reads the options of template(). Throws an argument error. */
export function readTemplate(options: unknown): TemplateSettings {
  return readAll('template', templateReads, options, { onStale: undefined, learn: undefined })
}

/** Reads the options of a Ring. Throws an argument error. */
export function readRing(options: unknown): Pick<Settings, 'backend'> {
  return readAll('Ring', ringReads, options, { backend: undefined })
}

/** Reads the options of submit(). Throws an argument error. */
export function readSubmit(options: unknown): { closeFds: readonly number[] | undefined } {
  return readAll('submit', submitReads, options, { closeFds: undefined })
}
