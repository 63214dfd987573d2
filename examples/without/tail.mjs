// ../tail.mjs by node:child_process alone. What it cannot do: end the program if it is itself
// ended by SIGKILL.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const [file, word, count] = process.argv.slice(2)
const maxBuffer = 64 * 1024
const maxLine = 1024 * 1024

process.on('exit', () => tail.kill('SIGKILL'))
for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']) {
  process.once(signal, () => {
    tail.kill('SIGKILL')
    process.kill(process.pid, signal)
  })
}
// After that, or a signal could come before.
const tail = spawn('tail', ['-n', '+1', '-F', file], { stdio: ['ignore', 'pipe', 'pipe'] })
await once(tail, 'spawn')
const closed = once(tail, 'close')

let stderr = ''
tail.stderr.setEncoding('utf8').on('data', (text) => {
  stderr = (stderr + text).slice(0, maxBuffer)
})

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

let left = Number(count)
for await (const line of linesOf(tail.stdout)) {
  if (!line.includes(word)) continue
  console.log(line)
  left -= 1
  if (left === 0) break
}
tail.kill()
const [exitCode] = await closed
if (left > 0) {
  console.error(`tail exited with ${exitCode}: ${stderr.trim()}`)
  process.exitCode = 1
}
