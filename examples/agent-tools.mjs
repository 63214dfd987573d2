// Runs a tool for an agent: bounded in time and output, never in doubt about
// what went wrong.
//
//   node examples/agent-tools.mjs
import { run, SpawnError } from 'uring-spawn'

/** @returns what the agent is told: always text, whatever happens */
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
      result.timedOut && 'ended after 30 s',
      result.truncated && 'output cut at 64 KiB',
      result.signal && `ended by ${result.signal}`,
      result.exitCode && `exit code ${result.exitCode}`,
    ].filter(Boolean)
    return [result.stdout, result.stderr, notes.length > 0 && `[${notes.join(', ')}]`]
      .filter(Boolean)
      .join('\n')
      .trim()
  } catch (error) {
    // It did not start. The message says which step failed, and on what.
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
