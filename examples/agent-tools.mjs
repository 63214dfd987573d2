// Runs tools for an agent: each call is bounded in time and output, and always
// gives the agent a text that tells what went wrong, if anything did.
//
//   node examples/agent-tools.mjs
import { RunError, run, SpawnError } from 'uring-spawn'

const limits = {
  timeout: 30_000,
  killTarget: 'group',
  maxBuffer: 64 * 1024,
  all: true,
  keep: 'both',
  check: true,
}

/**
 * @returns {Promise<string>} the output, with what went wrong in brackets; rejects only if
 *   this program itself has a bug
 */
export async function callTool([file, ...args], { cwd, signal } = {}) {
  try {
    const { all, truncated } = await run(file, args, { ...limits, cwd, signal })
    return truncated ? `${all}\n[only the beginning and the end]` : all
  } catch (error) {
    // The message names the step that failed, and the file.
    if (error instanceof SpawnError) return `[${error.message}]`
    if (error instanceof RunError) return `${error.result.all}[${error.reason}]`
    throw error
  }
}

for (const call of [
  ['echo', 'hello'],
  ['sh', '-c', 'echo sorry >&2; exit 3'],
  ['no-such-tool'],
  ['head', '-c', '100000', '/dev/zero'],
]) {
  const said = (await callTool(call)).trim()
  console.log(
    `${call[0]}: ${said.slice(0, 100).replaceAll('\0', '0')}${said.length > 100 ? '…' : ''}`,
  )
}
console.log(await callTool(['pwd'], { cwd: '/no-such-folder' }))
