/** Runs a program while the thread waits. */
import type { Backend } from './backend/backend.js'
import { type BackendName, backendOf, nameOfKind } from './backend/backends.js'
import { selectBackend } from './backend/select.js'
import { LaunchFlags, PipeBits, type RunResult as Ran, RunField } from './binding/addon.js'
import { type Compiled, compileChecked, templateIndex } from './chain/compile.js'
import { spawnError } from './chain/failure.js'
import { pack } from './chain/pack.js'
import { submitError } from './chain/ring.js'
import { conclude, concludeLate } from './conclude.js'
import { type Core, getCore } from './core/core.js'
import { now } from './core/runtime.js'
import { EACCES } from './model/errno.js'
import { exitOf } from './model/exit.js'
import { readRunSync } from './options/check.js'
import type { Output, Strict } from './options/inference.js'
import { checkInput, type InputSource } from './options/input.js'
import type { OutputEncoding, RunSyncOptions } from './options/options.js'
import { NEW_CGROUP, type RunSettings } from './options/settings.js'
import { OwnCgroup } from './process/cgroup.js'
import { splitOf } from './process/kept.js'
import { noThread } from './process/launch.js'
import { maxOf, Outputs } from './process/outputs.js'
import { stopReading } from './process/stream.js'
import { SyncTermination } from './process/sync-termination.js'
import { launches, Told } from './process/told.js'
import { Watch } from './process/watcher.js'
import type { RunResult } from './run-result.js'

/**
 * run(), while the thread waits: nothing else happens in it until the program has ended, so
 * it is for scripts and configuration, not for servers. Returns whatever the exit code, and also
 * if `timeout` passed.
 *
 * Throws what run() rejects with: a SpawnError if it did not start, a RunError if `check` is set
 * and it did not exit with 0, an argument error.
 * @param file a name to search for in PATH, or a path
 * @param args the arguments after argv[0]
 * @param options those of run(), but `signal`, functions, and inputs that have to be read meanwhile
 */
export function runSync<const O extends RunSyncOptions<OutputEncoding> = Record<never, never>>(
  file: string,
  args: readonly string[] = [],
  options: Strict<O, RunSyncOptions<OutputEncoding>> = {} as Strict<
    O,
    RunSyncOptions<OutputEncoding>
  >,
): RunResult<Output<O>> {
  const begin = now()
  const asked = readRunSync(file, args, options)
  checkInput(asked.input)
  const core = getCore()
  const maker = { core, backend: selectBackend(core.info, asked.backend) }
  if (asked.cgroup !== NEW_CGROUP) return new Call(maker, asked, begin).run() as never
  const cgroup = OwnCgroup.make(asked)
  try {
    const settings = Object.freeze({ ...asked, cgroup: cgroup.path })
    return new Call(maker, settings, begin, cgroup).run() as never
  } finally {
    cgroup.endNow()
  }
}

interface Maker {
  core: Core
  backend: Backend<BackendName>
}

/** What of an output goes to which place in the binding's list of pipes. */
const pipeNumbers = (settings: RunSettings, { pipes }: Compiled): number[] =>
  pipes.flatMap(({ index, fd, input }) => {
    if (input) return [PipeBits.input, fd, 0, 0]
    const { head, tail } = splitOf(settings.keep ?? 'head', maxOf(settings, index))
    return [PipeBits.output, fd, head, tail]
  })

class Call {
  readonly #core: Core
  readonly #backend: Backend<BackendName>
  readonly #settings: RunSettings
  readonly #begin: number
  readonly #termination: SyncTermination
  readonly #cgroup: OwnCgroup | undefined
  /** For a child whose group or cgroup is not to outlive this process. */
  readonly #watch: Watch | undefined

  constructor(
    { core, backend }: Maker,
    settings: RunSettings,
    begin: number,
    cgroup?: OwnCgroup | undefined,
  ) {
    const { onParentExit, killTarget } = settings
    this.#core = core
    this.#backend = backend
    if (onParentExit === 'kill' && (killTarget === 'group' || cgroup)) {
      this.#watch = new Watch(settings, cgroup?.path)
    }
    this.#cgroup = cgroup
    this.#settings = settings
    this.#begin = begin
    // What is left in the cgroup may hold the output open.
    this.#termination = new SyncTermination(settings, begin, () => cgroup?.endNow())
  }

  run(): RunResult<string | Buffer> {
    try {
      this.#watch?.wait()
      let compiled = this.#compile(this.#backend.templates)
      let ran = this.#launch(compiled)
      const template = compiled.source?.template
      if (template && isForOthers(ran, compiled)) {
        // Perhaps it is for other credentials: if this fails as well, it was not to blame.
        compiled = this.#compile(false)
        ran = this.#launch(compiled)
        if (ran[RunField.pid] > 0) template.failed(EACCES)
      }
      return this.#result(compiled, ran)
    } finally {
      this.#termination.close()
      this.#cgroup?.endNow()
      this.#watch?.release()
    }
  }

  #compile(inKernel: boolean): Compiled {
    return compileChecked({ settings: this.#settings, deferPipes: false, inKernel })
  }

  #launch(compiled: Compiled): Ran {
    const { binding } = this.#core
    const settings = this.#settings
    const input = settings.input as Exclude<typeof settings.input, InputSource>
    for (const plan of settings.stdio) {
      if (plan.kind === 'fd' && plan.stream) stopReading(plan.stream)
    }
    try {
      const ran = compiled.handOver((childFds) => {
        const { buffer, size } = pack(compiled.chain)
        return binding.run(
          this.#backend.kind,
          buffer,
          size,
          childFds,
          pipeNumbers(settings, compiled),
          compiled.pipes.map(({ index }) => (index === 0 ? input : undefined)),
          this.#watch ? LaunchFlags.doomed : 0,
          0,
          this.#termination.wait,
          this.#termination.decide,
        )
      })
      for (const pipe of compiled.pipes) pipe.fd = -1
      return ran
    } catch (error) {
      compiled.close()
      throw noThread(submitError(error), compiled)
    }
  }

  #result(compiled: Compiled, ran: Ran): RunResult<string | Buffer> {
    const settings = this.#settings
    const pid = ran[RunField.pid]
    const { file, args } = compiled
    const told = launches.hasSubscribers ? new Told({ file, args }, this.#begin) : undefined
    if (told) told.backend = this.#backend.name
    told?.called()
    if (pid === 0) return this.#notStarted(compiled, ran, told)
    const exit = exitOf(ran[RunField.code], ran[RunField.status], ran[RunField.usage], 0)
    exit.durationMs = now() - this.#begin
    const start = { file, args, ...this.#madeBy(compiled, ran) }
    if (told) told.backend = start.backend
    told?.started(pid)
    told?.ended(exit)
    const outputs = outputsOf(settings, compiled, ran)
    return conclude({ settings, outputs, start, pid, exit, ending: this.#termination })
  }

  /** Throws, unless `timeout` has ended the start. */
  #notStarted(compiled: Compiled, ran: Ran, told: Told | undefined): RunResult<string | Buffer> {
    const { chain, source, file, args } = compiled
    const errno = -ran[RunField.error]
    const error = this.#termination.lateOr(
      spawnError(chain, ran[RunField.failed], errno, file, args, source?.name),
    )
    told?.failed(errno, error.step)
    if (!error.timedOut) throw error
    const start = { file, args, backend: this.#backend.name, fromTemplate: false }
    return concludeLate(this.#settings, error, start, this.#begin)
  }

  #madeBy(compiled: Compiled, ran: Ran) {
    const errno = -ran[RunField.template]
    const template = compiled.source?.template
    if (errno !== 0) template?.failed(errno)
    const backend = nameOfKind(ran[RunField.by]) ?? this.#backend.name
    const { templates, makesTemplates } = backendOf(backend)
    const started = templates && templateIndex(compiled) >= 0 && errno === 0
    return { backend, fromTemplate: makesTemplates || started }
  }
}

/** Whether the kernel template could not be used with this process's credentials. */
function isForOthers(ran: Ran, compiled: Compiled): boolean {
  const failed = ran[RunField.pid] === 0 && ran[RunField.error] === -EACCES
  return failed && ran[RunField.failed] === templateIndex(compiled)
}

function outputsOf(settings: RunSettings, { pipes }: Compiled, ran: Ran): Outputs {
  const outputs = new Outputs(settings)
  const ends = ran[RunField.ends]
  pipes.forEach(({ index, input }, at) => {
    if (input) return
    const [truncated, error = 0] = ends.slice(2 * at, 2 * at + 2)
    outputs.output(index, ran[RunField.outputs + at] as Buffer, truncated === 1, -error)
  })
  return outputs
}
