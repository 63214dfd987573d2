// What a worker of workers.mjs does.
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { run, spawn } from '../../../dist/index.js'
import { pattern } from '../pattern.mjs'
import { Random } from '../random.mjs'

const { mode, witness, fifo, seed, backend } = workerData
const random = new Random(seed, 0)
const words = (...list) => list.map(String)
const wrong = []

/** Output that has to be right. */
async function right(n) {
  const size = random.size(100_000)
  const { stdout, exitCode } = await run(witness, words('copy', 'exit', n), {
    ...{ backend, encoding: 'buffer', input: pattern(n, size) },
  })
  if (exitCode !== n || Buffer.compare(stdout, pattern(n, size)) !== 0) wrong.push(n)
}

/** Nobody will wait for these: sleeping, writing, reading, hanging in an open. */
const left = [
  () => spawn(witness, words('sleep', random.between(1, 300)), { backend }),
  () => spawn(witness, words('fill', 1, 0, 1_000_000), { backend }),
  () => spawn(witness, words('copy'), { backend }),
  () => spawn(witness, words('sleep', 100), { backend, stdio: 'ignore', timeout: 20 }),
  () => run(witness, words('sleep', 200, 'say', 1, 'x'), { backend }),
  () => run(witness, words('expect', 0, 500_000), { backend, input: pattern(0, 500_000) }),
  () => run(witness, words('exit', 0), { backend, stdio: [{ path: fifo ?? '/dev/null' }] }),
]

const count = random.between(1, 12)
if (mode === 'done') {
  await Promise.all(Array.from({ length: count }, (_, n) => right(n)))
  parentPort.postMessage({ processes: count, wrong })
} else {
  for (let i = 0; i < count; i++) {
    const made = random.pick(left)()
    made.then(
      (child) => random.chance(0.3) && child.stdout?.resume?.(),
      () => {},
    )
    if (random.chance(0.3)) await sleep(random.between(0, 10))
    if (i === count - 1) parentPort.postMessage({ processes: count })
  }
  setInterval(() => {}, 1_000)
}
