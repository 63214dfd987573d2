/** The options of every call, as a caller writes them. */
import type { Blob } from 'node:buffer'
import type { FileHandle } from 'node:fs/promises'
import type { Stream } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import type { BackendOption } from '../backend/backends.js'
import type { TemplateLike } from '../executable/template-like.js'
import type { RlimitName } from '../model/rlimits.js'

/** A file opened in the child, relative to its working directory. */
export interface StdioFile {
  /** The file's path. */
  path: string
  /**
   * As in fs.open(): 'r', 'w', 'a', … or O_* flags. Default: 'r' for descriptor 0,
   * 'w' for others.
   */
  flags?: string | number
  /** Permissions of a file that is created, before the umask; default 0o666. */
  mode?: number
}

/** A pipe, and what the child does with it. */
export interface StdioPipe {
  /** The child reads from it, writes to it, or both: then it is a stream socket. */
  pipe: 'in' | 'out' | 'both'
}

/**
 * What one descriptor of the child is: a pipe ('pipe', null, undefined),
 * /dev/null ('ignore'), the caller's descriptor of that number ('inherit'), the
 * caller's descriptor given as a number or by its stream, or a file. Above 2,
 * 'ignore', null and undefined leave the descriptor closed.
 */
export type StdioEntry =
  | 'pipe'
  | 'ignore'
  | 'inherit'
  | number
  | Stream
  | StdioFile
  | StdioPipe
  | null
  | undefined

/** One entry for each descriptor, from 0, or one word for the first three. */
export type StdioOption = 'pipe' | 'ignore' | 'inherit' | readonly StdioEntry[]

/** Both limits as one number, or soft and hard; Infinity means unlimited. */
export type Rlimit =
  | number
  | {
      /** What is enforced. */
      soft: number
      /** How far the process may raise the soft limit. */
      hard: number
    }

/**
 * Options of every call. Only own enumerable properties count. Each is read
 * once, when you call: changes you make afterwards, also to nested arrays and
 * objects, affect later calls only.
 */
export interface SpawnOptions {
  /** Working directory: a path, a file URL, or the descriptor of an open directory. Default: the caller's. */
  cwd?: string | URL | number
  /**
   * The whole environment; default process.env. Names with the value undefined
   * are left out; inherited names are passed on, as node:child_process does.
   */
  env?: Readonly<Record<string, string | undefined>>
  /** What the program sees as its own name (argv[0]); default: `file`. */
  argv0?: string
  /** What each of the child's descriptors is. Default: three pipes; for run() without `input`, /dev/null and two pipes. */
  stdio?: StdioOption
  /** Milliseconds until the child gets `killSignal`; default: no limit. */
  timeout?: number
  /** What `timeout`, `signal` and `overflow: 'kill'` send; default 'SIGTERM'. */
  killSignal?: NodeJS.Signals | number
  /** Milliseconds after `killSignal` until SIGKILL; false: never. Default 5000. */
  killGrace?: number | false
  /**
   * What `timeout`, `signal`, `overflow: 'kill'`, kill() and `await using` signal: the child,
   * or everything in the process group that it leads, and then gets; default 'child'.
   */
  killTarget?: 'child' | 'group'
  /** An AbortSignal; when it aborts, the child gets `killSignal`. */
  signal?: AbortSignal
  /**
   * What becomes of the child when this process ends, or the worker thread that has
   * started it, however that happens: it gets SIGKILL, or runs on; default 'leave'.
   */
  onParentExit?: 'kill' | 'leave'
  /** Start a session of its own (setsid(2)); default false. */
  detached?: boolean
  /** Process group to join; 0 makes a new one. Default: the caller's. */
  processGroup?: number
  /** User to run as; default: the caller's. */
  uid?: number
  /** Group to run as; default: the caller's. */
  gid?: number
  /** Supplementary groups; default: the caller's, but none if root sets `uid` or `gid`. */
  groups?: readonly number[]
  /**
   * Whether no exec in the child can gain privileges (PR_SET_NO_NEW_PRIVS), as from a
   * set-user-ID bit; default: as for the caller.
   */
  noNewPrivs?: boolean
  /** File mode mask, 0 to 0o777; default: the caller's. */
  umask?: number
  /** Scheduling priority, -20 (first served) to 19; default: the caller's. */
  nice?: number
  /** Resource limits; default: the caller's. */
  rlimits?: Readonly<Partial<Record<RlimitName, Rlimit>>>
  /** cgroup v2 directory to start in, as a path or a descriptor; default: the caller's cgroup. */
  cgroup?: string | number
  /**
   * Whether the child gets every descriptor that is not close-on-exec; default
   * false: only those in `stdio`.
   */
  inheritFds?: boolean
  /** Run `file` and `args`, joined by spaces, as a command line of /bin/sh or of the named shell; default false. */
  shell?: boolean | string
  /** An executable from template(); `file` is then only argv[0]. */
  template?: TemplateLike
  /** How the process is made; default 'auto', the best backend that works. */
  backend?: BackendOption
}

/** How many bytes to keep; Infinity is allowed. */
export interface MaxBuffer {
  /** Of stdout; default 100 MiB. */
  stdout?: number
  /** Of stderr; default 100 MiB. */
  stderr?: number
  /** With the option `all`, of both together; default 100 MiB. */
  all?: number
}

/** Bytes, or text in UTF-8. */
export type InputChunk = string | NodeJS.ArrayBufferView | ArrayBuffer | SharedArrayBuffer

/** What run() writes to a program, or has it read. */
export type Input =
  | InputChunk
  | Blob
  | NodeJS.ReadableStream
  | ReadableStream
  | Iterable<InputChunk>
  | AsyncIterable<InputChunk>
  | URL
  | { path: string }
  | FileHandle
  | true

/** The options of run(). */
export interface RunOptions extends SpawnOptions {
  /**
   * Written to the child's stdin, which is then closed. A stream, an iterable or a Blob is
   * read as fast as the program reads it; { path }, a file URL and a FileHandle become its
   * stdin themselves. With true, you write to `stdin` of what run() returns. Buffers of 64 KiB or more are not copied,
   * unless they are shared or can be resized: do not change or transfer them before the call has
   * ended.
   */
  input?: Input
  /** Encoding of stdout and stderr; 'buffer' gives Buffers. Default 'utf8'. */
  encoding?: BufferEncoding | 'buffer'
  /** How many bytes of each output to keep, or of which; default 100 MiB. */
  maxBuffer?: number | MaxBuffer
  /**
   * Which part of a longer output to keep: its head, its tail, or half of `maxBuffer` of
   * each; default 'head'.
   */
  keep?: 'head' | 'tail' | 'both'
  /**
   * Collect both outputs in one, as the program writes them: the result's `all`. Its
   * descriptors 1 and 2 are then the same pipe.
   */
  all?: boolean
  /**
   * Called with what the program writes to stdout, as it comes. If it returns a promise,
   * there is no more before that has resolved, and the program waits. What it throws, or
   * rejects with, ends the program and the call. Do not change the bytes.
   */
  onStdout?: (bytes: Buffer) => unknown
  /** The same for stderr. */
  onStderr?: (bytes: Buffer) => unknown
  /** The same for each line of both, without its LF; a line of more than 1 MiB comes in pieces. */
  onLine?: (line: string, from: 'stdout' | 'stderr' | 'all') => unknown
  /** What happens beyond `maxBuffer`: drop the rest, or also send `killSignal`; default 'truncate'. */
  overflow?: 'truncate' | 'kill'
  /**
   * When the result comes: with the exit, with what has been written until then, or once
   * all of the output has ended, too, which a grandchild may hold open; default 'close'.
   */
  settle?: 'exit' | 'close'
  /** Milliseconds after the exit to wait for the end of the output; default: no limit. */
  drainGrace?: number
  /** Reject with a RunError unless the program exits with 0; default false. */
  check?: boolean
}

/** One command: its words, or an object with options, which go before the batch's. */
export type BatchCommand =
  | readonly [file: string, ...args: string[]]
  | (Omit<RunOptions, 'encoding'> & {
      /** A name to search for in PATH, or a path. */
      file: string
      /** The arguments after argv[0]. */
      args?: readonly string[]
      /** How often to run it again if it fails; default: the batch's. */
      retries?: number
    })

/** The progress of a batch. */
export interface BatchProgress {
  /** How many commands there are, if known. */
  total: number | undefined
  /** How many run now. */
  running: number
  /** How many have ended, successfully or not. */
  done: number
  /** How many of those did not start, were killed, timed out or exited with other than 0. */
  failed: number
  /** Milliseconds since the batch began. */
  elapsed: number
  /**
   * Milliseconds until its end, if the rest goes on as fast as what is done; undefined
   * if `total` is.
   */
  remaining: number | undefined
}

/** The options of batch(): run()'s for each command, except that `signal` ends the whole batch. */
export interface BatchOptions extends Omit<RunOptions, 'input'> {
  /** How many commands run at once, 1 to 65536; default: one per processor. */
  concurrency?: number
  /** After the first failure, start no more commands, end the running ones and throw a BatchError; default false. */
  bail?: boolean
  /**
   * How often to run a command again that did not start, was killed, timed out or exited
   * with other than 0; default 0. An invalid command is not, nor one that a signal aborted.
   */
  retries?: number
  /** How many commands a generator will yield, for the progress; that of an array is known. */
  total?: number
  /** Called after each command. */
  onProgress?: (progress: BatchProgress) => void
}
