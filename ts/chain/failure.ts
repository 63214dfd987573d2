/** Turns the failed operation of a chain into the error that its caller sees. */

import { whyNotExecuted } from '../executable/diagnose.js'
import { searchGoesOn } from '../executable/search.js'
import { EACCES, ENOENT, errnoName } from '../model/errno.js'
import { AT_FDCWD, type Chain, type ChainOp, type ExecOp, syscallOf } from '../model/operations.js'
import { SpawnError } from '../model/spawn-error.js'

const isTry = (op: ChainOp): op is ExecOp => op.op === 'exec' && op.template === undefined

/**
 * The file that operation `index` is about: for a search that found nothing,
 * what the caller named; for an open executable, where it was found.
 */
function pathOf(
  chain: Chain,
  index: number,
  errno: number,
  file: string,
  found: string | undefined,
): string | undefined {
  const op = chain[index]
  if (op?.op === 'exec') {
    const nowhere = errno !== EACCES && searchGoesOn(errno) && chain.filter(isTry).length > 1
    if (nowhere) return file
    return op.path === '' && found !== undefined ? found : op.path
  }
  return op?.op === 'openat' ? op.path : undefined
}

/** The working directory that `chain` gives the child, if it is a path. */
function workingDirectory(chain: Chain): string | undefined {
  if (!chain.some(({ op }) => op === 'fchdir')) {
    try {
      return process.cwd()
    } catch {
      // It has been removed.
      return undefined
    }
  }
  const opened = chain.find((op) => op.op === 'openat' && op.step === 'cwd')
  return opened?.op === 'openat' ? opened.path : undefined
}

/** For `run('ls -l')`: the whole line is taken as one name. */
function oneName(file: string, args: readonly string[]): string | undefined {
  const words = file.trim().split(/\s+/)
  if (args.length > 0 || words.length < 2) return undefined
  const [name, ...rest] = words.map((word) => JSON.stringify(word))
  return `file is the name of a program, without arguments: use ${name}, [${rest.join(', ')}], or the option shell`
}

/** Why the exec failed: from the files, or from the way the program was named. */
function execHint(
  chain: Chain,
  index: number,
  errno: number,
  file: string,
  args: readonly string[],
  found: string | undefined,
): string | undefined {
  const code = errnoName(errno)
  const tries = chain.filter(isTry)
  const paths = errno === ENOENT ? tries : tries.filter((op) => op === chain[index])
  const base = workingDirectory(chain)
  const known = paths
    .map(({ dirfd, path }) => (path === '' || dirfd !== AT_FDCWD ? (found ?? '') : path))
    .filter((path) => path.startsWith('/') || (path !== '' && base !== undefined))
  const why = whyNotExecuted(code, known, base ?? '/')
  const exists = why !== undefined && !why.startsWith('there is no')
  return (exists ? why : undefined) ?? (code === 'ENOENT' ? oneName(file, args) : undefined) ?? why
}

/** Names a descriptor of whoever opens it. */
const OWN_DESCRIPTOR = /^\/(?:dev|proc\/(?:thread-)?self)\/fd\/(\d+)(?:\/|$)/

/** For a path such as /dev/fd/3 that the child opens: whether it has that descriptor. */
function lackedDescriptor(chain: Chain, path: string): string | undefined {
  const [, digits] = OWN_DESCRIPTOR.exec(path) ?? []
  const [head] = chain
  if (digits === undefined || head?.op !== 'clone' || !head.fds) return undefined
  const fd = Number(digits)
  const given = [...head.fds, ...chain.filter((op) => op.op === 'dup')]
  if (given.some(({ newfd }) => newfd === fd)) return undefined
  return `that is the child's own descriptor ${fd}, which it does not have: stdio gives it one`
}

/**
 * The error of `chain` whose operation `index` failed with `errno`.
 * @param found the path of an executable that the chain has as a descriptor
 */
export function spawnError(
  chain: Chain,
  index: number,
  errno: number,
  file: string,
  args: readonly string[],
  found?: string,
): SpawnError {
  const op = chain[index] as ChainOp
  const path = pathOf(chain, index, errno, file, found)
  const opened = errno === ENOENT && 'path' in op && op.path === path
  const lacked = opened ? lackedDescriptor(chain, op.path) : undefined
  return new SpawnError({
    errno,
    step: op.step,
    syscall: syscallOf(op),
    path,
    file,
    args,
    hint: op.op === 'exec' ? (lacked ?? execHint(chain, index, errno, file, args, found)) : lacked,
  })
}
