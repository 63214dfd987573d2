// The ways to start a process, each as `spawn` (resolves when it has exited), `piped` (the
// same, with three pipes whose ends it reads) and `run` (resolves to the number of bytes it
// wrote). Loaded by Node, Bun and Deno.

/** @typedef {{ spawn(file: string): Promise<unknown>, piped(file: string): Promise<unknown>, run(file: string, args: string[]): Promise<number> }} Side */

const ended = (child) => new Promise((resolve) => child.on('exit', resolve))

/** Resolves once a child has exited and its output has ended. */
const closed = (child) => {
  child.stdin.end()
  child.stdout.resume()
  child.stderr.resume()
  return new Promise((resolve) => child.on('close', resolve))
}

const drained = async (stream) => {
  for await (const _ of stream);
}

/** @type {Record<string, (where: { library: string, register: string, execa: string }) => Promise<Side>>} */
export const sides = {
  async 'uring-spawn'({ library }) {
    const { spawn, run } = await import(library)
    return {
      spawn: (file) => spawn(file, [], { stdio: 'ignore' }).then(({ exited }) => exited),
      piped: (file) =>
        spawn(file, []).then(({ stdin, stdout, stderr, exited }) => {
          stdin.end()
          return Promise.all([drained(stdout), drained(stderr), exited])
        }),
      run: async (file, args) =>
        (await run(file, args, { encoding: 'buffer', maxBuffer: Number.POSITIVE_INFINITY })).stdout
          .length,
    }
  },

  async 'node:child_process'() {
    const { spawn, execFile } = await import('node:child_process')
    return {
      spawn: (file) => ended(spawn(file, [], { stdio: 'ignore' })),
      piped: (file) => closed(spawn(file)),
      run: (file, args) =>
        new Promise((resolve, reject) => {
          const options = { encoding: 'buffer', maxBuffer: Number.POSITIVE_INFINITY }
          execFile(file, args, options, (error, out) =>
            error ? reject(error) : resolve(out.length),
          )
        }),
    }
  },

  async execa({ execa: path }) {
    const { execa } = await import(path)
    return {
      spawn: (file) => execa(file, [], { stdio: 'ignore' }),
      piped: (file) => {
        const child = execa(file)
        child.stdin.end()
        return child
      },
      run: async (file, args) =>
        (await execa(file, args, { encoding: 'buffer', maxBuffer: 2 ** 31 - 1 })).stdout.length,
    }
  },

  async 'child_process, register'({ register }) {
    await import(register)
    return sides['node:child_process']()
  },

  async 'execa, register'({ register, execa }) {
    await import(register)
    return sides.execa({ execa })
  },

  async 'Bun.spawn'() {
    const { Bun } = globalThis
    return {
      spawn: (file) => Bun.spawn([file], { stdio: ['ignore', 'ignore', 'ignore'] }).exited,
      piped: (file) => {
        const child = Bun.spawn([file], { stdio: ['pipe', 'pipe', 'pipe'] })
        child.stdin.end()
        return Promise.all([drained(child.stdout), drained(child.stderr), child.exited])
      },
      run: async (file, args) => {
        const child = Bun.spawn([file, ...args], { stdout: 'pipe', stderr: 'pipe' })
        const [out] = await Promise.all([
          new Response(child.stdout).arrayBuffer(),
          new Response(child.stderr).arrayBuffer(),
          child.exited,
        ])
        return out.byteLength
      },
    }
  },

  async 'Deno.Command'() {
    const { Deno } = globalThis
    const none = { stdin: 'null', stdout: 'null', stderr: 'null' }
    return {
      spawn: (file) => new Deno.Command(file, none).spawn().status,
      piped: (file) => {
        const pipes = { stdin: 'piped', stdout: 'piped', stderr: 'piped' }
        const child = new Deno.Command(file, pipes).spawn()
        return Promise.all([
          child.stdin.close(),
          drained(child.stdout),
          drained(child.stderr),
          child.status,
        ])
      },
      run: async (file, args) => (await new Deno.Command(file, { args }).output()).stdout.length,
    }
  },
}
