import type { Stream } from 'node:stream'
import type { BackendName } from '../backend/backend.js'
import type { BatchProgress } from '../batch/types.js'
import type { Environ } from '../chain/environ.js'
import type { StdioPlan } from './stdio.js'
import type { TemplateLike } from './template.js'

/** A file opened in the child, relative to its working directory. */
export interface StdioFile {
  path: string
  /** As fs.open takes them: 'r', 'w', 'a', … or O_* flags. Default 'r' for stdin, else 'w'. */
  flags?: string | number
  /** Of a file that is created; default 0o666, less the umask. */
  mode?: number
}

export type StdioEntry =
  | 'pipe'
  | 'ignore'
  | 'inherit'
  | number
  | Stream
  | StdioFile
  | null
  | undefined

/** One entry per descriptor, from 0; or one word for the first three. */
export type StdioOption = 'pipe' | 'ignore' | 'inherit' | readonly StdioEntry[]

export type RlimitName =
  | 'cpu'
  | 'fsize'
  | 'data'
  | 'stack'
  | 'core'
  | 'rss'
  | 'nproc'
  | 'nofile'
  | 'memlock'
  | 'as'
  | 'locks'
  | 'sigpending'
  | 'msgqueue'
  | 'nice'
  | 'rtprio'
  | 'rttime'

/** Both limits, or soft and hard; Infinity is none. */
export type Rlimit = number | { soft: number; hard: number }

/**
 * What every call takes: own enumerable properties only, each read once, at the
 * call. What is changed afterwards, arrays and objects within included, is for
 * later calls.
 */
export interface SpawnOptions {
  /** Working directory: path, file URL, or an open directory's descriptor. */
  cwd?: string | URL | number
  /**
   * The whole environment; default process.env. Undefined values are left out;
   * inherited names are passed on, as by node:child_process.
   */
  env?: Readonly<Record<string, string | undefined>>
  /** What the program sees as its own name. */
  argv0?: string
  stdio?: StdioOption
  /** Milliseconds until the child gets `killSignal`. */
  timeout?: number
  /** Default 'SIGTERM'. */
  killSignal?: NodeJS.Signals | number
  /** Milliseconds after `killSignal` until SIGKILL; default: never. */
  killGrace?: number
  /** Ends the child as `timeout` does. */
  signal?: AbortSignal
  /** A session of its own (setsid). */
  detached?: boolean
  /** Process group to join; 0 is one of its own. */
  processGroup?: number
  uid?: number
  gid?: number
  /** Supplementary groups; none where root sets uid or gid. */
  groups?: readonly number[]
  umask?: number
  /** -20 to 19. */
  nice?: number
  rlimits?: Readonly<Partial<Record<RlimitName, Rlimit>>>
  /** cgroup v2 directory to start in: path or descriptor. */
  cgroup?: string | number
  /** The child gets all descriptors that are not close-on-exec; default false. */
  inheritFds?: boolean
  /** Run `file` and `args` as a line of /bin/sh, or of the shell named. */
  shell?: boolean | string
  /** An executable from template(); `file` is then only its name, argv[0]. */
  template?: TemplateLike
  backend?: BackendName | 'auto'
}

export interface RunOptions extends SpawnOptions {
  /** Written to the child's stdin, which is then closed. */
  input?: string | NodeJS.ArrayBufferView | ArrayBuffer | SharedArrayBuffer
  /** Of stdout and stderr; 'buffer' leaves bytes. Default 'utf8'. */
  encoding?: BufferEncoding | 'buffer'
  /** Bytes of each of stdout and stderr to keep; default 100 MiB. */
  maxBuffer?: number
  /** What happens beyond maxBuffer: the rest is dropped, or the child killed. */
  overflow?: 'truncate' | 'kill'
  /** Reject when the child does not exit with 0. */
  check?: boolean
}

export interface Limit {
  readonly soft: number
  readonly hard: number
}

/** A call of spawn() as it was: what has been read of its options, and checked. */
export interface Settings {
  readonly file: string
  readonly args: readonly string[]
  /** A path, or a directory's descriptor. */
  readonly cwd: string | number | undefined
  /** The child's environment, the program's own where the call has none. */
  readonly env: Environ
  readonly argv0: string | undefined
  /** The call's default where it has none. */
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
  /** Where the child starts, as Binding.place() gives it; 0: where the process is at its launch. */
  readonly place: number
}

/** A call of run(). */
export interface RunSettings extends Settings {
  /** The caller's memory, which a change of it still reaches. */
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
  /** Of the whole batch. */
  readonly signal: AbortSignal | undefined
  /** For each command; where it has no `env`, each gets the program's own as it is then. */
  readonly run: Omit<RunSettings, 'env' | 'stdio'> & {
    readonly env: Environ | undefined
    readonly stdio: readonly StdioPlan[] | undefined
  }
}

/** A call of template(). */
export interface TemplateSettings {
  readonly onStale: 'recreate' | 'error' | undefined
}
