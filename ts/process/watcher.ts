/**
 * Ends groups and cgroups of children when this process ends so that it can do nothing more:
 * by SIGKILL, or a crash. A shell waits for that, in a session of its own: for the end of a pipe
 * of which nobody else has the other end. Then it reads the numbers of the groups from a
 * file in memory, where each child has written its own before its exec. So the watcher
 * costs a start nothing, and sleeps until it is needed.
 */
import { writeSync } from 'node:fs'
import { loadBinding } from '../binding/load.js'
import { type Compiled, compileChecked } from '../chain/compile.js'
import { closePipes } from '../chain/descriptors.js'
import { spawnError } from '../chain/failure.js'
import { Ring, type Submission } from '../chain/ring.js'
import { later, now, pause } from '../core/runtime.js'
import { SpawnError } from '../model/spawn-error.js'
import { readSpawn } from '../options/check.js'

/** Milliseconds without a child after which the watcher ends; groups are looked at so often. */
const IDLE = 500

/**
 * From the pipe: `+ PATH` adds a cgroup, `- PATH` removes it, `.` is the end of the watcher
 * alone. What our end cuts off is no line.
 *
 * From the file, descriptor 3 (see doomed.h): `+ PID`, a child that has not been reaped. If it
 * leads no group yet it has not come to its exec, and is alone. `- PID`: its leader has been
 * reaped. If a process has that number, it is another's: the group has ended.
 */
const SCRIPT = `trap '' HUP INT QUIT TERM PIPE USR1 USR2 TSTP
nl='
'
cgroups=$nl
while read -r op path; do
  case $op in
    +) cgroups="$cgroups$path$nl" ;;
    -) cgroups="\${cgroups%%"$nl$path$nl"*}$nl\${cgroups#*"$nl$path$nl"}" ;;
    .) exit ;;
  esac
done
while read -r op pid; do
  case $op$pid in
    +[1-9]*) kill -s KILL -- "-$pid" || { kill -s KILL "$pid" && kill -s KILL -- "-$pid"; } ;;
    -[1-9]*) [ -d "/proc/$pid" ] || kill -s KILL -- "-$pid" ;;
  esac
done <&3
set -f
IFS=$nl
tries=0
while [ "$cgroups" != "$nl" ] && [ $tries -lt 200 ]; do
  left=$nl
  for path in $cgroups; do
    echo 1 >"$path/cgroup.kill" || for pid in $(find "$path" -name cgroup.procs -exec cat {} +); do
      kill -s KILL "$pid"
    done
    find "$path" -depth -type d -exec rmdir {} \\;
    if [ -d "$path" ]; then left="$left$path$nl"; fi
  done
  cgroups=$left
  tries=$((tries + 1))
  [ "$cgroups" = "$nl" ] || sleep 0.05
done`

const none = undefined
const noPipes = { pipes: [], input: none, output: none, overflow: none }

interface Command {
  file: string
  args: readonly string[]
}

/** A file of the numbers, opened for one watcher, which reads it from its beginning. */
function openFile({ file, args }: Command): number {
  const { doomedFile, openFile } = loadBinding()
  const step = 'session'
  const made = doomedFile()
  if (made < 0) throw new SpawnError({ errno: -made, step, syscall: 'memfd_create', file, args })
  const path = `/proc/self/fd/${made}`
  const fd = openFile(path)
  if (fd < 0) throw new SpawnError({ errno: -fd, step, syscall: 'open', path, file, args })
  return fd
}

/** A shell that waits. */
class Shell {
  /** Why it has not started. */
  failure: SpawnError | undefined
  readonly #submission: Submission
  readonly #compiled: Compiled
  /** Our end of its pipe; the environment closes it at its end, too. */
  #fd: number

  /** `lost` is called when it has started and then ended, unless dismiss() has ended it. */
  constructor(command: Command, lost: () => void) {
    const numbers = openFile(command)
    const stdio = ['pipe', 'ignore', 'ignore', numbers]
    const options = { stdio, detached: true, cwd: '/', env: {} }
    const { close, dupAbove } = loadBinding()
    try {
      const settings = readSpawn('/bin/sh', ['-c', SCRIPT, 'uring-spawn-watcher'], options)
      this.#compiled = compileChecked({ settings, deferPipes: false, inKernel: false })
    } catch (error) {
      close(numbers)
      throw error
    }
    const { pipes } = this.#compiled
    this.#fd = dupAbove(pipes[0]?.fd ?? -1, 3)
    closePipes(pipes)
    try {
      if (this.#fd < 0) throw this.#error(-this.#fd, 0)
      const how = { place: 0, begin: now(), watching: 'watcher' } as const
      this.#submission = new Ring().launch(this.#compiled, noPipes, how)
    } catch (error) {
      close(numbers)
      this.#compiled.close()
      this.#close()
      throw error
    }
    this.#submission.unref()
    this.#submission.outcome.then((outcome) => {
      close(numbers)
      if (!outcome.started) {
        this.failure = this.#error(outcome.errno, outcome.index)
        this.#close()
        lost()
        return
      }
      this.#submission.exited.then(() => {
        if (this.#fd < 0) return
        this.#close()
        lost()
      })
    })
  }

  #error(errno: number, index: number): SpawnError {
    const { chain, file, args } = this.#compiled
    return spawnError(chain, index, errno, file, args)
  }

  /** Blocks until it has started. Throws a SpawnError if it does not. */
  wait(): void {
    const ret = this.#submission.wait()
    if (ret < 0 && this.#fd >= 0) throw this.#error(-ret, this.#compiled.chain.length - 1)
  }

  tell(line: string): void {
    for (let from = 0; from < line.length; ) {
      try {
        from += writeSync(this.#fd, line.slice(from))
      } catch (error) {
        // EPIPE: somebody has ended it, and another gets the list.
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
        pause(1)
      }
    }
  }

  /** Ends it, and nothing else. */
  dismiss(): void {
    this.tell('.\n')
    this.#close()
  }

  #close(): void {
    if (this.#fd >= 0) loadBinding().close(this.#fd)
    this.#fd = -1
  }
}

/** The one for all children of this environment, as long as there are any. */
const watcher = {
  shell: undefined as Shell | undefined,
  children: 0,
  cgroups: new Set<string>(),
  /** Whether there has been no child since the last look. */
  idle: false,

  /** Throws a SpawnError. */
  enter(command: Command): Shell {
    const shell = watcher.shell ?? watcher.start(command)
    watcher.children++
    watcher.idle = false
    return shell
  },

  start(command: Command): Shell {
    const shell = new Shell(command, () => watcher.lost(shell, command))
    watcher.shell = shell
    for (const path of watcher.cgroups) shell.tell(`+ ${path}\n`)
    later(IDLE, () => watcher.look(shell))
    return shell
  },

  /** Starts another, unless it is one that cannot start. */
  lost(shell: Shell, command: Command): void {
    if (watcher.shell !== shell) return
    watcher.shell = undefined
    try {
      if (!shell.failure && !watcher.nothing()) watcher.start(command)
    } catch {
      // Out of descriptors, perhaps: the next child tries again.
    }
  },

  /** Whether there is nothing to watch: no child, and no group of one that has ended. */
  nothing: (): boolean => loadBinding().doomed() === 0 && watcher.children === 0,

  look(shell: Shell): void {
    if (watcher.shell !== shell) return
    const nothing = watcher.nothing()
    if (nothing && watcher.idle) {
      watcher.shell = undefined
      shell.dismiss()
      return
    }
    watcher.idle = nothing
    later(IDLE, () => watcher.look(shell))
  },
}

/** That one child is watched; it has to be launched as 'doomed', and then starts once the watcher has. */
export class Watch {
  readonly #shell: Shell
  readonly #cgroup: string | undefined
  #released = false

  /** Throws a SpawnError. `cgroup` is one that is to end with this process. */
  constructor(command: Command, cgroup: string | undefined) {
    this.#shell = watcher.enter(command)
    this.#cgroup = cgroup
    if (cgroup === undefined) return
    watcher.cgroups.add(cgroup)
    this.#shell.tell(`+ ${cgroup}\n`)
  }

  /** Why the watcher, and so the child, has not started. */
  get failure(): SpawnError | undefined {
    return this.#shell.failure
  }

  /** Blocks until the watcher runs. Throws a SpawnError if it does not start. */
  wait(): void {
    this.#shell.wait()
  }

  /** The child has ended, with its cgroup, or there is none. */
  release(): void {
    if (this.#released) return
    this.#released = true
    if (this.#cgroup !== undefined && watcher.cgroups.delete(this.#cgroup)) {
      watcher.shell?.tell(`- ${this.#cgroup}\n`)
    }
    watcher.children--
  }
}
