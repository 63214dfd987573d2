// ../build.mjs by node:child_process alone. What it cannot do: keep the order of both outputs,
// and end the tasks if it is ended by SIGKILL.
import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

const maxBuffer = 64 * 1024
const killGrace = 5000
/** The groups of the tasks that run. */
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

function signalAll(signal) {
  for (const pid of running) signalGroup(pid, signal)
}
process.on('exit', () => signalAll('SIGKILL'))
for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']) {
  process.once(signal, () => {
    signalAll('SIGKILL')
    process.kill(process.pid, signal)
  })
}

const waiting = new Map(Object.entries(JSON.parse(readFileSync(process.argv[2], 'utf8'))))
const done = new Set()
const events = new EventEmitter().setMaxListeners(0)
let failed = false
let killed = false

/** Ends the tasks that run; no more are started. */
async function stop() {
  failed = true
  events.emit('done')
  signalAll('SIGTERM')
  await sleep(killGrace, undefined, { ref: false })
  killed = true
  signalAll('SIGKILL')
}

/** Says what the first failure is, and stops the build. */
function fail(name, problem, output) {
  if (failed) return
  console.error(`${name}: ${problem}\n${output}`.trim())
  process.exitCode = 1
  stop()
}

async function runTask(name, command) {
  let output = Buffer.alloc(0)
  let child
  try {
    child = spawn(command, { shell: true, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    // At once, or a signal could come before.
    if (child.pid) running.add(child.pid)
    await once(child, 'spawn')
  } catch (error) {
    fail(name, error.message, '')
    return
  }
  const { pid, stdout, stderr } = child
  for (const stream of [stdout, stderr]) {
    stream.on('data', (chunk) => {
      output = Buffer.concat([output, chunk]).subarray(-maxBuffer)
    })
  }
  const closed = once(child, 'close')
  const [exitCode, signal] = await once(child, 'exit')
  // What the task has started may take longer to end, or have left the group with the output.
  while (failed && !killed && signalGroup(pid, 0)) await sleep(20)
  running.delete(pid)
  if (failed) for (const stream of [stdout, stderr]) stream.destroy()
  await closed
  if (signal) fail(name, `it was ended by ${signal}`, output)
  else if (exitCode !== 0) fail(name, `it exited with ${exitCode}`, output)
  if (failed) return
  console.log(`${name}: ${output.toString().trim()}`)
  done.add(name)
  events.emit('done')
}

let active = 0
async function work() {
  while (waiting.size > 0 && !failed) {
    const next = [...waiting].find(([, { needs }]) => needs.every((name) => done.has(name)))
    if (next) {
      const [name, { command }] = next
      waiting.delete(name)
      active++
      await runTask(name, command)
      active--
    } else if (active > 0) {
      await once(events, 'done')
    } else {
      fail([...waiting.keys()].join(', '), 'each needs another that is not done', '')
    }
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, work))
