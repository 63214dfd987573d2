// The compared ways to make a call. `backend` and `templates` are what probe()
// must find, `caller` returns a function that makes calls, and `fault` tells
// whether the library fell back to another way for a result.

import { probe, run, template } from '../../dist/index.js'
import { childProcess } from './child-process.mjs'

const byRun = (backend) => ({
  backend,
  caller: (options) => (call) =>
    run(call.tool, call.args, { ...options, backend, encoding: 'buffer' }),
  fault: (result) => (result.backend === backend ? undefined : `made by ${result.backend}`),
})

/**
 * Makes a template once for each tool, as a program with many calls would. It learns what
 * the starts touch, or keeps only the headers, as in the RFC of spawn_template.
 */
const byTemplate = (backend, { learn }) => ({
  backend,
  templates: true,
  caller(options) {
    const templates = new Map()
    return async (call) => {
      if (!templates.has(call.tool)) templates.set(call.tool, template(call.tool, { learn }))
      const made = await templates.get(call.tool)
      return made.run(call.args, { ...options, backend, encoding: 'buffer' })
    }
  },
  fault({ backend: used, fromTemplate }) {
    if (used !== backend) return `made by ${used}`
    return fromTemplate ? undefined : 'not started from a template'
  },
})

export const columns = {
  child_process: {
    caller: (options) => (call) => childProcess(call, options),
    fault: () => undefined,
  },
  spawn_template: byTemplate('spawn_template', { learn: false }),
  uring: byRun('uring'),
  'uring from headers': byTemplate('uring', { learn: false }),
  'uring from templates': byTemplate('uring', { learn: true }),
  vfork: byRun('vfork'),
}

/** Why a column cannot be measured given probe()'s findings; undefined if it can. */
export function missing(name, { backends, templates }) {
  const { backend, templates: wanted } = columns[name]
  if (backend) {
    const found = backends.find((one) => one.name === backend)
    if (!found) return `the library has no backend ${backend}`
    if (!found.available) return `backend ${backend}: ${found.why}`
  }
  if (wanted && !templates) return 'the library does not start from templates of the kernel'
  if (wanted && !templates.available) return `templates of the kernel: ${templates.why}`
  return undefined
}

/**
 * Those of `names` that cannot be measured here, each with the reason. Throws if there is
 * no such column.
 */
export function absentOf(names) {
  const found = probe()
  const absent = {}
  for (const name of names) {
    if (!(name in columns)) throw new Error(`no column ${name}: there are ${Object.keys(columns)}`)
    const why = missing(name, found)
    if (why) absent[name] = why
  }
  return absent
}
