/**
 * Ends the process groups of children when this process ends so that it can do nothing more: by
 * SIGKILL, or a crash. A shell waits for that, in a session of its own. It reads the numbers
 * of the groups from a pipe, and kills them once nobody has the pipe's other end.
 */
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BackendName } from '../backend/backends.js'
import { loadBinding } from '../binding/load.js'
import { type Compiled, compileChecked } from '../chain/compile.js'
import { closePipes } from '../chain/descriptors.js'
import { spawnError } from '../chain/failure.js'
import { Ring, type Submission } from '../chain/ring.js'
import { now, pause } from '../core/runtime.js'
import { SpawnError } from '../model/spawn-error.js'
import { readSpawn } from '../options/check.js'

const { O_NONBLOCK, O_WRONLY } = constants

/** `+ PID` adds a group, `- PID` removes it. What our end cuts off is no line. */
const SCRIPT = `trap '' HUP INT QUIT TERM PIPE USR1 USR2 TSTP
groups=' '
while read -r op pid; do
  case $op in
    +) groups="$groups$pid " ;;
    -) groups="\${groups%% $pid *} \${groups#* $pid }" ;;
  esac
done
for pid in $groups; do kill -s KILL -- "-$pid"; done 2>/dev/null`

const none = undefined
const noPipes = { pipes: [], input: none, output: none, overflow: none }

/** A shell that waits. */
class Shell {
  /** Rejects with a SpawnError if it does not start. */
  readonly started: Promise<void>
  readonly #submission: Submission
  readonly #compiled: Compiled
  /** Our end of its pipe; the environment closes it at its end, too. */
  #fd: number

  /** `lost` is called when it has started and then ended, unless close() has ended it. */
  constructor(lost: () => void) {
    const options = { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/', env: {} }
    const settings = readSpawn('/bin/sh', ['-c', SCRIPT, 'uring-spawn-watcher'], options)
    const compiled = compileChecked({ settings, deferPipes: false, inKernel: false })
    this.#compiled = compiled
    this.#fd = loadBinding().dupAbove(compiled.pipes[0]?.fd ?? -1, 3)
    closePipes(compiled.pipes)
    try {
      if (this.#fd < 0) throw this.#error(-this.#fd, 0)
      this.#submission = new Ring().launch(compiled, noPipes, 0, now())
    } catch (error) {
      compiled.close()
      this.close()
      throw error
    }
    this.#submission.unref()
    this.started = this.#submission.outcome.then((outcome) => {
      if (!outcome.started) throw this.#error(outcome.errno, outcome.index)
      this.#submission.exited.then(() => {
        if (this.#fd < 0) return
        this.close()
        lost()
      })
    })
    this.started.catch(() => {})
  }

  #error(errno: number, index: number): SpawnError {
    const { chain, file, args } = this.#compiled
    return spawnError(chain, index, errno, file, args)
  }

  /** Blocks until it has started. Throws a SpawnError if it does not. */
  wait(): void {
    const ret = this.#submission.wait()
    if (ret < 0) throw this.#error(-ret, this.#compiled.chain.length - 1)
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

  close(): void {
    if (this.#fd >= 0) loadBinding().close(this.#fd)
    this.#fd = -1
  }
}

/** The one for all children of this environment, as long as there are any. */
const watcher = {
  shell: undefined as Shell | undefined,
  children: 0,
  groups: new Set<number>(),

  /** Throws a SpawnError. */
  enter(): Shell {
    const shell = watcher.shell ?? watcher.start()
    watcher.children++
    return shell
  },

  start(): Shell {
    const shell = new Shell(() => {
      if (watcher.shell !== shell) return
      watcher.shell = undefined
      try {
        if (watcher.children > 0) watcher.start()
      } catch {
        // Out of descriptors, perhaps: the next child tries again.
      }
    })
    watcher.shell = shell
    for (const pid of watcher.groups) shell.tell(`+ ${pid}\n`)
    return shell
  },

  add(pid: number): void {
    watcher.groups.add(pid)
    watcher.shell?.tell(`+ ${pid}\n`)
  },

  remove(pid: number): void {
    if (watcher.groups.delete(pid)) watcher.shell?.tell(`- ${pid}\n`)
  },

  leave(): void {
    if (--watcher.children > 0) return
    watcher.shell?.close()
    watcher.shell = undefined
  },
}

interface Command {
  file: string
  args: readonly string[]
}

/**
 * Where a child waits, before its exec, until the watcher knows it: so nothing that it starts
 * can be missed. It opens a FIFO that has no writer yet.
 */
export class Gate {
  readonly path: string
  readonly #dir: string
  readonly #shell: Shell
  /** The child that the watcher knows, and whether it has been let through. */
  #pid = 0
  #open = false
  #released = false

  /** Throws a SpawnError. */
  constructor({ file, args }: Command) {
    this.#dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
    this.path = join(this.#dir, 'gate')
    try {
      const errno = -loadBinding().makeFifo(this.path)
      const { path } = this
      if (errno > 0) {
        throw new SpawnError({ errno, step: 'session', syscall: 'mkfifo', path, file, args })
      }
      this.#shell = watcher.enter()
    } catch (error) {
      this.#remove()
      throw error
    }
  }

  /** Resolves once the watcher runs; rejects with a SpawnError. */
  get ready(): Promise<void> {
    return this.#shell.started
  }

  /** The same while the thread waits. */
  wait(): void {
    this.#shell.wait()
  }

  /**
   * Lets the child through that has been made, if it is there; its pid is 0 as long as it is not known.
   * To be called again and again until the child has started, or failed.
   */
  tryOpen(pid: number): void {
    if (pid === 0 || (pid === this.#pid && this.#open)) return
    if (pid !== this.#pid) {
      watcher.remove(this.#pid)
      watcher.add(pid)
      this.#pid = pid
      this.#open = false
    }
    try {
      closeSync(openSync(this.path, O_WRONLY | O_NONBLOCK))
      this.#open = true
    } catch (error) {
      // Nobody reads: the child is not there yet.
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
    }
  }

  /** The child has started: it needs the FIFO no more. */
  passed(): void {
    this.#remove()
  }

  /** The child has ended, or there is none. */
  release(): void {
    if (this.#released) return
    this.#released = true
    watcher.remove(this.#pid)
    this.#remove()
    watcher.leave()
  }

  #remove(): void {
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

/** The backend that starts a child which has to wait: of one that spawn_template() makes, nobody knows the pid before its exec. */
export const watchable = (backend: BackendName): BackendName =>
  backend === 'spawn_template' ? 'vfork' : backend
