/**
 * node:child_process, with every export. What is started by a call of this module starts
 * through uring-spawn; the rest of the program is left alone.
 */
import * as node from 'node:child_process'
import { promisify } from 'node:util'
import { beginMarking, mark, spawned, started } from './patch.js'

beginMarking()

export * from 'node:child_process'

type Call = (...args: never[]) => unknown

/** Calls a function of Node's; what it starts meanwhile is ours. */
type Through = (call: Call, self: unknown, args: unknown[]) => unknown

const through: Through = (call, self, args) => started(() => call.apply(self, args as never[]))

/** The same function, called through another. */
function wrap<F extends Call>(name: string, call: F, by: Through = through): F {
  const wrapped = function (this: unknown, ...args: unknown[]) {
    return by(call, this, args)
  }
  Object.defineProperty(wrapped, 'name', { value: name })
  Object.defineProperty(wrapped, 'length', { value: call.length })
  const { custom } = promisify
  const promised = (call as unknown as { [custom]?: Call })[custom]
  // In Bun, what promisify() gives is its own promised form.
  if (promised && promised !== call)
    Object.defineProperty(wrapped, custom, { value: wrap(promised.name, promised) })
  return wrapped as unknown as F
}

export const spawn: typeof node.spawn = wrap('spawn', node.spawn, spawned)
export const exec: typeof node.exec = wrap('exec', node.exec)
export const execFile: typeof node.execFile = wrap('execFile', node.execFile)
export const fork: typeof node.fork = wrap('fork', node.fork)
export const spawnSync: typeof node.spawnSync = wrap('spawnSync', node.spawnSync)
export const execSync: typeof node.execSync = wrap('execSync', node.execSync)
export const execFileSync: typeof node.execFileSync = wrap('execFileSync', node.execFileSync)

export type ChildProcess = node.ChildProcess
export const ChildProcess: typeof node.ChildProcess = new Proxy(node.ChildProcess, {
  construct(target, args, newTarget) {
    const child = Reflect.construct(target, args, newTarget) as node.ChildProcess
    mark(child)
    return child
  },
})

export default {
  ...node,
  spawn,
  exec,
  execFile,
  fork,
  spawnSync,
  execSync,
  execFileSync,
  ChildProcess,
}
