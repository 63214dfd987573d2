/** One process from options to its exit: what spawn() and run() share. */
import type { BackendName } from '../backend/backend.js'
import { type Compiled, compileChecked } from '../chain/compile.js'
import type { ParentPipe } from '../chain/descriptors.js'
import type { Exit } from '../chain/exit.js'
import { type Outcome, type Pipes, Ring, type Submission } from '../chain/ring.js'
import { SpawnError, spawnError } from '../errors.js'
import type { SpawnOptions, StdioOption } from '../options/types.js'

export interface Started {
  pid: number
  pidfd: number
  /** This side's ends of the child's pipes, as far as they are not collected. */
  pipes: readonly ParentPipe[]
}

/** How pipes are read and written natively; else they are the caller's. */
export interface Collection {
  max: number
  input: Uint8Array | undefined
  output(index: number, bytes: Buffer, truncated: boolean, errno: number): void
  overflow(index: number): void
}

export interface LaunchParameters {
  file: string
  args: readonly string[]
  options: SpawnOptions
  stdio: StdioOption
  collection?: Collection
}

function pipesFor(pipes: readonly ParentPipe[], collection: Collection | undefined): Pipes {
  const collect = collection !== undefined
  const max = collection?.max ?? 0
  const requests = pipes.map(({ input }) => ({ input, collect, max }))
  if (!collection) return { pipes: requests }
  const outputs = pipes.filter(({ input }) => !input)
  const indexOf = (which: number) => outputs[which]?.index ?? -1
  return {
    pipes: requests,
    input: collection.input,
    output: (which, bytes, truncated, errno) =>
      collection.output(indexOf(which), bytes, truncated, errno),
    overflow: (which) => collection.overflow(indexOf(which)),
  }
}

export class Launch {
  readonly file: string
  readonly args: readonly string[]
  readonly backend: BackendName
  /** Once the exec has happened. Rejects with a SpawnError. */
  readonly started: Promise<Started>
  /** Always settles, where the launch did not fail. */
  readonly exited: Promise<Exit>
  readonly #submission: Submission

  /** Queues the launch. Throws on what is wrong before anything is created. */
  constructor({ file, args, options, stdio, collection }: LaunchParameters) {
    const ring = new Ring(options)
    const compiled = compileChecked(file, args, options, stdio, true)
    this.file = compiled.file
    this.args = compiled.args
    this.backend = ring.backend
    try {
      this.#submission = ring.launch(compiled, pipesFor(compiled.pipes, collection))
    } catch (error) {
      compiled.close()
      throw error
    }
    this.started = this.#submission.outcome.then((outcome) => this.#started(outcome, compiled))
    this.exited = this.#submission.exited
  }

  #started(outcome: Outcome, { chain, pipes }: Compiled): Started {
    const { file, args } = this
    if (outcome.started) {
      const { pid, pidfd, fds } = outcome
      const open = pipes.map((pipe, at) => ({ ...pipe, fd: fds[at] ?? -1 }))
      return { pid, pidfd, pipes: open.filter(({ fd }) => fd >= 0) }
    }
    const { index, errno } = outcome
    const pipe = pipes[index - chain.length]
    if (!pipe) throw spawnError(chain, index, errno, file, args)
    throw new SpawnError({ errno, step: `stdio[${pipe.index}]`, syscall: 'pipe2', file, args })
  }

  kill(signal: number): boolean {
    return this.#submission.kill(signal)
  }

  stopOutput(): void {
    this.#submission.stopOutput()
  }

  ref(): void {
    this.#submission.ref()
  }

  unref(): void {
    this.#submission.unref()
  }
}
