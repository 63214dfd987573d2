// Commands on the patched kernel, without the lab's own messages.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { root } from '../../tools/paths.mjs'

/** Starts the lab; an abort of `signal` ends it and with it the machine. */
function startLab(args, stdio, signal) {
  signal?.throwIfAborted()
  const lab = spawn(process.execPath, ['kernel/lab', ...args], { cwd: root, stdio })
  const stop = () => lab.kill('SIGTERM')
  signal?.addEventListener('abort', stop)
  lab.once('close', () => signal?.removeEventListener('abort', stop))
  return lab
}

/**
 * Builds a kernel unless its image is there; the lab shows its progress on
 * stderr. Throws if it cannot be built, or with the reason of an abort.
 * @param {{ kernel?: string, signal?: AbortSignal }} [options]  `kernel`: one of the lab's
 */
export async function buildKernel({ kernel = 'patched', signal } = {}) {
  const lab = startLab(['build', '--kernel', kernel], ['ignore', 'ignore', 'inherit'], signal)
  const [status] = await once(lab, 'close')
  signal?.throwIfAborted()
  if (status !== 0)
    throw new Error(`the lab could not build the ${kernel} kernel (status ${status})`)
}

/**
 * Runs a command in the lab and resolves to what it printed, a JSON value on
 * each line. The command reports its progress by lines `progress X` on stderr,
 * X from 0 to 1. If it fails, the error has the end of its output.
 * @param {string[]} options of the lab
 * @param {string[]} command
 * @param {(share: number) => void} [progress]
 * @param {AbortSignal} [signal]  stops the machine; rejects with its reason
 * @returns {Promise<any[]>}
 */
export async function runInLab(options, command, progress = () => {}, signal = undefined) {
  const lab = startLab([...options, '--', ...command], ['ignore', 'pipe', 'pipe'], signal)
  let printed = ''
  lab.stdout.setEncoding('utf8').on('data', (text) => {
    printed += text
  })
  const said = []
  createInterface({ input: lab.stderr }).on('line', (line) => {
    const share = /^progress ([\d.]+)$/.exec(line)?.[1]
    if (share === undefined) said.push(line)
    else progress(Number(share))
  })
  const [status] = await once(lab, 'close')
  signal?.throwIfAborted()
  if (status !== 0) {
    throw new Error(`${command.join(' ')} ended in the lab with status ${status}:
${[...printed.split('\n').slice(-20), ...said.slice(-40)].join('\n')}`)
  }
  return printed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
