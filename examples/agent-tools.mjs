// Runs tools for an agent. Each line of stdin is a call, as JSON, and is answered by a line:
// what the tool wrote, bounded in time and size, and the problem, if there was one.
//
//   echo '{"command":["ls","-l"]}' | node examples/agent-tools.mjs
import { createInterface } from 'node:readline'
import { run } from 'uring-spawn'

const limits = {
  timeout: 30_000,
  killTarget: 'group', // with all that it has started
  onParentExit: 'kill',
  all: true,
  maxBuffer: 64 * 1024,
  keep: 'both', // the beginning and the end
  check: true,
}

async function callTool({ command: [file, ...args], ...options }) {
  try {
    const { all, truncated } = await run(file, args, { ...limits, ...options })
    return { output: all, truncated }
  } catch (error) {
    const { all, truncated, exitCode, signal } = error.result ?? { all: '', truncated: false }
    const problem = error.reason
      ? `${error.reason}: ${exitCode ?? signal}`
      : `${error.code} at ${error.step}`
    return { output: all, truncated, problem }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await callTool(JSON.parse(line))))
}
