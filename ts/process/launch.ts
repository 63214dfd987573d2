/** One process from options to its exit: what spawn() and run() share. */

import { type BackendName, backendOf } from '../backend/backends.js'
import { loadBinding } from '../binding/load.js'
import { type Compiled, compileChecked, templateIndex } from '../chain/compile.js'
import type { ParentPipe } from '../chain/descriptors.js'
import { spawnError } from '../chain/failure.js'
import { type Outcome, type Pipes, Ring, type Submission } from '../chain/ring.js'
import { now } from '../core/runtime.js'
import type { KernelTemplate } from '../executable/executable.js'
import { templateGoesOn } from '../executable/template-like.js'
import { EACCES, ESRCH } from '../model/errno.js'
import type { Exit } from '../model/exit.js'
import { SIGKILL } from '../model/signals.js'
import { SpawnError } from '../model/spawn-error.js'
import { NEW_CGROUP, type Settings } from '../options/settings.js'
import { isCollected } from '../options/stdio.js'
import { OwnCgroup } from './cgroup.js'
import { HeldGroup } from './group.js'
import { endWithParent } from './parent-exit.js'
import { Snapshot } from './snapshot.js'
import { stopReading } from './stream.js'
import { Terminal } from './terminal.js'
import { launches, Told } from './told.js'
import { Watch } from './watcher.js'

/** For Submission.more(): an output that there is not. */
const NO_OUTPUT = 0xffffffff

export interface Started {
  pid: number
  pidfd: number
  /** Our ends of the child's pipes, except those that are collected. */
  pipes: readonly ParentPipe[]
}

/** How native code reads and writes the pipes; without it the caller gets them. */
export interface Collection {
  /** How many bytes to keep of the output with this descriptor. */
  max(index: number): number
  input: Uint8Array | undefined
  /** The caller writes the input: then our end of descriptor 0 is one of `Started.pipes`. */
  feeds: boolean
  /** Only the output with this descriptor; the caller gets the other pipes. */
  only?: number
  output(index: number, bytes: Buffer, truncated: boolean, errno: number): void
  overflow(index: number): void
  /** Some of an output, as Launch.more() has asked for. */
  chunk(index: number, bytes: Buffer): void
}

export interface LaunchParameters {
  settings: Settings
  /** Where the child starts, from Binding.place(); 0: where the process is now. */
  place: number
  collection: Collection | undefined
  /** When the call began, by the clock of now(). */
  begin: number
}

function pipesFor(pipes: readonly ParentPipe[], collection: Collection | undefined): Pipes {
  const collects = ({ index, input, both }: ParentPipe): boolean => {
    if (!collection || (collection.only ?? index) !== index) return false
    return !input || (index === 0 && !both && !collection.feeds)
  }
  const requests = pipes.map((pipe) => ({
    input: pipe.input,
    both: pipe.both ?? false,
    given: pipe.terminal ? pipe.fd : undefined,
    collect: collects(pipe),
    max: pipe.input ? 0 : (collection?.max(pipe.index) ?? 0),
  }))
  if (!collection) {
    const none = undefined
    return { pipes: requests, input: none, output: none, overflow: none, chunk: none }
  }
  const outputs = pipes.filter((pipe) => !pipe.input && collects(pipe))
  const indexOf = (which: number) => outputs[which]?.index ?? -1
  return {
    pipes: requests,
    input: collection.input,
    output: (which, bytes, truncated, errno) =>
      collection.output(indexOf(which), bytes, truncated, errno),
    overflow: (which) => collection.overflow(indexOf(which)),
    chunk: (which, bytes) => collection.chunk(indexOf(which), bytes),
  }
}

/** If no thread can be made to launch it, no process can be made either. */
export function noThread(error: unknown, { file, args }: Compiled): unknown {
  const { code, errno } = error as NodeJS.ErrnoException
  if (errno === undefined || (code !== 'EAGAIN' && code !== 'ENOMEM')) return error
  return new SpawnError({ errno: Math.abs(errno), step: 'clone', syscall: 'clone3', file, args })
}

export class Launch {
  readonly file: string
  readonly args: readonly string[]
  /** Resolves once the exec has happened. Rejects with a SpawnError. */
  readonly started: Promise<Started>
  /** Whether it was started from a kernel template; known once it has started. */
  fromTemplate = false
  /** Its pid; 0 until it is known. */
  pid = 0
  readonly #ring: Ring
  /** For a child whose group or cgroup is not to outlive this process. */
  readonly #watch: Watch | undefined
  /** With `cgroup: 'new'`: resolves once nothing of the child's cgroup is left. */
  gone: Promise<void> | undefined
  readonly #parameters: LaunchParameters
  #cgroup: OwnCgroup | undefined
  /** For a start from a template that may have to be retried. */
  readonly #snapshot: Snapshot<Settings> | undefined
  #submission!: Submission
  /**
   * A signal that came when the first try had failed and its outcome was not known
   * here. If there is a second try, it gets the signal: it would be lost otherwise.
   */
  #missed: number | undefined
  /** The descriptors of outputs that come in chunks, for a second try. */
  #chunked: Set<number> | undefined
  #hurries = false
  /** With `stdio: 'pty'`, until the process ends. */
  terminal: Terminal | undefined

  /** Queues the launch. Throws before anything is created. */
  constructor(asked: LaunchParameters) {
    const begin = launches.hasSubscribers ? now() : undefined
    this.#ring = Ring.for(asked.settings.backend, asked.settings.env)
    const parameters = asked.settings.cgroup === NEW_CGROUP ? this.#withCgroup(asked) : asked
    const { settings } = parameters
    this.#parameters = parameters
    const ends = settings.onParentExit === 'kill' && (this.#ofGroup || this.#cgroup !== undefined)
    try {
      if (ends) this.#watch = new Watch(settings, this.#cgroup?.path)
      if (this.#mayBeRetried(settings)) this.#snapshot = new Snapshot(settings, parameters.place)
      const compiled = this.#launch(this.#ring.templates)
      this.file = compiled.file
      this.args = compiled.args
      const started = this.#submission.outcome.then((outcome) => this.#started(outcome, compiled))
      const snapshot = this.#snapshot
      this.started = snapshot ? started.finally(() => snapshot.release()) : started
    } catch (error) {
      this.#snapshot?.release()
      this.#cgroup?.end()
      this.#watch?.release()
      throw error
    }
    if (this.#cgroup) this.gone = this.#endCgroup(this.#cgroup)
    if (this.#watch) this.#endWithParent(this.#watch)
    if (this.terminal) this.#closeTerminal()
    if (begin !== undefined) this.#tell(begin)
  }

  #mayBeRetried({ template }: Settings): boolean {
    return this.#ring.templates && template !== undefined && !template[templateGoesOn]
  }

  #withCgroup(asked: LaunchParameters): LaunchParameters {
    const { settings } = asked
    this.#cgroup = OwnCgroup.make(settings)
    return { ...asked, settings: Object.freeze({ ...settings, cgroup: this.#cgroup.path }) }
  }

  async #endCgroup(cgroup: OwnCgroup): Promise<void> {
    try {
      await this.started
      await this.exited
    } catch {
      // It has not started.
    }
    await cgroup.end()
  }

  #closeTerminal(): void {
    const close = () => this.terminal?.close()
    this.started.then(() => this.exited.then(close), close)
  }

  #endWithParent(watch: Watch): void {
    const forget = endWithParent({
      kill: () => {
        this.signal(SIGKILL)
        this.#cgroup?.kill()
      },
    })
    const over = () => {
      forget()
      if (this.gone) this.gone.then(() => watch.release())
      else watch.release()
    }
    this.started.then(() => this.exited.then(over), over)
  }

  #tell(begin: number): void {
    const told = new Told({ file: this.file, args: this.args }, begin)
    told.backend = this.backend
    told.called()
    this.started.then(
      ({ pid }) => {
        told.backend = this.backend
        told.started(pid)
        this.exited.then((exit) => told.ended(exit))
      },
      ({ errno, step }: SpawnError) => told.failed(-errno, step),
    )
  }

  /** The requested backend; once it has started, the one that made it. */
  get backend(): BackendName {
    return this.#submission.backend
  }

  /** How it ended, if it has started. Always settles. */
  get exited(): Promise<Exit> {
    return this.#submission.exited
  }

  #launch(inKernel: boolean): Compiled {
    const { collection, begin } = this.#parameters
    const { settings, place } = this.#snapshot ?? this.#parameters
    const compiled = compileChecked({ settings, deferPipes: true, inKernel })
    const terminal = compiled.pipes.find((pipe) => pipe.terminal)
    try {
      if (terminal) this.#openTerminal(terminal.fd)
      this.#submission = this.#ring.launch(compiled, pipesFor(compiled.pipes, collection), {
        place,
        begin,
        watching: this.#watch ? 'doomed' : undefined,
      })
    } catch (error) {
      this.terminal?.close()
      compiled.close()
      throw noThread(error, compiled)
    }
    // It is the core's now.
    if (terminal) terminal.fd = -1
    if (this.#hurries) this.#submission.more(NO_OUTPUT)
    for (const index of this.#chunked ?? []) this.more(index)
    for (const plan of settings.stdio) {
      if (plan.kind === 'fd' && plan.stream) stopReading(plan.stream)
    }
    return compiled
  }

  /** Another descriptor of our side: the core reads from the first one, and closes it. */
  #openTerminal(fd: number): void {
    const copy = loadBinding().dupAbove(fd, 3)
    if (copy < 0) {
      const { file, args } = this.#parameters.settings
      throw new SpawnError({ errno: -copy, step: 'stdio[1]', syscall: 'fcntl', file, args })
    }
    this.terminal?.close()
    this.terminal = new Terminal(copy)
  }

  /**
   * Retries without the kernel template, which may be for other credentials. If the
   * retry fails as well, the template was not to blame.
   */
  async #again(template: KernelTemplate): Promise<Started> {
    const compiled = this.#launch(false)
    if (this.#missed !== undefined) this.#submission.signal(this.#missed)
    const outcome = await this.#submission.outcome
    if (outcome.started) template.failed(EACCES)
    return this.#started(outcome, compiled)
  }

  #started(outcome: Outcome, compiled: Compiled): Started | Promise<Started> {
    const { file, args } = this
    const { chain, pipes, source } = compiled
    const at = templateIndex(compiled)
    if (outcome.started) {
      const errno = -(outcome.results?.[at] ?? 0)
      if (errno !== 0) source?.template?.failed(errno)
      const { templates, makesTemplates } = backendOf(this.backend)
      this.fromTemplate = makesTemplates || (templates && at >= 0 && errno === 0)
      const { pid, pidfd, fds } = outcome
      this.pid = pid
      const open: ParentPipe[] = []
      pipes.forEach((pipe, at) => {
        const fd = fds[at] ?? -1
        if (fd >= 0) open.push({ ...pipe, fd })
      })
      return { pid, pidfd, pipes: open }
    }
    const { index, errno } = outcome
    if (index === 0 && this.#watch?.failure) throw this.#watch.failure
    if (source?.template && index === at && errno === EACCES) return this.#again(source.template)
    const pipe = pipes[index - chain.length]
    if (!pipe) throw spawnError(chain, index, errno, file, args, source?.name)
    throw new SpawnError({ errno, step: `stdio[${pipe.index}]`, syscall: 'pipe2', file, args })
  }

  /** Whether it has ended, or failed to start. */
  get ended(): boolean {
    return this.#submission.over
  }

  /**
   * Signals the process, or with `killTarget: 'group'` its group: 0 or -errno, -ESRCH if
   * it has ended.
   */
  signal(signal: number): number {
    const ret = this.#ofGroup
      ? this.#submission.signalWithGroup(signal)
      : this.#submission.signal(signal)
    if (ret === -ESRCH) this.#missed = signal
    return ret
  }

  /** Signals the process group of the process, whose pid is `pid`: 0 or -errno. */
  killGroup(pid: number, signal: number): number {
    return this.#submission.killGroup(pid, signal)
  }

  get #ofGroup(): boolean {
    return this.#parameters.settings.killTarget === 'group'
  }

  /** Its group, to be signalled after its end; undefined if it is too late or too early for that. */
  holdGroup(): HeldGroup | undefined {
    const pidfd = this.#submission.hold()
    return pidfd === undefined ? undefined : new HeldGroup(pidfd)
  }

  /** Asks for a chunk of the output with this descriptor; from then on none comes unasked. */
  more(index: number): void {
    this.#chunked ??= new Set()
    this.#chunked.add(index)
    const { settings, collection } = this.#parameters
    const outputs = settings.stdio.flatMap((plan, index) => (isCollected(plan) ? index : []))
    this.#submission.more(collection?.only === undefined ? outputs.indexOf(index) : 0)
  }

  /** Tells at once when it has started. */
  hurry(): void {
    this.#hurries = true
    this.#submission.more(NO_OUTPUT)
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
