// A chain built by hand: open a file, make it the child's standard output,
// enter a directory, execute a program. Prints what each step returned, and
// what the program wrote.
//
//   node examples/chain.mjs
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  clone,
  dup,
  exec,
  FD_LAST,
  fchdir,
  O_CLOEXEC,
  O_PATH,
  openat,
  Ring,
} from 'uring-spawn/chain'

const O_WRONLY_CREAT_TRUNC = 0o1 | 0o100 | 0o1000
const output = join(tmpdir(), `chain-${process.pid}`)

const ring = new Ring()
console.log(ring.backend)

const running = ring.submit([
  clone(),
  openat(output, O_WRONLY_CREAT_TRUNC | O_CLOEXEC, 0o600),
  dup(FD_LAST, 1),
  openat('/etc', O_PATH | O_CLOEXEC),
  fchdir(FD_LAST),
  exec('/bin/pwd'),
])
for (const { op, res } of await running) console.log(op.padEnd(10), res)

const { code } = await running.exited
console.log(`exited with ${code}`)
process.stdout.write(readFileSync(output))
rmSync(output)
