import { selectBackend } from './backend/select.js'
import { getCore } from './core/core.js'
import { Executable, type ExecutableSource } from './executable/executable.js'
import type { TemplateLearned } from './executable/learned.js'
import {
  type HeldTemplate,
  type TemplateLike,
  templateGoesOn,
  templateHold,
  templateSource,
} from './executable/template-like.js'
import { argumentError } from './model/argument-error.js'
import { EACCES, ESTALE } from './model/errno.js'
import { MAX_FD } from './model/limits.js'
import { checkInteger, checkString } from './model/values.js'
import { readRun, readSpawn, readTemplate } from './options/check.js'
import type { Output, StdioOf, Strict } from './options/inference.js'
import type { OutputEncoding, RunOptions, SpawnOptions } from './options/options.js'
import type { TemplateSettings } from './options/settings.js'
import type { Child } from './process/child.js'
import { running } from './run.js'
import type { Running } from './running.js'
import { spawning } from './spawn.js'

/** The options of template(). */
export interface TemplateOptions {
  /**
   * When the file at the path is no longer the one that was opened: open it
   * again, or let the start fail with ESTALE. Default 'recreate'.
   */
  onStale?: 'recreate' | 'error' | undefined
  /**
   * Whether a kernel template learns which pages the program touches as it starts, and maps
   * them at once in later starts: see `learned`. Default true.
   */
  learn?: boolean | undefined
}

type Without<O> = Omit<O, 'template' | 'shell'>

/** An executable that is looked up once and started many times. */
export class Template implements AsyncDisposable, TemplateLike {
  readonly #onStale: 'recreate' | 'error'
  /** Set until it is closed and nothing holds it any more. */
  #executable: Executable | undefined
  #closed = false
  #holds = 0

  /** @internal */
  constructor(executable: Executable, { onStale = 'recreate' }: TemplateSettings) {
    this.#executable = executable
    this.#onStale = onStale
  }

  #open(held = false): Executable {
    if (this.#executable && (held || !this.#closed)) return this.#executable
    throw argumentError('ERR_INVALID_STATE', 'the template has been closed: make another')
  }

  /** Its source, as the caller named it. Throws `ERR_INVALID_STATE` once it is closed. */
  get file(): string {
    return this.#open().file
  }

  /** The executable's absolute path; undefined if it was made from a descriptor. */
  get path(): string | undefined {
    return this.#open().path
  }

  /**
   * Whether the kernel has a template of it, from which the backends `uring`
   * and `spawn_template` start it.
   */
  get inKernel(): boolean {
    return this.#open().inKernel
  }

  /**
   * What the kernel has learned of the starts so far, and how this served. Undefined if it has no
   * template of it, or with `learn: false`.
   */
  get learned(): TemplateLearned | undefined {
    return this.#open().learned
  }

  /** @internal */
  get [templateGoesOn](): boolean {
    return this.#onStale === 'recreate'
  }

  /** @internal */
  [templateSource](inKernel: boolean): ExecutableSource {
    return this.#source(this.#open(), inKernel)
  }

  /** @internal */
  [templateHold](): HeldTemplate {
    return this.#hold(false)
  }

  /** What is held can be held again, also once the template has been closed. */
  #hold(held: boolean): HeldTemplate {
    this.#open(held)
    this.#holds++
    let holds = true
    return {
      [templateGoesOn]: this[templateGoesOn],
      [templateSource]: (inKernel) => this.#source(this.#open(holds), inKernel),
      [templateHold]: () => this.#hold(holds),
      release: () => {
        if (!holds) return
        holds = false
        this.#holds--
        this.#letGo()
      },
    }
  }

  #source(executable: Executable, inKernel: boolean): ExecutableSource {
    if (inKernel && executable.inKernel) return this.#kernelSource(executable)
    const current = this.#current(executable)
    if (inKernel && current.template !== null) return this.#kernelSource(current)
    return current.source()
  }

  /** The executable that was opened, or, if that is stale, the current one. */
  #current(executable: Executable): Executable {
    if (!executable.isStale()) return executable
    if (this.#onStale === 'error') throw executable.stale()
    this.#executable = executable.reopen()
    return this.#executable
  }

  #kernelSource(executable: Executable): ExecutableSource {
    const fd = executable.template as number
    const { path } = executable
    return {
      path,
      name: path,
      fd: path === undefined ? executable.source().fd : undefined,
      keep: false,
      template: {
        fd,
        goOn: this[templateGoesOn],
        failed: (errno) => this.#kernelFailed(executable, errno),
      },
    }
  }

  /** Several starts may fail for the same template: only the first one replaces it. */
  #kernelFailed(executable: Executable, errno: number): void {
    if (this.#executable !== executable) return
    if (errno === EACCES) executable.dropTemplate()
    if (errno !== ESTALE || this.#onStale === 'error') return
    try {
      this.#executable = executable.reopen()
    } catch {
      // Gone again: the next start reports that.
    }
  }

  /**
   * As spawn(), for this executable.
   * @param args the arguments after argv[0]
   */
  spawn<const O extends Without<SpawnOptions> = Record<never, never>>(
    args: readonly string[] = [],
    options: Strict<O, Without<SpawnOptions>> = {} as Strict<O, Without<SpawnOptions>>,
  ): Promise<Child<StdioOf<O>>> {
    return spawning(() => readSpawn(this.file, args, options, this))
  }

  /**
   * As run(), for this executable.
   * @param args the arguments after argv[0]
   */
  run<const O extends Without<RunOptions<OutputEncoding>> = Record<never, never>>(
    args: readonly string[] = [],
    options: Strict<O, Without<RunOptions<OutputEncoding>>> = {} as Strict<
      O,
      Without<RunOptions<OutputEncoding>>
    >,
  ): Running<Output<O>> {
    return running(() => readRun(this.file, args, options, this)) as unknown as Running<Output<O>>
  }

  /**
   * Closes the executable. Processes that run it, and starts already requested, are
   * not affected.
   */
  close(): void {
    this.#closed = true
    this.#letGo()
  }

  /** Closes the executable once no requested start still needs it. */
  #letGo(): void {
    if (!this.#closed || this.#holds > 0) return
    this.#executable?.close()
    this.#executable = undefined
  }

  /** close(): for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }
}

/**
 * Pins one executable for many starts: searches PATH now and keeps the file
 * open until close(). Rejects with a SpawnError of step 'exec' if there is no
 * such program, or with an argument error.
 * @param file a name to search for in PATH, a path, or the descriptor of an open
 *   executable, which is copied
 */
export async function template(
  file: string | number,
  options: TemplateOptions = {},
): Promise<Template> {
  const settings = readTemplate(options)
  const { templates } = selectBackend(getCore().info, undefined)
  const executable = open(file, settings.learn ?? true)
  // Other backends make it only when they use it: it denies writes to the file.
  if (templates) executable.template
  return new Template(executable, settings)
}

function open(file: string | number, learns: boolean): Executable {
  if (typeof file === 'number') {
    checkInteger('file', file, 0, MAX_FD)
    return Executable.fromFd(file, learns)
  }
  checkString('file', file)
  if (file === '') {
    throw argumentError('ERR_INVALID_ARG_VALUE', 'file must not be empty: name a program to run')
  }
  return Executable.fromPath(file, learns)
}
