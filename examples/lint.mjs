// Checks each file that stdin names by a process of its own, and prints what it says of those
// that it complains about. A file that takes longer than SECONDS is one of them.
//
//   find . -name '*.sh' | node examples/lint.mjs SECONDS bash -n
import { createInterface } from 'node:readline'
import { batch } from 'uring-spawn'

const [seconds, ...linter] = process.argv.slice(2)

async function* commands() {
  for await (const file of createInterface({ input: process.stdin })) yield [...linter, file]
}

const options = {
  timeout: Number(seconds) * 1000,
  onParentExit: 'kill',
  all: true,
  maxBuffer: 64 * 1024,
  check: true,
  onProgress: ({ done, failed }) => process.stderr.write(`\r${done} done, ${failed} failed`),
}
for await (const { command, result, error } of batch(commands(), options)) {
  if (!error) continue
  console.log(`${command.at(-1)}: ${error.reason ?? error.code}\n${result?.all ?? ''}`.trim())
  process.exitCode = 1
}
