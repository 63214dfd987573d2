// The ways to make a call that are compared. Each says which backends it needs
// of probe(), and makes a function that makes calls.

import { childProcess } from '../../demo/child-process.mjs'
import { run, template } from '../../dist/index.js'

const byRun = (backend) => (options) => (call) =>
  run(call.tool, call.args, { ...options, backend, encoding: 'buffer' })

/** Templates are made once for each tool, as who has many calls would. */
const byTemplate = (backend) => (options) => {
  const templates = new Map()
  return async (call) => {
    if (!templates.has(call.tool)) templates.set(call.tool, template(call.tool))
    const made = await templates.get(call.tool)
    return made.run(call.args, { ...options, backend, encoding: 'buffer' })
  }
}

export const columns = {
  child_process: { needs: [], caller: (options) => (call) => childProcess(call, options) },
  spawn_template: { needs: ['template'], caller: byTemplate('template') },
  uring: { needs: ['uring'], caller: byRun('uring') },
  // From templates of the kernel, which it has where it has spawn_template.
  'uring from templates': { needs: ['uring', 'template'], caller: byTemplate('uring') },
  vfork: { needs: ['vfork'], caller: byRun('vfork') },
}

export const baseline = 'child_process'

/** Why a column cannot be had where probe() says this; undefined where it can. */
export function missing(name, { backends }) {
  for (const need of columns[name].needs) {
    const backend = backends.find((one) => one.name === need)
    if (!backend) return `the library has no backend ${need}`
    if (!backend.available) return `backend ${need}: ${backend.why}`
  }
  return undefined
}
