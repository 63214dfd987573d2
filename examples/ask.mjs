// Asks a program that answers each line with a line, as bc does. It has SECONDS for all.
//
//   printf '6*7\n2^10\n' | node examples/ask.mjs SECONDS bc
import { createInterface } from 'node:readline'
import { run } from 'uring-spawn'

const [seconds, file, ...args] = process.argv.slice(2)
const program = run(file, args, {
  input: true,
  timeout: Number(seconds) * 1000,
  killTarget: 'group', // with all that it has started
  onParentExit: 'kill',
  maxBuffer: 64 * 1024,
  check: true,
})
const answers = program.lines()

try {
  for await (const question of createInterface({ input: process.stdin })) {
    program.stdin.write(`${question}\n`)
    const { value: answer, done } = await answers.next()
    if (done) break
    console.log(`${question} = ${answer}`)
  }
  program.stdin.end()
  await program
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
