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
  flags?: string | number | undefined
  /** Permissions of a file that is created, before the umask; default 0o666. */
  mode?: number | undefined
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

/** A pseudo-terminal of this size; 'pty' is one of 80 columns and 24 rows. */
export interface StdioPty {
  /** Its size. */
  pty: {
    /** Characters in a line. */
    columns: number
    /** Lines. */
    rows: number
  }
}

/** One entry for each descriptor, from 0, or one word, or a terminal, for the first three. */
export type StdioOption = 'pipe' | 'ignore' | 'inherit' | 'pty' | StdioPty | readonly StdioEntry[]

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
  cwd?: string | URL | number | undefined
  /**
   * The whole environment; default process.env. Names with the value undefined
   * are left out; inherited names are passed on, as node:child_process does.
   */
  env?: Readonly<Record<string, string | undefined>> | undefined
  /** What the program sees as its own name (argv[0]); default: `file`. */
  argv0?: string | undefined
  /** What each of the child's descriptors is. Default: three pipes; for run() without `input`, /dev/null and two pipes. */
  stdio?: StdioOption | undefined
  /** Milliseconds until the child gets `killSignal`; default: no limit. */
  timeout?: number | undefined
  /** What `timeout`, `signal` and `overflow: 'kill'` send; default 'SIGTERM'. */
  killSignal?: NodeJS.Signals | number | undefined
  /** Milliseconds after `killSignal` until SIGKILL; false: never. Default 5000. */
  killGrace?: number | false | undefined
  /**
   * What `timeout`, `signal`, `overflow: 'kill'`, kill() and `await using` signal: the child,
   * or everything in the process group that it leads, and then gets; default 'child'.
   */
  killTarget?: 'child' | 'group' | undefined
  /** An AbortSignal; when it aborts, the child gets `killSignal`. */
  signal?: AbortSignal | undefined
  /**
   * What becomes of the child when this process ends, or the worker thread that has
   * started it, however that happens: it gets SIGKILL, or runs on; default 'leave'.
   */
  onParentExit?: 'kill' | 'leave' | undefined
  /** Start a session of its own (setsid(2)); default false. */
  detached?: boolean | undefined
  /** Process group to join; 0 makes a new one. Default: the caller's. */
  processGroup?: number | undefined
  /** User to run as; default: the caller's. */
  uid?: number | undefined
  /** Group to run as; default: the caller's. */
  gid?: number | undefined
  /** Supplementary groups; default: the caller's, but none if root sets `uid` or `gid`. */
  groups?: readonly number[] | undefined
  /**
   * Whether no exec in the child can gain privileges (PR_SET_NO_NEW_PRIVS), as from a
   * set-user-ID bit; default: as for the caller.
   */
  noNewPrivs?: boolean | undefined
  /** File mode mask, 0 to 0o777; default: the caller's. */
  umask?: number | undefined
  /** Scheduling priority, -20 (first served) to 19; default: the caller's. */
  nice?: number | undefined
  /** Resource limits; default: the caller's. */
  rlimits?: Readonly<Partial<Record<RlimitName, Rlimit>>> | undefined
  /**
   * cgroup v2 directory to start in, as a path or a descriptor; default: the caller's cgroup.
   * With 'new' it gets one of its own, below the caller's. When the child has ended,
   * whatever else runs in that is killed, and the cgroup removed.
   */
  cgroup?: string | number | undefined
  /**
   * Whether the child gets every descriptor that is not close-on-exec; default
   * false: only those in `stdio`.
   */
  inheritFds?: boolean | undefined
  /** Run `file` and `args`, joined by spaces, as a command line of /bin/sh or of the named shell; default false. */
  shell?: boolean | string | undefined
  /** An executable from template(); `file` is then only argv[0]. */
  template?: TemplateLike | undefined
  /** How the process is made; default 'auto', the best backend that works. */
  backend?: BackendOption | undefined
}

/** How many bytes to keep; Infinity is allowed. */
export interface MaxBuffer {
  /** Of stdout; default 100 MiB. */
  stdout?: number | undefined
  /** Of stderr; default 100 MiB. */
  stderr?: number | undefined
  /** With the option `all`, of both together; default 100 MiB. */
  all?: number | undefined
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
  | {
      /** A file to open as stdin, as one of `stdio`. */
      path: string
    }
  | FileHandle
  | true

/** What output can be: text in one of Node's encodings, or bytes. */
export type OutputEncoding = BufferEncoding | 'buffer'

/**
 * The options of run(). A variable of this type is for text: write `RunOptions<'buffer'>` for
 * bytes, and `RunOptions<OutputEncoding>` for either.
 */
export interface RunOptions<E extends OutputEncoding = BufferEncoding> extends SpawnOptions {
  /**
   * Written to the child's stdin, which is then closed. A stream, an iterable or a Blob is
   * read as fast as the program reads it; { path }, a file URL and a FileHandle become its
   * stdin themselves. With true, you write to `stdin` of what run() returns. Buffers of 64 KiB or more are not copied,
   * unless they are shared or can be resized: do not change or transfer them before the call has
   * ended.
   */
  input?: Input | undefined
  /** Encoding of stdout and stderr; 'buffer' gives Buffers. Default 'utf8'. */
  encoding?: E | undefined
  /** How many bytes of each output to keep, or of which; default 100 MiB. */
  maxBuffer?: number | MaxBuffer | undefined
  /**
   * Which part of a longer output to keep: its head, its tail, or half of `maxBuffer` of
   * each; default 'head'.
   */
  keep?: 'head' | 'tail' | 'both' | undefined
  /**
   * Collect both outputs in one, as the program writes them: the result's `all`. Its
   * descriptors 1 and 2 are then the same pipe.
   */
  all?: boolean | undefined
  /**
   * Called with what the program writes to stdout, as it comes. If it returns a promise,
   * there is no more before that has resolved, and the program waits. What it throws, or
   * rejects with, ends the program and the call. Do not change the bytes.
   */
  onStdout?: ((bytes: Buffer) => unknown) | undefined
  /** The same for stderr. */
  onStderr?: ((bytes: Buffer) => unknown) | undefined
  /** The same for each line of both, without its LF; a line of more than 1 MiB comes in pieces. */
  onLine?: ((line: string, from: 'stdout' | 'stderr' | 'all') => unknown) | undefined
  /** What happens beyond `maxBuffer`: drop the rest, or also send `killSignal`; default 'truncate'. */
  overflow?: 'truncate' | 'kill' | undefined
  /**
   * When the result comes: with the exit, with what has been written until then, or once
   * all of the output has ended, too, which a grandchild may hold open; default 'close'.
   */
  settle?: 'exit' | 'close' | undefined
  /**
   * Milliseconds after the exit to wait for the end of the output, and for a call of
   * `onStdout`, `onStderr` or `onLine` whose promise does not settle; default: no limit.
   */
  drainGrace?: number | undefined
  /** Reject with a RunError unless the program exits with 0; default false. */
  check?: boolean | undefined
}

/** What runSync() writes to a program, or has it read. */
export type SyncInput =
  | InputChunk
  | URL
  | {
      /** A file to open as stdin, as one of `stdio`. */
      path: string
    }
  | FileHandle

/**
 * The options of runSync(): run()'s, without what would have to happen while it blocks. As with
 * RunOptions, a variable of this type is for text.
 */
export interface RunSyncOptions<E extends OutputEncoding = BufferEncoding>
  extends Omit<RunOptions<E>, 'input' | 'signal' | 'onStdout' | 'onStderr' | 'onLine'> {
  /**
   * Written to the child's stdin, which is then closed; { path }, a file URL and a FileHandle become
   * its stdin themselves.
   */
  input?: SyncInput | undefined
}

/** One command: its words, the program first, or an object with options, which go before the batch's. */
export type BatchCommand =
  | readonly string[]
  | (Omit<RunOptions, 'encoding'> & {
      /** A name to search for in PATH, or a path. */
      file: string
      /** The arguments after argv[0]. */
      args?: readonly string[] | undefined
      /** How often to run it again if it fails; default: the batch's. */
      retries?: number | undefined
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
export interface BatchOptions<E extends OutputEncoding = BufferEncoding>
  extends Omit<RunOptions<E>, 'input'> {
  /** How many commands run at once, 1 to 65536; default: one per processor. */
  concurrency?: number | undefined
  /** After the first failure, start no more commands, end the running ones and throw a BatchError; default false. */
  bail?: boolean | undefined
  /**
   * How often to run a command again that did not start, was killed, timed out or exited
   * with other than 0; default 0. An invalid command is not, nor one that a signal aborted.
   */
  retries?: number | undefined
  /**
   * Share `concurrency` with the makes among the commands, and with what else knows GNU make's
   * job server: all jobs together are never more. By a FIFO, as make 4.4 does it, or a pipe, for
   * older makes; true asks this machine's make. Default false.
   */
  jobserver?: boolean | 'fifo' | 'pipe' | undefined
  /** How many commands a generator will yield, for the progress; that of an array is known. */
  total?: number | undefined
  /** Called after each command. */
  onProgress?: ((progress: BatchProgress) => void) | undefined
}
