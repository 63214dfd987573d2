// Runs tools for an agent: each call is bounded in time and output, and always
// gives the agent a text that tells what went wrong, if anything did.
//
//   node examples/agent-tools.mjs
import { run, SpawnError } from 'uring-spawn'

/**
 * @returns {Promise<string>} the output, with notes in brackets; rejects only if
 *   this program itself has a bug
 */
export async function callTool([file, ...args], { cwd, signal } = {}) {
  try {
    const result = await run(file, args, {
      cwd,
      signal,
      timeout: 30_000,
      killGrace: 2_000,
      maxBuffer: 64 * 1024,
      overflow: 'truncate',
    })
    const notes = [
      result.timedOut && 'timed out after 30 s',
      result.truncated && 'output truncated at 64 KiB',
      result.signal && `killed by ${result.signal}`,
      result.exitCode && `exit code ${result.exitCode}`,
    ].filter(Boolean)
    return [result.stdout, result.stderr, notes.length > 0 && `[${notes.join(', ')}]`]
      .filter(Boolean)
      .join('\n')
      .trim()
  } catch (error) {
    // The program did not start. The message names the step that failed, and the file.
    if (error instanceof SpawnError) return `[${error.message}]`
    throw error
  }
}

for (const call of [
  ['echo', 'hello'],
  ['sh', '-c', 'echo sorry >&2; exit 3'],
  ['no-such-tool'],
  ['head', '-c', '100000', '/dev/zero'],
]) {
  const said = await callTool(call)
  console.log(
    `${call[0]}: ${said.slice(0, 100).replaceAll('\0', '0')}${said.length > 100 ? '…' : ''}`,
  )
}
console.log(await callTool(['pwd'], { cwd: '/no-such-folder' }))
