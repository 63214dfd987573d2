// A Redis of one's own: Debian's redis-server on a free port, with its files in a folder
// that goes with it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Milliseconds that only a Redis that does not start takes. */
const HANG = 60_000

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

export class RedisServer {
  #args
  #child
  #folder = mkdtempSync(join(tmpdir(), 'uring-spawn-redis-'))

  /** `args`: more of its options. */
  constructor(args = []) {
    this.#args = args
  }

  /** Starts it, with an append-only file unless `args` say otherwise; again after stop(). */
  async start() {
    for (let attempts = 1; ; attempts++) {
      this.port ??= await freePort()
      if (await this.#try()) return this
      // Another program was faster to take the port.
      if (attempts === 20) throw new Error('redis-server does not start')
      this.port = undefined
    }
  }

  async #try() {
    const args = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.#folder]
    const fixed = ['--save', '', '--appendonly', 'yes', '--daemonize', 'no']
    const child = spawn('redis-server', [...args, ...fixed, ...this.#args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    const ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', () => resolve(false))
    })
    let said = ''
    const ready = new Promise((resolve) => {
      child.stdout.on('data', (chunk) => {
        if (said.length > 1_000_000) return
        said += chunk
        if (/Ready to accept connections/.test(said)) resolve(true)
      })
    })
    let timer
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`redis-server says: ${said}`)), HANG)
    })
    try {
      return await Promise.race([ready, ended, late])
    } finally {
      clearTimeout(timer)
    }
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`
  }

  /** SIGTERM lets it write what it has not written yet. */
  async stop(signal = 'SIGTERM') {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }

  signal(signal) {
    this.#child.kill(signal)
  }

  /** Ends it and removes its files. */
  async remove() {
    await this.stop('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
