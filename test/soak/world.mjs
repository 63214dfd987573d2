// What all operations of a run share: files to run and to work in, what the
// process as a whole is at the moment, and the counts of what was done.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const program = (name) => fileURLToPath(new URL(`../../build/${name}`, import.meta.url))

export const isRoot = process.getuid() === 0

const O_CLOEXEC = 0o2000000

function isInherited(fd) {
  try {
    const [, flags] = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))
    return (Number.parseInt(flags, 8) & O_CLOEXEC) === 0
  } catch {
    return false // That of the folder itself.
  }
}

/** Lends things that only one operation at a time may use. */
class Lender {
  #free

  constructor(things) {
    this.#free = things
  }

  /** Undefined if none is left. */
  take() {
    return this.#free.pop()
  }

  give(thing) {
    this.#free.push(thing)
  }
}

/** FIFOs, and programs that may be leased: more than operations run at once. */
const LENT = 64

export class World {
  dir = mkdtempSync(join(tmpdir(), 'uring-spawn-soak-'))
  /** A copy where other users may run it, too. */
  witness = join(this.dir, 'witness')
  /** It may be executed, but is no program. */
  text = join(this.dir, 'text')
  hold = program('hold')
  lease = program('lease')
  /** Each has the folder `sub`, and the file `name`, which contains its path. */
  folders = []
  /** The group of this process, now and before: what a start saw is one of the last. */
  groups = [process.getgid()]
  /** Descriptors that are not close-on-exec: whoever started us had them. */
  inherited = readdirSync('/proc/self/fdinfo').filter(isInherited).map(Number)
  /** Whether there are enough of them for what looks after the run. */
  hasDescriptors = true
  /** Counts by name, in the order of their first use. */
  counts = new Map()
  /** Processes by kind of operation. */
  processes = new Map()
  #last = 0
  #home = process.cwd()
  #environment = process.env

  /** @param {string} [witness] another program in its place */
  constructor(witness = program('witness')) {
    chmodSync(this.dir, 0o755)
    copyFileSync(witness, this.witness)
    writeFileSync(this.text, 'neither', { mode: 0o755 })
    for (const name of ['one', 'two', 'three']) {
      const folder = join(this.dir, name)
      mkdirSync(join(folder, 'sub'), { recursive: true })
      writeFileSync(join(folder, 'name'), folder)
      this.folders.push(folder)
    }
    const fifos = Array.from({ length: LENT }, () => this.path('fifo'))
    execFileSync('mkfifo', fifos)
    this.fifos = new Lender(fifos)
    this.programs = new Lender(Array.from({ length: LENT }, () => this.program()))
    // Short, so that it costs little to print.
    for (const name of Object.keys(process.env)) {
      if (!/^(PATH|URING_SPAWN_.*)$/.test(name)) delete process.env[name]
    }
    process.chdir(this.folders[0])
  }

  /** A path in the run's folder that does not exist. */
  path(name) {
    return join(this.dir, `${name}-${this.#last++}`)
  }

  /** A copy of the witness. */
  program() {
    const path = this.path('program')
    copyFileSync(this.witness, path)
    chmodSync(path, 0o755)
    return path
  }

  count(name, number = 1) {
    this.counts.set(name, (this.counts.get(name) ?? 0) + number)
  }

  /** How many processes have started so far. */
  get started() {
    let sum = 0
    for (const number of this.processes.values()) sum += number
    return sum
  }

  close() {
    process.env = this.#environment
    process.chdir(this.#home)
    rmSync(this.dir, { recursive: true, force: true })
  }
}
