// Measures on the patched kernel, in a machine of the lab.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { workspaceEnv } from '../bench/agent-tools/workspace.mjs'
import { buildKernel, runInLab } from '../bench/lib/lab.mjs'
import { root } from '../tools/paths.mjs'
import { programFiles, quoted } from '../tools/programs.mjs'
import { alsoStarted, calls } from './calls.mjs'

const MACHINE = { cpus: 2, memory: '2G' }
/** Seconds after which a machine hangs. */
const TIMEOUT = 900
const OURS = ['dist', 'build/Release/uring_spawn.node', 'demo', 'bench/lib', 'package.json']

export { buildKernel }

/** The plan's measurement, as measure() gives it; see inside.mjs for the other end. */
export async function measureInLab(plan, { signal, progress }) {
  // out/ is the one folder that the machine can write to.
  const out = join(root, 'out/demo')
  mkdirSync(out, { recursive: true })
  const folder = mkdtempSync(join(out, 'lab-'))
  try {
    const result = join(folder, 'result.json')
    writeFileSync(join(folder, 'files'), filesToCopy().join('\0'))
    writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan))
    writeFileSync(join(folder, 'run.sh'), script(folder))
    const options = ['--smp', String(MACHINE.cpus), '--memory', MACHINE.memory]
    const command = ['sh', join(folder, 'run.sh')]
    await runInLab([...options, '--timeout', String(TIMEOUT)], command, progress, signal)
    if (!existsSync(result)) throw new Error(`the machine ended without ${result}`)
    return JSON.parse(readFileSync(result, 'utf8'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function filesToCopy() {
  const tools = [...new Set([...calls.map(({ tool }) => tool), ...alsoStarted])]
  const found = programFiles(tools, workspaceEnv().PATH ?? '')
  return [...new Set([...found, ...OURS.map((path) => join(root, path))])]
}

/**
 * Opening a file of the host's is a request to the host, which would be measured
 * instead of the start. A change of mode makes the machine's overlay copy the
 * file into its own memory; files missing from the list still work.
 */
const script = (folder) => `
xargs -0 chmod -R u+r < ${quoted(join(folder, 'files'))} || exit
exec ${quoted(process.execPath)} ${quoted(join(root, 'demo/inside.mjs'))} ${quoted(folder)}
`
