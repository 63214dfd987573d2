import { selectBackend } from '../backend/select.js'
import type { Binding } from '../binding/addon.js'
import { loadBinding } from '../binding/load.js'
import { getCore } from '../core/core.js'
import type { ExecutableSource } from '../executable/executable.js'
import { templateSource } from '../executable/template-like.js'
import { argumentError } from '../model/argument-error.js'
import { acrossCopies } from '../model/copies.js'
import type { Chain } from '../model/operations.js'
import { readCompile } from '../options/check.js'
import type { SpawnOptions } from '../options/options.js'
import { NEW_CGROUP, type Settings } from '../options/settings.js'
import { assemble } from './assemble.js'
import { closePipes, Descriptors, type ParentPipe } from './descriptors.js'

/** The arguments of spawn(), as one object. */
export interface Command extends SpawnOptions {
  /** A name to search for in PATH, or a path. */
  file: string
  /** The arguments after argv[0]. */
  args?: readonly string[] | undefined
}

/**
 * A chain and the descriptors it needs. Submitting it hands over the child's;
 * close() one that is not submitted.
 */
export class Compiled implements Disposable {
  /** The program to execute; with `shell`, the shell. */
  readonly file: string
  /** Its arguments after argv[0]. */
  readonly args: readonly string[]
  /** The operations. */
  readonly chain: Chain
  /** This side's ends of pipes. To keep one beyond close(), set its `fd` to -1. */
  readonly pipes: readonly ParentPipe[]
  /** The executable of the `template` option. @internal */
  readonly source: ExecutableSource | undefined
  readonly #binding: Binding
  #childFds: readonly number[]
  /** The descriptors that the chain names are closed, or no longer its own. */
  #spent = false

  /** @internal */
  constructor(
    binding: Binding,
    command: { file: string; args: readonly string[] },
    chain: Chain,
    descriptors: Descriptors,
    source: ExecutableSource | undefined,
  ) {
    this.#binding = binding
    this.file = command.file
    this.args = command.args
    this.chain = chain
    this.pipes = descriptors.pipes
    this.#childFds = descriptors.childFds
    this.source = source
  }

  /** Descriptors that only the child needs; empty once they are handed over or closed. */
  get childFds(): readonly number[] {
    return this.#childFds
  }

  #takeChildFds(): readonly number[] {
    const fds = this.#childFds
    this.#spent ||= fds.length > 0
    this.#childFds = []
    return fds
  }

  /**
   * Hands the child's descriptors to `owner`, which owns them once it returns.
   * Throws if that has been done before: other files may have the chain's numbers
   * by now. @internal
   */
  handOver<T>(owner: (fds: readonly number[]) => T): T {
    if (this.#spent) {
      const message = `the chain for ${this.file} has been submitted or closed: compile it again`
      throw Object.assign(new Error(message), { code: 'ERR_INVALID_STATE' })
    }
    const result = owner(this.#childFds)
    this.#takeChildFds()
    return result
  }

  /** Closes all descriptors that are still its own. */
  close(): void {
    for (const fd of this.#takeChildFds()) this.#binding.close(fd)
    closePipes(this.pipes)
  }

  /** close(): for `using`. */
  [Symbol.dispose](): void {
    this.close()
  }
}

acrossCopies(Compiled, 'Compiled')

/** The index of a chain's exec from a kernel template, or -1. @internal */
export const templateIndex = ({ chain, source }: Compiled): number =>
  source?.template ? chain.findIndex((op) => op.op === 'exec' && op.template !== undefined) : -1

/** The program and arguments that run a line in a shell. */
function shellCommand(file: string, args: readonly string[], shell: boolean | string) {
  const line = [file, ...args].join(' ')
  return { file: typeof shell === 'string' ? shell : '/bin/sh', args: ['-c', line] }
}

/** How to compile options that have been checked. */
export interface CompileParameters {
  settings: Settings
  /** For Ring.launch(). */
  deferPipes: boolean
  /** Whether to start from a kernel template of `template`, if one can be made. */
  inKernel: boolean
}

export function compileChecked(parameters: CompileParameters): Compiled {
  const { settings, deferPipes, inKernel } = parameters
  const { file, args, inheritFds = false, cwd, cgroup, shell, template } = settings
  const command = shell ? shellCommand(file, args, shell) : { file, args }
  const binding = loadBinding()
  const descriptors = new Descriptors(binding, command, deferPipes)
  try {
    const source = template?.[templateSource](inKernel)
    descriptors.open(settings.stdio, inheritFds)
    if (typeof cwd === 'number') descriptors.openCwd(cwd, inheritFds)
    if (source?.fd !== undefined) {
      descriptors.openExec({ fd: source.fd, keep: source.keep }, inheritFds)
    }
    if (cgroup !== undefined) descriptors.openCgroup(cgroup)
    const start = source?.template && {
      fd: descriptors.copyExec(source.template.fd),
      goOn: source.template.goOn,
    }
    // One literal: V8 gives an object made by spreading others a hidden class of
    // its own, which only a full garbage collection frees.
    const chain = assemble({
      file: command.file,
      args: command.args,
      settings,
      fds: descriptors.fds,
      files: descriptors.files,
      cwdFd: descriptors.cwdFd,
      cgroupFd: descriptors.cgroupFd,
      execFd: descriptors.execFd,
      path: source?.path,
      template: start,
    })
    return new Compiled(binding, command, chain, descriptors, source)
  } catch (error) {
    descriptors.close()
    throw error
  }
}

/**
 * Turns spawn options into a chain, and opens the pipes it needs. Throws an
 * argument error, or a SpawnError if a descriptor cannot be opened.
 */
export function compile(command: Command): Compiled {
  const settings = readCompile(command)
  const { template, backend, cgroup } = settings
  if (cgroup === NEW_CGROUP) {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      "cgroup: 'new' is for spawn(), run() and batch(): give a chain the path of a cgroup",
    )
  }
  return compileChecked({
    settings,
    deferPipes: false,
    inKernel: template !== undefined && selectBackend(getCore().info, backend).templates,
  })
}
