/** One process from options to its exit: what spawn() and run() share. */
import type { BackendName } from '../backend/backend.js'
import { selectBackend } from '../backend/select.js'
import { compile } from '../chain/compile.js'
import { pack } from '../chain/pack.js'
import { type Environment, getEnvironment, type LaunchEvents } from '../environment.js'
import { spawnError } from '../errors.js'
import { planStdio } from '../options/stdio.js'
import type { SpawnOptions, StdioOption } from '../options/types.js'
import { Descriptors, type ParentPipe } from './descriptors.js'
import { type Exit, exitOf } from './exit.js'

const EAGAIN = 11

/** How often a child that is just being made is signalled until it can be. */
const RETRY_MS = 2

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

/** The program and arguments that run a line of shell. */
function shellCommand(file: string, args: readonly string[], shell: boolean | string) {
  const line = [file, ...args].join(' ')
  return { file: typeof shell === 'string' ? shell : '/bin/sh', args: ['-c', line] }
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
  readonly #environment: Environment
  readonly #id: number
  #over = false
  #referenced = true

  /** Queues the launch. Throws on what is wrong before anything is created. */
  constructor({ file, args, options, stdio, collection }: LaunchParameters) {
    const plans = planStdio(stdio)
    const environment = getEnvironment()
    const backend = selectBackend(environment.info, options.backend)
    const command = options.shell ? shellCommand(file, args, options.shell) : { file, args }
    const descriptors = new Descriptors(environment.binding, command)
    this.#environment = environment
    this.file = command.file
    this.args = command.args
    this.backend = backend.name
    const started = deferred<Started>()
    const exited = deferred<Exit>()
    try {
      descriptors.open(plans, options.inheritFds === true)
      if (typeof options.cwd === 'number') {
        descriptors.openCwd(options.cwd, options.inheritFds === true)
      }
      if (options.cgroup !== undefined) descriptors.openCgroup(options.cgroup)
      const chain = compile({ ...command, options, ...pickFds(descriptors) })
      const collected = collection ? descriptors.pipes.filter(({ input }) => !input) : []
      const fed = collection ? descriptors.pipes.find(({ input }) => input) : undefined
      const events: LaunchEvents = {
        started: (pid, pidfd) => started.resolve({ pid, pidfd }),
        failed: (errno, index) => {
          this.#end()
          started.reject(spawnError(chain, index, errno, this.file, this.args))
        },
        exited: (code, status, usage) => {
          this.#end()
          exited.resolve(exitOf(code, status, usage))
        },
        output: (which, _errno, bytes, truncated) => {
          collection?.output(collected[which]?.index ?? -1, bytes, truncated)
        },
        overflow: (which) => collection?.overflow(collected[which]?.index ?? -1),
      }
      this.#id = environment.launch(
        {
          kind: backend.kind,
          chain: pack(chain),
          closeFds: descriptors.childFds,
          collect: collected.map(({ fd }) => ({ fd, max: collection?.max ?? 0 })),
          input: fed && { fd: fed.fd, bytes: collection?.input ?? new Uint8Array() },
        },
        events,
      )
      this.pipes = collection ? [] : descriptors.pipes
    } catch (error) {
      descriptors.close()
      throw error
    }
    environment.ref()
    this.started = started.promise
    this.exited = exited.promise
  }

  #end(): void {
    this.#over = true
    if (this.#referenced) this.#environment.unref()
    this.#referenced = false
  }

  /**
   * Signals the child, also one that has not got as far as its exec. False
   * where it is over. Throws what the system says otherwise.
   */
  kill(signal: number): boolean {
    if (this.#over) return false
    const ret = this.#environment.binding.kill(this.#id, signal)
    if (ret === -EAGAIN) {
      setTimeout(() => this.kill(signal), RETRY_MS)
      return true
    }
    return ret === 0
  }

  /** Ends the collection of output, where a grandchild holds it open. */
  stopOutput(): void {
    this.#environment.binding.stopOutput(this.#id)
  }

  ref(): void {
    if (!this.#referenced && !this.#over) this.#environment.ref()
    this.#referenced = !this.#over
  }

  unref(): void {
    if (this.#referenced) this.#environment.unref()
    this.#referenced = false
  }
}

const pickFds = ({ fds, files, cwdFd, cgroupFd }: Descriptors) => ({
  fds,
  files,
  cwdFd,
  cgroupFd,
})

function deferred<T>() {
  let resolve!: (value: T) => void
  let reject!: (reason: Error) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
