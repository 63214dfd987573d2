/** Programs that use the drop-in, each in a Node of its own. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { HANG } from '../support.js'

export const register = new URL('../../dist/child-process/register.js', import.meta.url).href
export const childProcess = new URL('../../dist/child-process/index.js', import.meta.url).href

/** Whether uring-spawn starts `child`: then its pid can only be waited for. */
export const ours = `
  const ours = (child) => {
    child.on('error', () => {})
    return Object.getOwnPropertyDescriptor(child, 'pid').get !== undefined
  }
`

/** For a test file: a folder that is removed at its end, and what runs programs there. */
export function programs() {
  const dir = mkdtempSync(join(tmpdir(), 'drop-in-'))
  afterAll(() => rmSync(dir, { recursive: true }))
  let files = 0

  /** Runs a module in a Node of its own; returns what it prints, and how it ended. */
  function node(code: string, args: string[] = [], env: NodeJS.ProcessEnv = {}) {
    const file = join(dir, `${files++}.mjs`)
    writeFileSync(file, `import cp, { spawn } from 'node:child_process'\n${ours}\n${code}`)
    const { status, stdout, stderr } = spawnSync(process.execPath, [...args, file], {
      encoding: 'utf8',
      timeout: HANG,
      env: { ...process.env, ...env },
    })
    return { status, lines: stdout.split('\n').filter(Boolean), stderr }
  }

  const registered = (code: string, env?: NodeJS.ProcessEnv) =>
    node(code, ['--import', register], env)

  return { dir, node, registered }
}
