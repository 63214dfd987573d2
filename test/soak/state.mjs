// What a process has: it must be the same whenever nothing runs.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import process from 'node:process'
import { HANG, until, Violation } from './check.mjs'

/** A file of each thread; those that have just ended are left out. */
const ofThreads = (name) =>
  readdirSync('/proc/self/task').flatMap((task) => {
    try {
      return [readFileSync(`/proc/self/task/${task}/${name}`, 'utf8')]
    } catch {
      return []
    }
  })

/** Not the kernel's own threads, which come and go with io_uring. */
export const threads = () => ofThreads('comm').filter((name) => !name.startsWith('iou-')).length

/** Pids of children, whichever thread made them, zombies among them. */
export const children = () =>
  ofThreads('children').flatMap((list) => list.split(' ').filter((pid) => pid !== ''))

/** 'pipe:[123]' → 'pipe'; a file is its path. */
const kindOf = (target) => target.replace(/:\[\d+\]$/, '').replace(/^anon_inode:\[?(.*?)\]?$/, '$1')

/** The numbers of the descriptors of each kind. */
function numbers() {
  const found = {}
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const kind = kindOf(readlinkSync(`/proc/self/fd/${fd}`))
      found[kind] ??= []
      found[kind].push(fd)
    } catch {
      // That of the folder itself.
    }
  }
  return found
}

/** How many descriptors there are of each kind. */
export const descriptors = () =>
  Object.fromEntries(Object.entries(numbers()).map(([kind, fds]) => [kind, fds.length]))

const access = ['reads', 'writes', 'reads and writes']

/** '89 (writes)' */
function describeFd(fd) {
  try {
    const [, flags] = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))
    return `${fd} (${access[Number.parseInt(flags, 8) & 3]})`
  } catch {
    return `${fd} (closed by now)`
  }
}

/** The library gives these up when the process changes its credentials. */
const mayGo = new Set(['exec_template'])

/** By kind: how many there were, and which there are now. */
function differences(before) {
  const now = numbers()
  return [...new Set([...Object.keys(before), ...Object.keys(now)])]
    .filter((kind) => before[kind] !== now[kind]?.length)
    .filter((kind) => !(mayGo.has(kind) && (now[kind]?.length ?? 0) < before[kind]))
    .map((kind) => {
      const fds = now[kind] ?? []
      const which = fds.length > 0 ? `: ${fds.map(describeFd).join(', ')}` : ''
      return `${kind}: ${before[kind] ?? 0}, now ${fds.length}${which}`
    })
}

const status = (name) =>
  Number(
    new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))[1],
  )

/** In MiB, of this process alone. */
export function memory() {
  // The second finds what finalizers of the first have let go.
  global.gc()
  global.gc()
  const { heapUsed, external } = process.memoryUsage()
  const MiB = 2 ** 20
  return { resident: status('RssAnon') / 1024, heap: (heapUsed + external) / MiB }
}

/**
 * Waits until there is no child, no descriptor too many or too few, and no thread
 * too many.
 * @param {ReturnType<typeof descriptors>} before
 * @param {number} most  threads
 * @param {number} limit  milliseconds
 */
export async function quiescence(before, most, limit = HANG) {
  let why = ''
  const isQuiet = () => {
    const left = children()
    const changed = differences(before)
    const running = threads()
    why = [
      ...(left.length > 0 ? [`children are left: ${left.map(describe).join(', ')}`] : []),
      ...(changed.length > 0 ? [`descriptors have changed: ${changed.join('; ')}`] : []),
      ...(running > most ? [`there are ${running} threads, more than ${most}`] : []),
    ].join('; ')
    return why === ''
  }
  await until(isQuiet, () => why, limit)
}

function describe(pid) {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
    const [, state] = /^State:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return `${pid} (${words}: ${state})`
  } catch {
    return pid
  }
}

/** Throws if memory has grown by more than its bounds, in MiB. */
export function checkMemory(first, last, bounds) {
  for (const [kind, bound] of Object.entries(bounds)) {
    const growth = last[kind] - first[kind]
    if (growth > bound) {
      throw new Violation(
        `${kind} memory has grown by ${growth.toFixed(1)} MiB, from ${first[kind].toFixed(1)}, ` +
          `more than ${bound}`,
      )
    }
  }
}
