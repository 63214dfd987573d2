import type { Stream } from 'node:stream'
import type { BackendName } from '../backend/backend.js'
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

/** What every call takes. */
export interface SpawnOptions {
  /** Working directory: path, file URL, or an open directory's descriptor. */
  cwd?: string | URL | number
  /** The whole environment; default process.env. Undefined values are left out. */
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
  input?: string | Uint8Array
  /** Of stdout and stderr; 'buffer' leaves bytes. Default 'utf8'. */
  encoding?: BufferEncoding | 'buffer'
  /** Bytes of each of stdout and stderr to keep; default 100 MiB. */
  maxBuffer?: number
  /** What happens beyond maxBuffer: the rest is dropped, or the child killed. */
  overflow?: 'truncate' | 'kill'
  /** Reject when the child does not exit with 0. */
  check?: boolean
}
