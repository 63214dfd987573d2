// Builds many units at once, as make -j does. Stops at the first failure and prints
// which command failed.
//
//   node examples/build.mjs [FOLDER]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { BatchError, batch } from 'uring-spawn'

const dir = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'build-'))
const units = Array.from({ length: 24 }, (_, index) => `unit${index}`)
for (const unit of units) writeFileSync(join(dir, `${unit}.in`), `${unit}\n`.repeat(1000))

/** batch() asks for the next command when it has room for one. */
function* commands() {
  for (const unit of units) {
    yield ['gzip', '-9', '-c', `${unit}.in`]
  }
}

try {
  const options = {
    cwd: dir,
    concurrency: availableParallelism(),
    bail: true,
    encoding: 'buffer',
    onProgress: ({ done, failed }) => process.stderr.write(`\r${done} done, ${failed} failed`),
  }
  for await (const { index, result } of batch(commands(), options)) {
    if (result) writeFileSync(join(dir, `${units[index]}.gz`), result.stdout)
  }
  process.stderr.write('\n')
  console.log(`built ${units.length} units`)
} catch (error) {
  if (!(error instanceof BatchError)) throw error
  console.error(`\n${error.message}`)
  process.exitCode = 1
} finally {
  if (process.argv[2] === undefined) rmSync(dir, { recursive: true })
}
