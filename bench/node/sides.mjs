// The ways to start a process, each as `spawn` (resolves when it has exited) and
// `run` (resolves to the number of bytes it wrote). Loaded by Node, Bun and Deno.

/** @typedef {{ spawn(file: string): Promise<unknown>, run(file: string, args: string[]): Promise<number> }} Side */

const ended = (child) => new Promise((resolve) => child.on('exit', resolve))

/** @type {Record<string, (where: { library: string, execa: string }) => Promise<Side>>} */
export const sides = {
  async 'uring-spawn'({ library }) {
    const { spawn, run } = await import(library)
    return {
      spawn: (file) => spawn(file, [], { stdio: 'ignore' }).then(({ exited }) => exited),
      run: async (file, args) =>
        (await run(file, args, { encoding: 'buffer', maxBuffer: Number.POSITIVE_INFINITY })).stdout
          .length,
    }
  },

  async 'node:child_process'() {
    const { spawn, execFile } = await import('node:child_process')
    return {
      spawn: (file) => ended(spawn(file, [], { stdio: 'ignore' })),
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
      run: async (file, args) =>
        (await execa(file, args, { encoding: 'buffer', maxBuffer: 2 ** 31 - 1 })).stdout.length,
    }
  },

  async 'Bun.spawn'() {
    const { Bun } = globalThis
    return {
      spawn: (file) => Bun.spawn([file], { stdio: ['ignore', 'ignore', 'ignore'] }).exited,
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
      run: async (file, args) => (await new Deno.Command(file, { args }).output()).stdout.length,
    }
  },
}
