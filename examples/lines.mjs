// Reads a program's output line by line while it runs, and ends it after the third
// line.
//
//   node examples/lines.mjs
import { run } from 'uring-spawn'

const counting = run('sh', ['-c', 'n=0; while :; do echo "line $((n += 1))"; sleep 0.05; done'])
let count = 0
for await (const line of counting) {
  console.log(line)
  if (++count === 3) break
}
counting.kill()
const { signal, backend } = await counting
console.log(`started by ${backend}, ended by ${signal}`)
