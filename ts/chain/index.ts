/**
 * The layer below spawn(): chains of operations, made by hand or compiled from
 * spawn options, and the ring they are submitted to.
 *
 * ```ts
 * import { clone, exec, openat, fchdir, FD_LAST, O_PATH, Ring } from 'uring-spawn/chain'
 *
 * const ring = new Ring()
 * const running = ring.submit([clone(), openat('/', O_PATH), fchdir(FD_LAST), exec('/bin/ls')])
 * for (const { op, res } of await running) console.log(op, res)
 * const { code } = await running.exited
 * ```
 *
 * @module uring-spawn/chain
 */
export type { BackendName, BackendOption } from '../backend/backends.js'
export type { Exit, ResourceUsage } from '../model/exit.js'
export {
  AT_EMPTY_PATH,
  AT_FDCWD,
  type Chain,
  type ChainFd,
  type ChainOp,
  type CloneOp,
  type CloseRangeOp,
  type DupOp,
  type ExecOp,
  type FchdirOp,
  FD_LAST,
  O_CLOEXEC,
  O_PATH,
  type OpenatOp,
  type Step,
  type TaskAttribute,
  type TaskSetOp,
} from '../model/operations.js'
export {
  type CloneOptions,
  clone,
  closeRange,
  dup,
  type ExecOptions,
  exec,
  fchdir,
  fexec,
  gid,
  groups,
  nice,
  noNewPrivs,
  openat,
  pdeathsig,
  rlimit,
  setpgid,
  setsid,
  sigdefault,
  sigmask,
  signalSet,
  uid,
  umask,
} from './build.js'
export { type Command, Compiled, compile } from './compile.js'
export type { ParentPipe } from './descriptors.js'
export { type ExplainedLink, Explanation, type ExplanationFormat, explain } from './explain.js'
export {
  type Completion,
  type Outcome,
  Ring,
  type RingOptions,
  type Submission,
  type SubmitOptions,
} from './ring.js'
