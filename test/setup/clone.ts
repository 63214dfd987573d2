/** A clone of only the scripts, in an awkward folder, with fake programs. */
import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const project = fileURLToPath(new URL('../..', import.meta.url))

export interface Ended {
  status: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface Running {
  child: ChildProcess
  ended: Promise<Ended>
}

export class Clone {
  readonly folder = mkdtempSync(join(tmpdir(), 'uring-spawn-setup-'))
  readonly root = join(this.folder, 'deep below/with a space/clone')
  readonly bin = join(this.folder, 'bin')

  constructor(...files: string[]) {
    mkdirSync(this.bin, { recursive: true })
    for (const name of ['scripts', 'tools', 'package.json', 'package-lock.json', ...files]) {
      cpSync(join(project, name), join(this.root, name), { recursive: true })
    }
    symlinkSync(process.execPath, join(this.bin, 'node'))
  }

  /** Uses this project's copy of an npm package. */
  link(...names: string[]) {
    for (const name of names) {
      const target = join(this.root, 'node_modules', name)
      mkdirSync(dirname(target), { recursive: true })
      symlinkSync(join(project, 'node_modules', name), target)
    }
  }

  write(name: string, text: string) {
    const file = join(this.root, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }

  read(name: string): string {
    const file = join(this.root, name)
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }

  /** Makes a shell script that PATH finds before any program of that name. */
  program(name: string, script: string) {
    writeFileSync(join(this.bin, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(this.bin, name), 0o755)
  }

  start(command: string[], { env = {} }: { env?: NodeJS.ProcessEnv } = {}): Running {
    const [file = '', ...args] = command
    const child = spawn(file, args, {
      cwd: this.root,
      env: {
        ...process.env,
        PATH: `${this.bin}:${process.env.PATH}`,
        URING_SPAWN_VERBOSE: '',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data) => {
      stdout += data
    })
    child.stderr.on('data', (data) => {
      stderr += data
    })
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (status, signal) => resolve({ status, signal, stdout, stderr }))
    })
    return { child, ended }
  }

  run(command: string[], options?: { env?: NodeJS.ProcessEnv }): Promise<Ended> {
    return this.start(command, options).ended
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
