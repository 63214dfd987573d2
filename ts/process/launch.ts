/** One process from options to its exit: what spawn() and run() share. */
import type { BackendName } from '../backend/backend.js'
import { compileChecked } from '../chain/compile.js'
import type { ParentPipe } from '../chain/descriptors.js'
import type { Exit } from '../chain/exit.js'
import type { Chain } from '../chain/ops.js'
import { type Outcome, Ring, type Submission } from '../chain/ring.js'
import { spawnError } from '../errors.js'
import type { SpawnOptions, StdioOption } from '../options/types.js'

export interface Started {
  pid: number
  pidfd: number
}

/** How pipes are read and written natively; else they are the caller's. */
export interface Collection {
  max: number
  input: Uint8Array | undefined
  output(index: number, bytes: Buffer, truncated: boolean): void
  overflow(index: number): void
}

export interface LaunchParameters {
  file: string
  args: readonly string[]
  options: SpawnOptions
  stdio: StdioOption
  collection?: Collection
}

function collectFrom(pipes: readonly ParentPipe[], collection: Collection) {
  const outputs = pipes.filter(({ input }) => !input)
  const fed = pipes.find(({ input }) => input)
  const indexOf = (which: number) => outputs[which]?.index ?? -1
  return {
    outputs: outputs.map(({ fd }) => ({ fd, max: collection.max })),
    input: fed && { fd: fed.fd, bytes: collection.input ?? new Uint8Array() },
    output: (which: number, bytes: Buffer, truncated: boolean) =>
      collection.output(indexOf(which), bytes, truncated),
    overflow: (which: number) => collection.overflow(indexOf(which)),
  }
}

export class Launch {
  readonly file: string
  readonly args: readonly string[]
  readonly backend: BackendName
  /** Ours of the child's pipes, as far as they are not collected. */
  readonly pipes: readonly ParentPipe[]
  /** Once the exec has happened. Rejects with a SpawnError. */
  readonly started: Promise<Started>
  /** Always settles, where the launch did not fail. */
  readonly exited: Promise<Exit>
  readonly #submission: Submission

  /** Queues the launch. Throws on what is wrong before anything is created. */
  constructor({ file, args, options, stdio, collection }: LaunchParameters) {
    const ring = new Ring(options)
    const compiled = compileChecked(file, args, options, stdio)
    this.file = compiled.file
    this.args = compiled.args
    this.backend = ring.backend
    try {
      this.#submission = ring.launch(
        compiled,
        collection && collectFrom(compiled.pipes, collection),
      )
    } catch (error) {
      compiled.close()
      throw error
    }
    this.pipes = collection ? [] : compiled.pipes
    this.started = this.#submission.outcome.then((outcome) =>
      this.#started(outcome, compiled.chain),
    )
    this.exited = this.#submission.exited
  }

  #started(outcome: Outcome, chain: Chain): Started {
    if (outcome.started) return outcome
    throw spawnError(chain, outcome.index, outcome.errno, this.file, this.args)
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
