// The ways to make a call that the demo compares.

import { childProcess } from '../bench/agent-tools/child-process.mjs'
import { probe, run } from '../dist/index.js'

/** The side that the others are compared with. */
export const BASELINE = 'node:child_process'

const byBackend = (backend) => async (call, options) => {
  const input = call.input === undefined ? {} : { input: call.input }
  const result = await run(call.tool, call.args, { ...options, ...input, backend })
  if (result.backend !== backend) throw new Error(`started by ${result.backend}, not ${backend}`)
  return result
}

async function byChildProcess(call, options) {
  const { exitCode, stdout, stderr } = await childProcess(call, options)
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}

/** By name: what a person reads, and what makes a call and resolves to its result. */
export const sides = {
  uring: { label: 'chains', call: byBackend('uring') },
  vfork: { label: 'threads (vfork)', call: byBackend('vfork') },
  [BASELINE]: { label: 'node:child_process', call: byChildProcess },
}

/** The sides that this kernel can run, the baseline last. */
export function sidesHere() {
  const { backends } = probe()
  const works = backends.filter(({ name, available }) => available && name in sides)
  return [...works.map(({ name }) => name), BASELINE]
}
