import { selectBackend } from '../backend/select.js'
import { getEnvironment } from '../environment.js'
import { EACCES, ESTALE } from '../errors.js'
import { readTemplate } from '../options/check.js'
import { argumentError } from '../options/errors.js'
import {
  type HeldTemplate,
  type TemplateLike,
  templateHold,
  templateSource,
} from '../options/template.js'
import type { RunOptions, SpawnOptions, TemplateSettings } from '../options/types.js'
import { checkInteger, checkString } from '../options/values.js'
import type { Child } from '../process/child.js'
import { type RunResult, run } from '../run.js'
import { spawn } from '../spawn.js'
import type { Output, StdioOf, Strict } from '../types.js'
import { Executable, type ExecutableSource } from './executable.js'

export interface TemplateOptions {
  /**
   * What happens where the file at the path is no longer the one that was
   * opened: it is opened anew, or the spawn fails with ESTALE.
   * Default 'recreate'.
   */
  onStale?: 'recreate' | 'error'
}

type Without<O> = Omit<O, 'template' | 'shell'>

/** An executable that is looked up once and started many times. */
export class Template implements AsyncDisposable, TemplateLike {
  readonly #onStale: 'recreate' | 'error'
  /** Until it is closed, and nothing holds it any more. */
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

  /** What it was made of, as it was named. */
  get file(): string {
    return this.#open().file
  }

  /** The executable's absolute path; undefined where it was made of a descriptor. */
  get path(): string | undefined {
    return this.#open().path
  }

  /**
   * Whether the kernel has a template of it, which starts by the backends
   * `uring` and `template` are from.
   */
  get inKernel(): boolean {
    return this.#open().inKernel
  }

  /** @internal */
  [templateSource](inKernel: boolean): ExecutableSource {
    return this.#source(this.#open(), inKernel)
  }

  /** @internal */
  [templateHold](): HeldTemplate {
    this.#open()
    this.#holds++
    let holds = true
    return {
      [templateSource]: (inKernel) => this.#source(this.#open(holds), inKernel),
      [templateHold]: () => this[templateHold](),
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

  /** What was opened, or where that is stale, what is there now. */
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
      fd: path === undefined ? executable.source().fd : undefined,
      keep: false,
      template: {
        fd,
        goOn: this.#onStale === 'recreate',
        failed: (errno) => this.#kernelFailed(executable, errno),
      },
    }
  }

  /** Only the first of several starts that failed for it has something to do. */
  #kernelFailed(executable: Executable, errno: number): void {
    if (this.#executable !== executable) return
    if (errno === EACCES) executable.dropTemplate()
    if (errno !== ESTALE || this.#onStale === 'error') return
    try {
      this.#executable = executable.reopen()
    } catch {
      // Gone again: the next start says so.
    }
  }

  /** As spawn(), of this executable. */
  async spawn<const O extends Without<SpawnOptions> = Record<never, never>>(
    args: readonly string[] = [],
    options: Strict<O, Without<SpawnOptions>> = {} as Strict<O, Without<SpawnOptions>>,
  ): Promise<Child<StdioOf<O>>> {
    return (await spawn(this.file, args, { ...(options as SpawnOptions), template: this })) as never
  }

  /** As run(), of this executable. */
  async run<const O extends Without<RunOptions> = Record<never, never>>(
    args: readonly string[] = [],
    options: Strict<O, Without<RunOptions>> = {} as Strict<O, Without<RunOptions>>,
  ): Promise<RunResult<Output<O>>> {
    return (await run(this.file, args, { ...(options as RunOptions), template: this })) as never
  }

  /** Lets go of the executable; processes that run it are not disturbed. */
  close(): void {
    this.#closed = true
    this.#letGo()
  }

  /** Starts that were asked for before have the executable yet. */
  #letGo(): void {
    if (!this.#closed || this.#holds > 0) return
    this.#executable?.close()
    this.#executable = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }
}

/**
 * Pins one executable for many starts: PATH is searched now, and the file kept
 * open until close(). Rejects with a SpawnError of step 'exec' where there is
 * none.
 * @param file a name for PATH, a path, or the descriptor of an open executable,
 *   of which a copy is kept
 */
export async function template(
  file: string | number,
  options: TemplateOptions = {},
): Promise<Template> {
  const settings = readTemplate(options)
  const { templates } = selectBackend(getEnvironment().info, undefined)
  const executable = open(file)
  // For other backends it is made when it is used: it denies writes to the file.
  if (templates) executable.template
  return new Template(executable, settings)
}

function open(file: string | number): Executable {
  if (typeof file === 'number') {
    checkInteger('file', file, 0, 2 ** 31 - 1)
    return Executable.fromFd(file)
  }
  checkString('file', file)
  if (file === '') {
    throw argumentError('ERR_INVALID_ARG_VALUE', 'file must not be empty: name a program to run')
  }
  return Executable.fromPath(file)
}
