/** A cgroup of its own for one child, which nothing that the child starts can leave. */
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import { getCore } from '../core/core.js'
import { delay, now, pause } from '../core/runtime.js'
import { ENOENT } from '../model/errno.js'
import { SpawnError } from '../model/spawn-error.js'

/** Milliseconds until the removal is tried again: at first, at most, and in all. */
const FIRST_TRY = 1
const LAST_TRY = 100
const TRY_FOR = 10_000

/** As in the kernel's lists of mounts: a blank in a path is \040. */
const unescapePath = (path: string): string =>
  path.replace(/\\(\d{3})/g, (_all, octal: string) => String.fromCharCode(parseInt(octal, 8)))

/** The directory of this process's own cgroup v2; undefined if there is none. */
function ownDirectory(): string | undefined {
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]
  if (own === undefined) return undefined
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [mount = '', kind = ''] = line.split(' - ')
    if (!kind.startsWith('cgroup2 ')) continue
    const [, , , root = '', at = ''] = mount.split(' ').map(unescapePath)
    const inMount = root === '/' ? own : own.startsWith(root) ? own.slice(root.length) : undefined
    if (inMount !== undefined) return `${at}${inMount}`.replace(/\/$/, '')
  }
  return undefined
}

function findOwn(): string | undefined {
  try {
    return ownDirectory()
  } catch {
    return undefined // Without /proc there is none that we could name.
  }
}

interface Command {
  file: string
  args: readonly string[]
}

let made = 0

export class OwnCgroup {
  /** Its directory. */
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /** Makes one below this process's own. Throws a SpawnError. */
  static make({ file, args }: Command): OwnCgroup {
    const own = findOwn()
    const about = { step: 'clone', syscall: 'mkdir', file, args } as const
    if (own === undefined) {
      const hint = "cgroup: 'new' needs cgroup v2, and no such hierarchy of this process is mounted"
      throw new SpawnError({ errno: ENOENT, hint, ...about })
    }
    for (;;) {
      const path = `${own}/uring-spawn-${process.pid}-${threadId}-${++made}`
      try {
        mkdirSync(path)
        return new OwnCgroup(path)
      } catch (error) {
        const { code, errno = 0 } = error as NodeJS.ErrnoException
        // Of a process that had our pid.
        if (code === 'EEXIST') continue
        const hint =
          code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
            ? `the cgroup ${own} is not delegated to this user: start the program in one that is, ` +
              'as systemd-run --user --scope -p Delegate=yes does, or as root'
            : undefined
        throw new SpawnError({ errno: -errno, path, hint, ...about })
      }
    }
  }

  /** Sends SIGKILL to every process in it. */
  kill(): void {
    try {
      writeFileSync(`${this.path}/cgroup.kill`, '1')
    } catch {
      this.#killEach()
    }
  }

  /** Before Linux 5.14; one that is being forked is met the next time. */
  #killEach(): void {
    try {
      const pids = readFileSync(`${this.path}/cgroup.procs`, 'utf8').split('\n')
      for (const pid of pids) if (Number(pid) > 0) process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It has ended meanwhile.
    }
  }

  /** The child has ended, or there is none: kills what is left, and removes the cgroup. */
  async end(): Promise<void> {
    if (remove(this.path)) return
    const core = getCore()
    const until = now() + TRY_FOR
    core.ref()
    try {
      for (let ms = FIRST_TRY; now() < until; ms = Math.min(ms * 2, LAST_TRY)) {
        this.kill()
        await delay(ms)
        if (remove(this.path)) return
      }
    } finally {
      core.unref()
    }
  }

  /** As end(), while the thread waits. */
  endNow(): void {
    const until = now() + TRY_FOR
    for (let ms = FIRST_TRY; !remove(this.path) && now() < until; ms = Math.min(ms * 2, LAST_TRY)) {
      this.kill()
      pause(ms)
    }
  }
}

/** Removes a cgroup, and those in it; whether that is over. */
function remove(path: string): boolean {
  try {
    rmdirSync(path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EBUSY' && code !== 'ENOTEMPTY') return true
  }
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) remove(`${path}/${entry.name}`)
    }
  } catch {
    // Somebody else has removed it.
  }
  return false
}
