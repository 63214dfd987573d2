// What run() collects, and what it writes.
import { like, same, sameBytes } from '../check.mjs'
import { MOST, pattern } from '../pattern.mjs'

/** Nothing but an exit code. */
export async function code(task) {
  const { random } = task
  const wanted = random.between(0, 255)
  const child = await task.spawn(['exit', wanted], { stdio: 'ignore' })
  same(child.backend, task.backend, 'backend')
  const { code, signal } = await child.exited
  same([code, signal], [wanted, null], 'exit')
}

/** A signal that ends the program from inside. */
export async function signal(task) {
  const [number, name] = task.random.pick([
    [1, 'SIGHUP'],
    [6, 'SIGABRT'],
    [9, 'SIGKILL'],
    [13, 'SIGPIPE'],
    [15, 'SIGTERM'],
  ])
  const result = await task.run(['say', 1, 'before', 'raise', number], { rlimits: { core: 0 } })
  like(result, { exitCode: null, signal: name, timedOut: false }, 'result')
  same(result.stdout.toString(), 'before\n', 'stdout')
}

/** Both outputs, of any size. */
export async function output(task) {
  const { random } = task
  const [seed, out, err] = [random.next(), random.size(MOST), random.size(MOST / 8)]
  const { stdout, stderr, truncated, exitCode } = await task.run([
    ...['fill', 1, seed, out],
    ...['fill', 2, seed, err],
  ])
  sameBytes(stdout, pattern(seed, out), 'stdout')
  sameBytes(stderr, pattern(seed, err), 'stderr')
  same([truncated, exitCode], [false, 0], 'truncated, exitCode')
}

/** Text that a string holds. */
export async function text(task) {
  const wanted = `${task.random.next()} ü €`
  const { stdout } = await task.run(['say', 1, wanted], { encoding: 'utf8' })
  same(stdout, `${wanted}\n`, 'stdout')
}

/** Input and output of any size at once, of any kind of memory. */
export async function input(task) {
  const { random } = task
  const [seed, size] = [random.next(), random.size(MOST)]
  const bytes = pattern(seed, size)
  const kinds = [
    () => bytes,
    () => new DataView(bytes.buffer, bytes.byteOffset, size),
    () => Uint8Array.from(bytes).buffer,
  ]
  const { stdout, exitCode } = await task.run(['copy'], { input: random.pick(kinds)() })
  same(exitCode, 0, 'exitCode')
  sameBytes(stdout, bytes, 'stdout')
}

/** Input that the program reads, and says to be right, or does not read at all. */
export async function unread(task) {
  const { random } = task
  const [seed, size] = [random.next(), random.size(MOST)]
  const reads = random.chance(0.5)
  const { exitCode } = await task.run(reads ? ['expect', seed, size] : ['exit', 7], {
    input: pattern(seed, size),
  })
  same(exitCode, reads ? 0 : 7, 'exitCode')
}

/** More than is kept. */
export async function truncated(task) {
  const { random } = task
  const [seed, size] = [random.next(), random.between(1, MOST)]
  const maxBuffer = random.size(size)
  const result = await task.run(['fill', 1, seed, size], { maxBuffer })
  same([result.truncated, result.exitCode], [true, 0], 'truncated, exitCode')
  sameBytes(result.stdout, pattern(seed, maxBuffer), 'stdout')
}

/** More than is allowed: the program is ended, and writes no end of it. */
export async function overflow(task) {
  const { random } = task
  const [seed, maxBuffer] = [random.next(), random.size(MOST / 2)]
  const result = await task.run(['fill', 1, seed, MOST, 'sleep', 600_000], {
    ...{ maxBuffer, overflow: 'kill', killSignal: random.pick(['SIGTERM', 'SIGKILL']) },
  })
  same([result.truncated, result.exitCode], [true, null], 'truncated, exitCode')
  sameBytes(result.stdout, pattern(seed, maxBuffer), 'stdout')
}

/** A grandchild that still writes after the child's end. */
export async function grandchild(task) {
  const word = `late ${task.random.next()}`
  const ms = task.random.between(1, 50)
  const { stdout } = await task.run(['say', 1, 'early', 'linger', ms, word])
  task.started()
  same(stdout.toString(), `early\n${word}\n`, 'stdout')
}
