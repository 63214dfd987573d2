// ../ask.mjs by node:child_process alone. What it cannot do: end the program if it is itself
// ended by SIGKILL.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const maxBuffer = 64 * 1024
const maxLine = 1024 * 1024
const killGrace = 5000

/** Returns whether the group has any members. */
function signalGroup(pid, signal) {
  try {
    return process.kill(-pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
    return false
  }
}

/** A line that is too long comes in pieces. */
async function* linesOf(stream) {
  let rest = ''
  for await (const text of stream.setEncoding('utf8')) {
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    yield* lines
    if (rest.length > maxLine) {
      yield rest
      rest = ''
    }
  }
  if (rest !== '') yield rest
}

async function ask([seconds, file, ...args]) {
  let pid
  let running = false
  const killGroup = () => running && signalGroup(pid, 'SIGKILL')
  process.on('exit', killGroup)
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']) {
    process.once(signal, () => {
      killGroup()
      process.kill(process.pid, signal)
    })
  }
  // After that, or a signal could come before.
  const program = spawn(file, args, { detached: true })
  const { stdin, stdout, stderr } = program
  pid = program.pid
  running = pid !== undefined
  await once(program, 'spawn')
  const closed = once(program, 'close')

  let said = ''
  stderr.setEncoding('utf8').on('data', (text) => {
    said = (said + text).slice(0, maxBuffer)
  })
  // It may end before it has read everything.
  stdin.on('error', () => {})
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
  }, Number(seconds) * 1000)
  const exited = once(program, 'exit').then(async ([exitCode, signal]) => {
    running = false
    // What the program has started may take longer to end.
    while (timedOut && !killed && signalGroup(pid, 0)) await sleep(20)
    if (timedOut) stopReading()
    return [exitCode, signal]
  })

  const answers = linesOf(stdout)
  for await (const question of createInterface({ input: process.stdin })) {
    stdin.write(`${question}\n`)
    const { value: answer, done } = await answers.next().catch(() => ({ done: true }))
    if (done) break
    console.log(`${question} = ${answer}`)
  }
  stdin.end()
  stdout.resume()
  const [exitCode, signal] = await exited
  await closed
  clearTimeout(timer)
  clearTimeout(killTimer)
  const end = said.trim() === '' ? '' : `: ${said.trim()}`
  if (timedOut) throw new Error(`${file} timed out${end}`)
  if (signal) throw new Error(`${file} was ended by ${signal}${end}`)
  if (exitCode !== 0) throw new Error(`${file} exited with ${exitCode}${end}`)
}

try {
  await ask(process.argv.slice(2))
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
