/**
 * Every way to start a process and go on ends in ChildProcess.spawn(): spawn(), exec(),
 * execFile(), fork(), their promises, cluster. spawnSync(), execSync() and execFileSync()
 * end in a native function. These two are replaced; Node's own JavaScript keeps
 * checking options, and makes streams, channels and errors. The function spawn() is
 * replaced as well, but only to spare it some work.
 */
import childProcess, { ChildProcess } from 'node:child_process'
import { channel } from 'node:diagnostics_channel'
import { syncBuiltinESMExports } from 'node:module'
import { nameOfKind } from '../backend/backends.js'
import { selectBackend } from '../backend/select.js'
import { loadBinding } from '../binding/load.js'
import { getCore } from '../core/core.js'
import { currentEnv } from '../core/process-env.js'
import { now } from '../core/runtime.js'
import { launches, Told } from '../process/told.js'
import { ChildHandle, type NativeHandle } from './handle.js'
import { giveInheritedEnv, withInheritedEnv } from './inherited.js'
import { type Launcher, reasonOf, type SpawnOptions, whyNode } from './start.js'
import { runSync, type SyncOptions, type SyncResult, whyNodeSync } from './sync.js'

interface Spawnable {
  spawn(options: unknown): number
}

interface Internals {
  _handle: NativeHandle | ChildHandle | null
}

/** Node's native functions for synchronous calls. */
interface SyncBinding {
  spawn(options: unknown): SyncResult
}

const prototype = ChildProcess.prototype as unknown as Spawnable
const original = prototype.spawn

/** Whether everything in the program starts through uring-spawn. */
let everywhere = false
/** How many calls of uring-spawn/child_process are running. */
let calls = 0
/** Made by uring-spawn/child_process, for a later spawn(). */
const marked = new WeakSet<object>()

let launcher: Launcher | undefined
/** Node has to start everything. */
let useless = false
let warned = false

/** Once, as the next start may well fail in the same way. */
function cannot(error: unknown): void {
  if (warned) return
  warned = true
  const { message } = error as Error
  process.emitWarning(`uring-spawn cannot start a program, so Node does: ${message}`, {
    code: 'URING_SPAWN_FALLBACK',
  })
}

function makeLauncher(): Launcher {
  const core = getCore()
  const { kind } = selectBackend(core.info, undefined)
  const inheritFds = currentEnv().URING_SPAWN_STRICT_FDS !== '1'
  return { core, kind, inheritFds, cannot }
}

/**
 * Threads and a ring are only made for a program that starts others. Without
 * descriptors or memory for them, the next start tries again.
 */
function getLauncher(): Launcher | undefined {
  if (launcher || useless) return launcher
  try {
    launcher = makeLauncher()
  } catch (error) {
    useless = (error as NodeJS.ErrnoException).errno === undefined
    cannot(error)
  }
  return launcher
}

/** Subscribers get what Node publishes. */
const traces = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((event) =>
  channel(`tracing:child_process.spawn:${event}`),
)

/** Of an asynchronous start, besides its options. */
function whyNodeNow(options: unknown): string | undefined {
  const reason = whyNode(options)
  if (reason !== undefined || !traces.some((trace) => trace.hasSubscribers)) return reason
  return 'the tracing channel child_process.spawn'
}

function spawn(this: Spawnable & Internals, options: unknown): number {
  giveInheritedEnv(options)
  const native = this._handle
  const wanted = everywhere || calls > 0 || marked.has(this)
  if (!wanted || !native) return original.call(this, options)
  const reason = whyNodeNow(options)
  const launcher = reason === undefined ? getLauncher() : undefined
  const told = launches.hasSubscribers ? follow(this, options, launcher) : undefined
  if (!launcher) return delegate(told, reason, () => original.call(this, options))
  return launch.call(this, launcher, native as NativeHandle, options as SpawnOptions, told)
}

/** Whether what spawn() starts now comes to our method, unchanged, and is ours. */
function spawnsHere(): boolean {
  const wanted = everywhere || calls > 0
  return wanted && prototype.spawn === spawn && !traces.some((trace) => trace.hasSubscribers)
}

type Call = (...args: unknown[]) => unknown

const originalCall = childProcess.spawn as unknown as Call

/** The arguments for Node's function spawn(), which then finds the environment at hand. */
const prepare = (given: unknown[]): unknown[] => (spawnsHere() ? withInheritedEnv(given) : given)

const spawnCall: Call = function (this: unknown, ...given) {
  return originalCall.apply(this, prepare(given))
}
for (const name of ['name', 'length'] as const)
  Object.defineProperty(spawnCall, name, { value: originalCall[name], configurable: true })

/** Puts `call` in the place of `other`, unless a program has put something else there. */
function replaceCall(other: Call, call: Call): void {
  const exported = childProcess as unknown as { spawn: Call }
  if (exported.spawn !== other) return
  exported.spawn = call
  syncBuiltinESMExports()
}

/** Has Node start it by `theirs`, and tells why. */
function delegate<T>(told: Told | undefined, reason: string | undefined, theirs: () => T): T {
  try {
    return theirs()
  } finally {
    if (told) {
      told.reason = reason ?? 'uring-spawn does not work here'
      told.called()
    }
  }
}

/** A start that somebody follows: its call begins now. `child`: unless it is synchronous. */
function follow(child: unknown, options: unknown, launcher: Launcher | undefined): Told {
  const { file, args } = (options ?? {}) as Partial<SpawnOptions>
  const rest = Array.isArray(args) ? args.slice(1) : []
  const about = { file: String(file), args: rest, child: child as ChildProcess | undefined }
  const told = new Told(about, now())
  told.backend = nameOfKind(launcher?.kind)
  return told
}

function launch(
  this: Spawnable & Internals,
  launcher: Launcher,
  native: NativeHandle,
  options: SpawnOptions,
  told: Told | undefined,
): number {
  const child = this as unknown as ChildProcess
  const handle = new ChildHandle(launcher, child, native, options, told)
  this._handle = handle
  let ret: number
  try {
    ret = original.call(this, options)
  } catch (error) {
    // Bad options: nothing has been started, and another spawn() may be called.
    if (this._handle === handle && !handle.startsLater) {
      this._handle = native
      handle.close()
    }
    throw error
  } finally {
    if (told?.asked) told.called()
  }
  if (!handle.startsLater) return ret
  handle.deferPid()
  return 0
}

/** The native function of synchronous calls, once ours has been in its place. */
let originalSync: SyncBinding['spawn'] | undefined

function spawnSync(this: SyncBinding, options: unknown): SyncResult {
  const theirs = () => (originalSync as SyncBinding['spawn']).call(this, options)
  if (!everywhere && calls === 0) return theirs()
  let reason = whyNodeSync(options)
  const launcher = reason === undefined ? getLauncher() : undefined
  const told = launches.hasSubscribers ? follow(undefined, options, launcher) : undefined
  if (launcher) {
    try {
      return runSync(launcher, options as SyncOptions, told)
    } catch (error) {
      cannot(error)
      reason = reasonOf(error)
    }
  }
  return delegate(told, reason, theirs)
}

/**
 * Nothing else leads to that function for all who have imported spawnSync() already.
 * Its name is an old one that Node keeps for such programs, and warns of if it is asked
 * to; undefined if a Node no longer has it.
 */
function findSyncBinding(): SyncBinding | undefined {
  const before = Object.getOwnPropertyDescriptor(process, 'noDeprecation')
  try {
    Object.assign(process, { noDeprecation: true })
    const { binding } = process as unknown as { binding(name: string): SyncBinding }
    const found = binding('spawn_sync')
    return typeof found.spawn === 'function' ? found : undefined
  } catch {
    return undefined
  } finally {
    if (before) Object.defineProperty(process, 'noDeprecation', before)
    else Reflect.deleteProperty(process, 'noDeprecation')
  }
}

let syncBinding: SyncBinding | undefined
let syncPatched = false

function patchSync(): void {
  syncBinding ??= findSyncBinding()
  if (!syncBinding || syncPatched) return
  originalSync = syncBinding.spawn
  syncBinding.spawn = spawnSync
  syncPatched = true
}

/** Ours stays, and hands everything on, if a program has wrapped it. */
function unpatchSync(): void {
  if (syncBinding?.spawn !== spawnSync) return
  syncBinding.spawn = originalSync as SyncBinding['spawn']
  syncPatched = false
}

/** Whether this is a Node that lets us start processes. */
const usable =
  process.platform === 'linux' &&
  process.versions.bun === undefined &&
  !('Deno' in globalThis) &&
  (process as { permission?: unknown }).permission === undefined

let patched = false

function patch(): void {
  if (patched || !usable || currentEnv().URING_SPAWN_DISABLE === '1') return
  try {
    // Now, while there are descriptors to load it with.
    loadBinding()
  } catch (error) {
    cannot(error)
    return
  }
  patched = true
  Object.defineProperty(prototype, 'spawn', {
    value: spawn,
    configurable: true,
    enumerable: true,
    writable: true,
  })
  patchSync()
}

function beginEverywhere(): void {
  patch()
  everywhere = true
  if (patched) replaceCall(originalCall, spawnCall)
}

function endEverywhere(): void {
  everywhere = false
  replaceCall(spawnCall, originalCall)
  if (!patched || calls > 0 || prototype.spawn !== spawn || marking) return
  prototype.spawn = original
  unpatchSync()
  patched = false
}

/** Whether uring-spawn/child_process has been loaded, which needs the method. */
let marking = false

/** What a copy of the library can do here. */
interface DropIn {
  register(): void
  unregister(): void
  started<T>(start: () => T): T
  /** Not in every copy. */
  prepare?(given: unknown[]): unknown[]
  mark(child: object): void
  beginMarking(): void
}

const ours: DropIn = {
  register: beginEverywhere,
  unregister: endEverywhere,
  started(start) {
    calls++
    try {
      return start()
    } finally {
      calls--
    }
  },
  prepare,
  mark: (child) => void marked.add(child),
  beginMarking() {
    patch()
    marking = true
  },
}

/**
 * One copy of the library does it for all of a thread. With `--import` and `--require`
 * each of two would take the other's method for Node's, and make a handle around the
 * other's handle.
 */
const shared = Symbol.for('uring-spawn.drop-in.1')
const holder = ChildProcess as unknown as { [shared]?: DropIn }
if (holder[shared] === undefined) Object.defineProperty(holder, shared, { value: ours })
const dropIn = holder[shared] as DropIn

/**
 * From now on node:child_process starts programs through uring-spawn, for all of this
 * thread. What it cannot start so, Node starts: see docs/drop-in.md.
 */
export function register(): void {
  dropIn.register()
}

/** Ends what register() began. Children that are running are not affected. */
export function unregister(): void {
  dropIn.unregister()
}

/** Calls `start`; what it starts is started through uring-spawn. */
export function started<T>(start: () => T): T {
  return dropIn.started(start)
}

/** Calls Node's function `spawn`; what it starts is started through uring-spawn. */
export function spawned<T>(spawn: (...args: never[]) => T, self: unknown, given: unknown[]): T {
  return dropIn.started(() => spawn.apply(self, (dropIn.prepare?.(given) ?? given) as never[]))
}

/** `child.spawn()` will start through uring-spawn. */
export function mark(child: object): void {
  dropIn.mark(child)
}

/** Lets started() and mark() work. */
export function beginMarking(): void {
  dropIn.beginMarking()
}
