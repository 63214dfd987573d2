// Commands on the patched kernel, with nothing of the lab's own shown.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { root } from './paths.mjs'

/** The kernel has to be there before anything is timed; the lab shows its progress. */
export async function buildKernel() {
  const lab = spawn(process.execPath, ['kernel/lab', 'build'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [status] = await once(lab, 'close')
  if (status !== 0) throw new Error(`the lab could not build the kernel (status ${status})`)
}

/**
 * Runs a command in the lab and resolves to what it printed, one line of JSON
 * for each thing. Lines `progress X` on its stderr, X from 0 to 1, say how far
 * it is; the rest of stderr is shown if it fails.
 * @param {string[]} options of the lab
 * @param {string[]} command
 * @param {(share: number) => void} [progress]
 * @returns {Promise<any[]>}
 */
export async function runInLab(options, command, progress = () => {}) {
  const lab = spawn(process.execPath, ['kernel/lab', ...options, '--', ...command], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
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
  if (status !== 0) {
    throw new Error(`${command.join(' ')} ended in the lab with status ${status}:
${[...printed.split('\n').slice(-20), ...said.slice(-40)].join('\n')}`)
  }
  return printed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
