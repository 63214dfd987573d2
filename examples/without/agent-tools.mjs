// ../agent-tools.mjs by node:child_process alone. What it cannot do: keep the order of both
// outputs, and end the tools if it is ended by SIGKILL.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const maxBuffer = 64 * 1024
const killGrace = 5000
/** The groups of the tools that run. */
const running = new Set()

/** Returns whether the group has any members. */
function signalGroup(pid, signal) {
  try {
    return process.kill(-pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
    return false
  }
}

function killAll() {
  for (const pid of running) signalGroup(pid, 'SIGKILL')
}
process.on('exit', killAll)
for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']) {
  process.once(signal, () => {
    killAll()
    process.kill(process.pid, signal)
  })
}

/** The beginning and the end of what is added. */
class Output {
  truncated = false
  #kept = Buffer.alloc(0)

  add(chunk) {
    this.#kept = Buffer.concat([this.#kept, chunk])
    const excess = this.#kept.length - maxBuffer
    if (excess <= 0) return
    const half = maxBuffer / 2
    this.#kept = Buffer.concat([this.#kept.subarray(0, half), this.#kept.subarray(half + excess)])
    this.truncated = true
  }

  toString() {
    return this.#kept.toString()
  }
}

async function callTool({ command: [file, ...args], cwd = '.', timeout = 30_000 }) {
  const output = new Output()
  const answer = (problem) => ({ output: `${output}`, truncated: output.truncated, problem })
  // Node's error would say that the program is missing.
  if (!existsSync(cwd)) return answer('ENOENT at cwd')
  let child
  try {
    child = spawn(file, args, { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    // At once, or a signal could come before.
    if (child.pid) running.add(child.pid)
    await once(child, 'spawn')
  } catch (error) {
    return answer(`${error.code} at exec`)
  }
  const { pid, stdout, stderr } = child
  for (const stream of [stdout, stderr]) stream.on('data', (chunk) => output.add(chunk))
  // Something that has left the group may hold them open.
  const stopReading = () => {
    for (const stream of [stdout, stderr]) stream.destroy()
  }

  let timedOut = false
  let killed = false
  let killTimer
  const timer = setTimeout(() => {
    timedOut = true
    if (!signalGroup(pid, 'SIGTERM')) stopReading()
    killTimer = setTimeout(() => {
      killed = true
      signalGroup(pid, 'SIGKILL')
      stopReading()
    }, killGrace)
  }, timeout)

  const closed = once(child, 'close')
  const [exitCode, signal] = await once(child, 'exit')
  running.delete(pid)
  // What the tool has started may take longer to end.
  while (timedOut && !killed && signalGroup(pid, 0)) await sleep(20)
  if (timedOut) stopReading()
  await closed
  clearTimeout(timer)
  clearTimeout(killTimer)
  if (timedOut) return answer(`timeout: ${exitCode ?? signal}`)
  if (signal) return answer(`signal: ${signal}`)
  return answer(exitCode === 0 ? undefined : `exit: ${exitCode}`)
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await callTool(JSON.parse(line))))
}
