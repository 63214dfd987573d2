// ../lint.mjs by node:child_process alone. What it cannot do: keep the order of both outputs,
// and end the linters if it is ended by SIGKILL.
import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'

const [seconds, ...linter] = process.argv.slice(2)
const maxBuffer = 64 * 1024
const killGrace = 5000
const running = new Set()
const events = new EventEmitter().setMaxListeners(0)

function killAll() {
  for (const child of running) child.kill('SIGKILL')
}
process.on('exit', killAll)
for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']) {
  process.once(signal, () => {
    killAll()
    process.kill(process.pid, signal)
  })
}

/** Waits for the end of another process if there are too many. */
async function start([file, ...args]) {
  for (;;) {
    try {
      const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      // At once, or a signal could come before.
      if (child.pid) running.add(child)
      await once(child, 'spawn')
      return child
    } catch (error) {
      const isShortage = ['EAGAIN', 'EMFILE', 'ENFILE'].includes(error.code)
      if (!isShortage || running.size === 0) throw error
      await once(events, 'ended')
    }
  }
}

/** Returns what the linter says of the file, if it complains about it. */
async function lint(file) {
  let child
  try {
    child = await start([...linter, file])
  } catch (error) {
    return error.code
  }
  let output = Buffer.alloc(0)
  const streams = [child.stdout, child.stderr]
  for (const stream of streams) {
    stream.on('data', (chunk) => {
      if (output.length === maxBuffer) return
      output = Buffer.concat([output, chunk]).subarray(0, maxBuffer)
    })
  }
  // What the linter has started may hold them open.
  const stopReading = () => {
    for (const stream of streams) stream.destroy()
  }

  let timedOut = false
  let killTimer
  const timer = setTimeout(() => {
    timedOut = true
    if (!child.kill()) stopReading()
    killTimer = setTimeout(() => child.kill('SIGKILL'), killGrace)
  }, Number(seconds) * 1000)
  const closed = once(child, 'close')
  const [exitCode, signal] = await once(child, 'exit')
  running.delete(child)
  events.emit('ended')
  if (timedOut) stopReading()
  await closed
  clearTimeout(timer)
  clearTimeout(killTimer)
  if (exitCode === 0 && !timedOut) return undefined
  return `${timedOut ? 'timeout' : signal ? 'signal' : 'exit'}\n${output}`
}

const files = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
let done = 0
let failed = 0
async function work() {
  for (;;) {
    const { value: file, done: noMore } = await files.next()
    if (noMore) return
    const problem = await lint(file)
    done++
    if (problem !== undefined) {
      failed++
      console.log(`${file}: ${problem}`.trim())
      process.exitCode = 1
    }
    process.stderr.write(`\r${done} done, ${failed} failed`)
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work))
