// A call by node:child_process, as programs make it: output collected to its end.
import { spawn } from 'node:child_process'

/** Resolves to the exit code, and the bytes of stdout and stderr. */
export function childProcess({ tool, args, input }, options) {
  return new Promise((resolve, reject) => {
    const stdio = [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']
    const child = spawn(tool, args, { ...options, stdio })
    const out = []
    const err = []
    child.stdout.on('data', (chunk) => out.push(chunk))
    child.stderr.on('data', (chunk) => err.push(chunk))
    child.stdin?.end(input)
    child.once('error', reject)
    child.once('close', (exitCode) =>
      resolve({ exitCode, stdout: Buffer.concat(out), stderr: Buffer.concat(err) }),
    )
  })
}
