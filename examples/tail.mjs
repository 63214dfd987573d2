// Follows a log file, through its rotations too, and prints the lines that contain WORD,
// until there have been COUNT of them.
//
//   node examples/tail.mjs FILE WORD COUNT
import { run } from 'uring-spawn'

const [file, word, count] = process.argv.slice(2)
const tail = run('tail', ['-n', '+1', '-F', file], { maxBuffer: 64 * 1024, onParentExit: 'kill' })

let left = Number(count)
for await (const line of tail) {
  if (!line.includes(word)) continue
  console.log(line)
  left -= 1
  if (left === 0) break
}
tail.kill()
const { exitCode, stderr } = await tail
if (left > 0) {
  console.error(`tail exited with ${exitCode}: ${stderr.trim()}`)
  process.exitCode = 1
}
