// A call through node:child_process, as programs make it: all output collected.
import { spawn } from 'node:child_process'

/**
 * Resolves to the exit code and the bytes of stdout and stderr; rejects if the
 * program cannot be started or `options.signal` is aborted.
 */
export function childProcess({ tool, args, input }, options) {
  return new Promise((resolve, reject) => {
    const stdio = [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']
    const child = spawn(tool, args, { ...options, stdio })
    const out = []
    const err = []
    let failure
    child.stdout.on('data', (chunk) => out.push(chunk))
    child.stderr.on('data', (chunk) => err.push(chunk))
    // A program that does not read all its input is no error.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
    child.once('error', (error) => {
      failure = error
      // A program that never started does not close.
      if (child.pid === undefined) reject(error)
    })
    child.once('close', (exitCode) => {
      if (failure) reject(failure)
      else resolve({ exitCode, stdout: Buffer.concat(out), stderr: Buffer.concat(err) })
    })
  })
}
