/** Spawn options as the operations of a chain. */
import { constants } from 'node:fs'
import { candidatesOf } from '../executable/search.js'
import { checkFds, checkOps } from '../model/limits.js'
import {
  ALL_SIGNALS,
  AT_EMPTY_PATH,
  AT_FDCWD,
  type ChainFd,
  type ChainOp,
  type CloneOp,
  type ExecOp,
  FD_LAST,
  O_CLOEXEC,
  O_PATH,
  type Step,
} from '../model/operations.js'
import { RLIM_INFINITY, resources, rlimitNames } from '../model/rlimits.js'
import { SIGKILL } from '../model/signals.js'
import type { Settings } from '../options/settings.js'

/** A file opened in the child to be one of its descriptors. */
export interface ChildFile {
  newfd: number
  path: string
  flags: number
  mode: number
}

/** An executable that is open already. */
export interface ExecFd {
  /** Its number in the child. */
  fd: number
  /** Whether the child keeps it: a script's interpreter opens the script through it. */
  keep: boolean
}

/** A kernel template of the executable. */
export interface ExecTemplate {
  /** Its descriptor in this process. */
  fd: number
  /** Whether the start goes on without it if it is stale or was made with other credentials. */
  goOn: boolean
}

/** A start of node:child_process sets only some of them. */
export type ChainSettings = Pick<Settings, 'env'> & Partial<Settings>

/**
 * What assemble() needs: the settings, and the descriptors that this process has
 * opened for them.
 */
export interface AssembleInput {
  file: string
  args: readonly string[]
  settings: ChainSettings
  /** The child's descriptors that are copies of ours. */
  fds: readonly ChainFd[]
  /** The child's descriptors that are files it opens. */
  files: readonly ChildFile[]
  /** The child's descriptor of its working directory. */
  cwdFd?: number | undefined
  /** The cgroup's directory. */
  cgroupFd?: number | undefined
  execFd?: ExecFd | undefined
  template?: ExecTemplate | undefined
  /** The executable's path, if it is known already; otherwise PATH is searched. */
  path?: string | undefined
  /** Whether /bin/sh runs a file that is no program, as execvp(3) has it. */
  shell?: boolean | undefined
}

function cwd(path: Settings['cwd'], cwdFd: number | undefined): ChainOp[] {
  if (cwdFd !== undefined) return [{ op: 'fchdir', fd: cwdFd, step: 'cwd' }]
  if (typeof path !== 'string') return []
  const flags = O_PATH | constants.O_DIRECTORY | O_CLOEXEC
  return [
    { op: 'openat', dirfd: AT_FDCWD, path, flags, mode: 0, step: 'cwd' },
    { op: 'fchdir', fd: FD_LAST, step: 'cwd' },
  ]
}

function files(files: readonly ChildFile[]): ChainOp[] {
  return files.flatMap(({ newfd, path, flags, mode }): ChainOp[] => {
    const step: Step = `stdio[${newfd}]`
    return [
      { op: 'openat', dirfd: AT_FDCWD, path, flags: flags | O_CLOEXEC, mode, step },
      { op: 'dup', fd: FD_LAST, newfd, flags: 0, step },
    ]
  })
}

function limits({ nice, rlimits }: ChainSettings): ChainOp[] {
  const ops: ChainOp[] = []
  const number = (limit: number) =>
    limit === Number.POSITIVE_INFINITY ? RLIM_INFINITY : BigInt(limit)
  if (nice !== undefined) ops.push({ op: 'task_set', attr: 'nice', value: nice, step: 'limits' })
  for (const name of rlimitNames) {
    const limit = rlimits?.[name]
    if (limit === undefined) continue
    const { soft, hard } = limit
    ops.push({
      op: 'task_set',
      attr: 'rlimit',
      resource: resources[name],
      soft: number(soft),
      hard: number(hard),
      step: 'limits',
    })
  }
  return ops
}

function credentials({ uid, gid, groups, noNewPrivs }: ChainSettings): ChainOp[] {
  const step = 'credentials'
  const ops: ChainOp[] = []
  const changes = uid !== undefined || gid !== undefined
  // A child that is no longer root must not keep root's groups.
  const list = groups ?? (changes && process.geteuid?.() === 0 ? [] : undefined)
  if (list) ops.push({ op: 'task_set', attr: 'groups', groups: list, step })
  if (gid !== undefined) ops.push({ op: 'task_set', attr: 'gid', value: gid, step })
  if (uid !== undefined) ops.push({ op: 'task_set', attr: 'uid', value: uid, step })
  if (noNewPrivs) ops.push({ op: 'task_set', attr: 'no_new_privs', value: 1, step })
  return ops
}

function session({ detached, processGroup, killTarget, umask }: ChainSettings): ChainOp[] {
  const step = 'session'
  const ops: ChainOp[] = []
  if (detached) ops.push({ op: 'task_set', attr: 'setsid', step })
  // The leader of a session leads a group as well.
  const ownGroup = killTarget === 'group' && !detached ? 0 : undefined
  const value = processGroup ?? ownGroup
  if (value !== undefined) ops.push({ op: 'task_set', attr: 'setpgid', value, step })
  if (umask !== undefined) ops.push({ op: 'task_set', attr: 'umask', value: umask, step })
  return ops
}

/** One exec for each place where the program may be; a hard link leads on to the next. */
function searchExec(input: AssembleInput): ExecOp[] {
  const { file, args, settings, execFd, path, shell = false } = input
  const { env, argv0 } = settings
  const argv = [argv0 ?? file, ...args]
  const { envp } = env
  if (execFd) {
    const flags = AT_EMPTY_PATH
    return [{ op: 'exec', dirfd: execFd.fd, path: '', argv, envp, flags, step: 'exec' }]
  }
  const paths = path === undefined ? candidatesOf(file, env.path) : [path]
  return paths.map((path, index) => {
    const op = execOf(path, argv, envp, index + 1 < paths.length)
    if (shell) op.shell = shell
    return op
  })
}

/** Not by spreading another: V8 takes thousands of instructions for that, here and where it is read. */
function execOf(
  path: string,
  argv: readonly string[],
  envp: readonly string[],
  search: boolean,
): ExecOp {
  const dirfd = AT_FDCWD
  return { op: 'exec', dirfd, path, argv, envp, flags: 0, step: 'exec', hardlink: search, search }
}

function exec(input: AssembleInput): ExecOp[] {
  const ops = searchExec(input)
  const { template } = input
  const [first] = ops
  if (!template || !first) return ops
  const start = execOf(first.path, first.argv, first.envp, false)
  start.dirfd = first.dirfd
  start.flags = first.flags
  start.hardlink = template.goOn
  start.template = template.fd
  return template.goOn ? [start, ...ops] : [start]
}

/** Programs start with no signal ignored or blocked, whatever the caller ignores or blocks. */
const signals: readonly ChainOp[] = [
  { op: 'task_set', attr: 'sigdefault', set: ALL_SIGNALS, step: 'signals' },
  { op: 'task_set', attr: 'sigmask', set: 0n, step: 'signals' },
]

/** After the credentials: changing them clears it. */
const parentDeath: readonly ChainOp[] = [
  { op: 'task_set', attr: 'pdeathsig', value: SIGKILL, step: 'signals' },
]

const none: readonly ChainOp[] = []

/**
 * Compiles `settings` in the order a shell's user would expect: files are opened in
 * the working directory, with the umask and the caller's rights; what drops rights
 * comes last. Throws a RangeError if that is more than a chain can hold.
 */
export function assemble(input: AssembleInput): ChainOp[] {
  const { settings, fds, cgroupFd, execFd } = input
  const inherit = settings.inheritFds === true
  checkFds(fds.length)
  const clone: CloneOp = { op: 'clone', step: 'clone' }
  if (!inherit) clone.fds = fds
  if (cgroupFd !== undefined) clone.cgroup = cgroupFd
  const dups = inherit
    ? fds.map(
        ({ fd, newfd }): ChainOp => ({ op: 'dup', fd, newfd, flags: 0, step: `stdio[${newfd}]` }),
      )
    : []
  if (inherit && execFd?.keep) {
    const { fd } = execFd
    dups.push({ op: 'dup', fd, newfd: fd, flags: 0, step: 'exec' })
  }
  const execs = exec(input)
  const chain = [
    clone,
    ...dups,
    ...session(settings),
    ...cwd(settings.cwd, input.cwdFd),
    ...files(input.files),
    ...limits(settings),
    ...credentials(settings),
    ...signals,
    ...(settings.onParentExit === 'kill' ? parentDeath : none),
    ...execs,
  ]
  checkOps(chain.length, () =>
    execs.length > chain.length / 2
      ? `PATH has ${execs.length} directories: give the full path of ${JSON.stringify(input.file)}`
      : 'leave some of the files out of stdio',
  )
  return chain
}
