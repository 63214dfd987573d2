/** The options of every call, read and checked. */
import type { TemplateLike } from '../executable/template-like.js'
import type { BackendName } from '../model/backend-name.js'
import type { EnvVars } from '../model/envvars.js'
import type { RlimitName } from '../model/rlimits.js'
import type { BatchProgress } from './options.js'
import type { StdioPlan } from './stdio.js'
/** A resource limit. */
export interface Limit {
  readonly soft: number
  readonly hard: number
}

/** A call of spawn(): its options, read and checked. */
export interface Settings {
  readonly file: string
  readonly args: readonly string[]
  /** A path, or a directory's descriptor. */
  readonly cwd: string | number | undefined
  /** The child's environment: the program's own if the call has none. */
  readonly env: EnvVars
  readonly argv0: string | undefined
  /** The default if the call has none. */
  readonly stdio: readonly StdioPlan[]
  readonly timeout: number | undefined
  readonly killSignal: number | undefined
  readonly killGrace: number | undefined
  readonly signal: AbortSignal | undefined
  readonly detached: boolean | undefined
  readonly processGroup: number | undefined
  readonly uid: number | undefined
  readonly gid: number | undefined
  readonly groups: readonly number[] | undefined
  readonly umask: number | undefined
  readonly nice: number | undefined
  readonly rlimits: Readonly<Partial<Record<RlimitName, Limit>>> | undefined
  readonly cgroup: string | number | undefined
  readonly inheritFds: boolean | undefined
  readonly shell: boolean | string | undefined
  readonly template: TemplateLike | undefined
  readonly backend: BackendName | 'auto' | undefined
  /** Where the child starts, from Binding.place(); 0: where the process is at the launch. */
  readonly place: number
}

/** A call of run(). */
export interface RunSettings extends Settings {
  /** The caller's memory, which the caller can still change. */
  readonly input: Uint8Array | undefined
  readonly encoding: BufferEncoding | 'buffer' | undefined
  readonly maxBuffer: number | undefined
  readonly overflow: 'truncate' | 'kill' | undefined
  readonly check: boolean | undefined
}

/** A call of batch(). */
export interface BatchSettings {
  readonly concurrency: number | undefined
  readonly bail: boolean | undefined
  readonly onProgress: ((progress: BatchProgress) => void) | undefined
  /** For the whole batch. */
  readonly signal: AbortSignal | undefined
  /** For each command. */
  readonly run: Omit<RunSettings, 'env' | 'stdio'> & {
    readonly env: EnvVars | undefined
    readonly stdio: readonly StdioPlan[] | undefined
  }
}

/** A call of template(). */
export interface TemplateSettings {
  readonly onStale: 'recreate' | 'error' | undefined
}
