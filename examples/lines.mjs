// Reads a program's output line by line while it runs, and ends it after the third
// line.
//
//   node examples/lines.mjs
import { createInterface } from 'node:readline'
import { spawn } from 'uring-spawn'

const line = 'n=0; while :; do n=$((n+1)); echo "line $n"; sleep 0.05; done'
const child = await spawn('sh', ['-c', line], { stdio: ['ignore', 'pipe', 'inherit'] })
console.log(`started by ${child.backend}`)

let count = 0
for await (const text of createInterface({ input: child.stdout })) {
  console.log(text)
  if (++count === 3) child.kill()
  if (count >= 3) break
}
const { signal } = await child.exited
console.log(`ended by ${signal}`)
