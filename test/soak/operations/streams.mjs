// spawn(), whose streams are used in all ways, or not at all.
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { holds, like, same, sameBytes } from '../check.mjs'
import { collect } from '../collect.mjs'
import { pattern } from '../pattern.mjs'

/** As much as a pipe holds however little of it the user may have. */
const FITS = 4096

const exits = async (child, wanted, what = 'exit') => {
  const { code, signal } = await child.exited
  same([code, signal], wanted, what)
}

/** Nobody looks at the streams. */
export async function untouched(task) {
  const { random } = task
  const words = ['fill', 1, 0, random.size(FITS), 'fill', 2, 0, random.size(FITS)]
  await exits(await task.spawn(words), [0, null])
}

/** Nobody looks at the child: it is not even waited for. */
export async function forgotten(task) {
  const { random } = task
  const stdio = random.pick(['ignore', 'pipe'])
  const child = await task.spawn(['sleep', random.between(0, 20)], { stdio })
  if (random.chance(0.3)) child.unref()
}

/** Read after the end. */
export async function late(task) {
  const { random } = task
  const [seed, size] = [random.next(), random.size(FITS)]
  const child = await task.spawn(['fill', 1, seed, size], { stdio: ['ignore', 'pipe', 'ignore'] })
  await exits(child, [0, null])
  sameBytes(await collect(child.stdout), pattern(seed, size), 'stdout')
}

/** Destroyed while the child writes: that ends it. */
export async function destroyed(task) {
  const child = await task.spawn(['fill', 1, 0, 1_000_000_000], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  if (task.random.chance(0.5)) await once(child.stdout, 'data')
  child.stdout.destroy()
  await exits(child, [null, 'SIGPIPE'])
}

/** Written to and read from. */
export async function conversation(task) {
  const { random } = task
  const [seed, size] = [random.next(), random.size(300_000)]
  const child = await task.spawn(['copy'], { stdio: ['pipe', 'pipe', 'ignore'] })
  const bytes = pattern(seed, size)
  for (let at = 0; at < size; ) {
    const end = Math.min(size, at + random.between(1, 100_000))
    child.stdin.write(bytes.subarray(at, end))
    at = end
  }
  child.stdin.end()
  sameBytes(await collect(child.stdout), bytes, 'stdout')
  await exits(child, [0, null])
}

/** The child ends without reading: the writer learns of it. */
export async function refused(task) {
  const child = await task.spawn(['sleep', task.random.between(0, 5)], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const errors = []
  child.stdin.on('error', ({ code }) => errors.push(code))
  const closed = new Promise((resolve) => child.stdin.once('close', resolve))
  child.stdin.write(pattern(0, 200_000))
  await exits(child, [0, null])
  await closed
  holds(
    errors.every((code) => code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED'),
    `errors of stdin: ${errors}`,
  )
}

/** Two children, connected through here. */
export async function piped(task) {
  const { random } = task
  const [seed, size] = [random.next(), random.size(300_000)]
  const [from, to] = await Promise.all([
    task.spawn(['fill', 1, seed, size], { stdio: ['ignore', 'pipe', 'inherit'] }),
    task.spawn(['expect', seed, size], { stdio: ['pipe', 'ignore', 'inherit'] }),
  ])
  await pipeline(from.stdout, to.stdin)
  await exits(from, [0, null], 'exit of the writer')
  await exits(to, [0, null], 'exit of the reader')
}

/** Two children, the second with the stream of the first as its input. */
export async function passed(task) {
  const { random } = task
  const [seed, size] = [random.next(), random.size(300_000)]
  const from = await task.spawn(['fill', 1, seed, size], { stdio: ['ignore', 'pipe', 'inherit'] })
  const to = await task.spawn(['expect', seed, size], { stdio: [from.stdout, 'ignore', 'inherit'] })
  from.stdout.destroy()
  await exits(to, [0, null], 'exit of the reader')
  await exits(from, [0, null], 'exit of the writer')
}

/** Its streams and its exit, in whatever order. */
export async function disposed(task) {
  const child = await task.spawn(['sleep', 600_000])
  if (task.random.chance(0.5)) child.stdout.resume()
  await child[Symbol.asyncDispose]()
  like(await child.exited, { code: null, signal: 'SIGKILL' }, 'exit')
  same(child.kill(), false, 'kill() after the end')
}
