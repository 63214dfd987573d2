/** A chain as a table, for people. */
import { statSync } from 'node:fs'
import { constants } from 'node:os'
import {
  ALL_SIGNALS,
  AT_EMPTY_PATH,
  AT_FDCWD,
  type Chain,
  type ChainFd,
  type ChainOp,
  type ExecOp,
  FD_LAST,
  O_CLOEXEC,
  O_PATH,
  type TaskSetOp,
} from '../model/operations.js'
import { RLIM_INFINITY, resources } from '../model/rlimits.js'
import { type Command, Compiled, compile } from './compile.js'
import { type Column, table } from './table.js'

/** An operation of a chain, for people to read. */
export interface ExplainedLink {
  /** Its place in the chain, from 0. */
  index: number
  /** 'CLONE', 'TASK_SET umask', … */
  operation: string
  /** Its arguments. */
  arguments: string
  /** Names of its flags. */
  flags: string
  /** How the next operation depends on this one: 'link', 'hardlink', or 'end'. */
  link: 'link' | 'hardlink' | 'end'
  /** What a failure here would mean. */
  failure: string
}

const quote = (value: string) => JSON.stringify(value)
const octal = (value: number) => `0${value.toString(8)}`
const place = (fd: number) =>
  fd === AT_FDCWD ? 'AT_FDCWD' : fd === FD_LAST ? 'FD_LAST' : String(fd)

const accessModes = ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE']
const openFlagBits: [string, number][] = [
  ['O_CREAT', 0o100],
  ['O_EXCL', 0o200],
  ['O_NOCTTY', 0o400],
  ['O_TRUNC', 0o1000],
  ['O_APPEND', 0o2000],
  ['O_NONBLOCK', 0o4000],
  ['O_DIRECTORY', process.arch === 'arm64' ? 0o40000 : 0o200000],
  ['O_NOFOLLOW', process.arch === 'arm64' ? 0o100000 : 0o400000],
  ['O_CLOEXEC', O_CLOEXEC],
  ['O_PATH', O_PATH],
]

/** Names of the bits that are set, and the rest as a number. */
function bits(value: number, names: readonly [string, number][]): string[] {
  let rest = value
  const found: string[] = []
  for (const [name, bit] of names) {
    if ((rest & bit) === 0) continue
    found.push(name)
    rest &= ~bit
  }
  return rest === 0 ? found : [...found, octal(rest)]
}

const openFlags = (flags: number): string => {
  // O_PATH opens without access.
  const access = flags & O_PATH ? [] : [accessModes[flags & 3] as string]
  return [...access, ...bits(flags & ~3, openFlagBits)].join('|')
}

const fdList = (fds: readonly ChainFd[]): string =>
  fds.length === 0
    ? 'fds: none'
    : `fds: ${fds.map(({ fd, newfd, label }) => `${label ?? fd}→${newfd}`).join(' ')}`

function signalNames(set: bigint): string {
  if (set === 0n) return 'none'
  if (set === ALL_SIGNALS) return 'all'
  const names = Object.entries(constants.signals)
    .filter(([, number]) => (set >> BigInt(number - 1)) & 1n)
    .map(([name]) => name)
  return names.join(' ')
}

const limit = (value: bigint) => (value === RLIM_INFINITY ? 'infinity' : String(value))

function taskArguments(op: TaskSetOp): string {
  switch (op.attr) {
    case 'sigmask':
    case 'sigdefault':
      return signalNames(op.set)
    case 'setsid':
      return ''
    case 'groups':
      return op.groups.length === 0 ? 'none' : op.groups.join(' ')
    case 'rlimit': {
      const name = Object.entries(resources).find(([, number]) => number === op.resource)?.[0]
      return `${name ?? op.resource} soft ${limit(op.soft)}, hard ${limit(op.hard)}`
    }
    case 'umask':
      return octal(op.value)
    case 'no_new_privs':
    case 'setpgid':
    case 'uid':
    case 'gid':
    case 'nice':
    case 'pdeathsig':
      return String(op.value)
  }
}

function execFlags({ template, flags, search }: ExecOp): string {
  if (template !== undefined) return 'IORING_EXEC_TEMPLATE'
  const list = [
    ...(flags & AT_EMPTY_PATH ? ['AT_EMPTY_PATH'] : []),
    ...(search ? ['IORING_EXEC_SEARCH'] : []),
  ]
  return list.join('|')
}

/** The operation's arguments and flags. */
function describe(op: ChainOp): [string, string] {
  switch (op.op) {
    case 'clone': {
      const fds = op.fds ? fdList(op.fds) : 'a copy of all descriptors'
      const cgroup = op.cgroup === undefined ? [] : ['CLONE_INTO_CGROUP']
      const list = op.fds ? ['IORING_CLONE_FDS'] : []
      const rest = op.flags ? [`0x${op.flags.toString(16)}`] : []
      const into = op.cgroup === undefined ? '' : `, cgroup: ${op.cgroup}`
      return [fds + into, [...list, ...cgroup, ...rest].join('|')]
    }
    case 'openat': {
      const mode = op.flags & 0o100 ? `, mode ${octal(op.mode)}` : ''
      return [`${place(op.dirfd)}, ${quote(op.path)}${mode}`, openFlags(op.flags)]
    }
    case 'dup':
      return [`${place(op.fd)}→${op.newfd}`, op.flags ? openFlags(op.flags).slice(9) : '']
    case 'fchdir':
      return [place(op.fd), '']
    case 'close_range':
      return [`${op.first}…${op.last}`, op.flags ? `0x${op.flags.toString(16)}` : '']
    case 'task_set':
      return [taskArguments(op), '']
    case 'exec': {
      const file = op.path === '' ? `descriptor ${op.dirfd}` : quote(op.path)
      const what = op.template === undefined ? file : `template of ${file}`
      const argv = `[${op.argv.map(quote).join(', ')}]`
      return [`${what}, argv ${argv}, ${op.envp.length} variables`, execFlags(op)]
    }
  }
}

const failures: Record<string, string> = {
  clone: 'no process: too many processes (EAGAIN), out of memory, or a descriptor is not open',
  cwd: 'the working directory does not exist, is not a directory, or may not be entered',
  credentials: 'changing to this user or group is not permitted: it needs privileges',
  signals: 'signals cannot be set up',
  limits: 'a limit or priority cannot be set: it is above what is allowed',
  session: 'the session, process group or umask cannot be set',
  files: 'a file cannot be opened or put in place',
}

function failure(op: ChainOp): string {
  if (op.op === 'exec' && op.template !== undefined) {
    const stale = 'the file has changed since the template was made (ESTALE), or may not be run'
    return op.hardlink ? `${stale}: it is run without the template` : stale
  }
  if (op.op === 'exec' && op.search) {
    return 'not here, or may not be run: the next directory is tried; any other error ends the search'
  }
  if (op.op === 'exec') {
    return op.hardlink
      ? 'the next program is tried'
      : 'no program: the file is missing or may not be run, or its arguments are too long'
  }
  if (op.step.startsWith('stdio')) {
    return op.op === 'openat'
      ? `the file for ${op.step} cannot be opened`
      : `${op.step} cannot be put in place`
  }
  return failures[op.step] ?? ''
}

/** What toString() shows of an Explanation. */
export interface ExplanationFormat {
  /**
   * Width in terminal cells to fit into; text wraps. Default: the width of the
   * terminal that standard output is, or 80.
   */
  width?: number | undefined
  /** A row for each directory of PATH; otherwise they share one. Default false. */
  all?: boolean | undefined
}

/** A row of the table: one link, or all that search PATH. */
interface Row extends Omit<ExplainedLink, 'index'> {
  index: string
}

const columns: readonly Column<Row>[] = [
  { title: '#', value: ({ index }) => index, min: 5 },
  { title: 'operation', value: ({ operation }) => operation, min: 10 },
  { title: 'arguments', value: (row) => row.arguments, min: 16 },
  { title: 'flags', value: ({ flags }) => flags, min: 10 },
  { title: 'link', value: ({ link }) => link, min: 8 },
  { title: 'failing here means', value: ({ failure }) => failure, min: 18 },
]

/** Where a chain looks for its program: links `first` to `last`. */
interface Search {
  first: number
  last: number
  /** As a row. */
  row: Row
}

const directoryOf = (path: string): string => path.replace(/\/[^/]*$/, '') || '/'

/** How many of these directories differ: a symbolic link may make two the same. */
function distinct(dirs: readonly string[]): number {
  const seen = dirs.map((dir) => {
    try {
      const { dev, ino } = statSync(dir)
      return `${dev}:${ino}`
    } catch {
      return dir
    }
  })
  return new Set(seen).size
}

/** The execs that search PATH, if there are any. */
function searchOf(chain: Chain): Search | undefined {
  const first = chain.findIndex((op) => op.op === 'exec' && op.search === true)
  const tries = chain.slice(first).filter((op) => op.op === 'exec')
  const [head] = tries
  if (first < 0 || head === undefined) return undefined
  const dirs = tries.map(({ path }) => directoryOf(path))
  const places = distinct(dirs)
  const same = places < dirs.length ? ` (${places} different ones)` : ''
  const argv = `[${head.argv.map(quote).join(', ')}]`
  const last = first + tries.length - 1
  return {
    first,
    last,
    row: {
      index: `${first}–${last}`,
      operation: 'EXEC',
      arguments: `${head.path.slice(head.path.lastIndexOf('/') + 1)} in ${dirs.length} places of PATH${same}: ${dirs.join(' ')}; argv ${argv}, ${head.envp.length} variables`,
      flags: execFlags(head),
      link: 'end',
      failure:
        'not here, or may not be run: the next directory is tried; any other error ends the search',
    },
  }
}

/** A chain for people to read: as rows, as JSON, and converted to a string as a table. */
export class Explanation {
  /** One for each operation, in order. */
  readonly links: readonly ExplainedLink[]
  readonly #search: Search | undefined

  /** @internal */
  constructor(links: readonly ExplainedLink[], search: Search | undefined) {
    this.links = links
    this.#search = search
  }

  #rows(all: boolean): Row[] {
    const rows = this.links.map((link): Row => ({ ...link, index: String(link.index) }))
    const search = all ? undefined : this.#search
    if (search) rows.splice(search.first, search.last - search.first + 1, search.row)
    return rows
  }

  /** The table. The directories of PATH share a row, unless `all` asks for every row. */
  toString({ width, all = false }: ExplanationFormat = {}): string {
    return table(columns, this.#rows(all), width ?? process.stdout?.columns ?? 80)
  }

  /** Every row. */
  toJSON(): readonly ExplainedLink[] {
    return this.links
  }
}

function explainChain(chain: Chain): Explanation {
  const links = chain.map((op, index): ExplainedLink => {
    const [args, flags] = describe(op)
    const name = op.op === 'task_set' ? `TASK_SET ${op.attr}` : op.op.toUpperCase()
    const last = index + 1 === chain.length
    return {
      index,
      operation: name,
      arguments: args,
      flags,
      link: last ? 'end' : op.hardlink ? 'hardlink' : 'link',
      failure: failure(op),
    }
  })
  return new Explanation(links, searchOf(chain))
}

/**
 * Explains a chain, or the one that spawn options compile to. Nothing is run;
 * the descriptors that compiling opens are closed again.
 */
export function explain(what: Command | Chain | Compiled): Explanation {
  if (Array.isArray(what)) return explainChain(what as Chain)
  if (what instanceof Compiled) return explainChain(what.chain)
  const compiled = compile(what as Command)
  try {
    return explainChain(compiled.chain)
  } finally {
    compiled.close()
  }
}
