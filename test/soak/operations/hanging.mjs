// Children that hang before their start, and ends that a debugger hides.
import { once } from 'node:events'
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { holds, like, outcome, same } from '../check.mjs'
import { collect } from '../collect.mjs'

/** A FIFO whose other end is opened after a while. */
export async function fifoOpened(task) {
  const { random, world } = task
  const fifo = world.fifos.take()
  if (!fifo) return
  const word = `through ${random.next()}`
  const starting = task.spawn(['copy'], { stdio: [{ path: fifo }, 'pipe', 'inherit'] })
  await sleep(random.pick([0, 1, random.between(2, 80)]))
  const fd = openSync(fifo, constants.O_RDWR)
  writeSync(fd, word)
  const child = await starting
  closeSync(fd)
  same((await collect(child.stdout)).toString(), word, 'what went through the FIFO')
  like(await child.exited, { code: 0, signal: null }, 'exit')
  world.fifos.give(fifo)
  task.count('opens that hung')
}

/** Waits for starts that hang, and that a timeout or an abort ends. */
async function ended(task, start) {
  const { random } = task
  const controller = new AbortController()
  const times = random.chance(0.5)
  const ms = random.between(1, 80)
  const options = times ? { timeout: ms } : { signal: controller.signal }
  const many = Array.from({ length: random.between(1, 4) }, () => outcome(start(options)))
  if (!times) {
    await sleep(ms)
    controller.abort()
  }
  for (const { value, error } of await Promise.all(many)) {
    // run() resolves, spawn() rejects.
    if (times) like(value ?? error, { timedOut: true }, 'timeout')
    else like(error, { name: 'AbortError' }, 'error')
    if (value) holds(value.step, 'a start that hangs succeeded')
  }
  task.count(times ? 'timeouts' : 'aborts', many.length)
}

/** A FIFO that nobody opens. */
export async function fifoEnded(task) {
  const { world } = task
  const fifo = world.fifos.take()
  if (!fifo) return
  await ended(task, (options) =>
    task.spawn(['copy'], { ...options, stdio: [{ path: fifo }, 'ignore', 'ignore'] }),
  )
  world.fifos.give(fifo)
  task.count('opens that hung')
}

/**
 * Starts a helper that says a word once it has taken hold of something. Resolves
 * to a function that has it let go, or to undefined if there was nothing to hold.
 */
async function holding(task, helper, target) {
  const holder = await task.spawnFile(helper, [target], { stdio: ['pipe', 'pipe', 'ignore'] })
  const said = await Promise.race([once(holder.stdout, 'data'), holder.exited])
  if ('code' in said) {
    holder.stdout.destroy()
    return undefined
  }
  same(said.toString(), 'held\n', `what ${helper} says`)
  holder.stdout.resume()
  return async () => {
    holder.stdin.end()
    like(await holder.exited, { code: 0, signal: null }, `exit of ${helper}`)
  }
}

/** A file whose lease another process has: its exec hangs, is ended, or happens later. */
export async function leased(task) {
  const { random, world } = task
  const program = world.programs.take()
  if (!program) return
  const release = await holding(task, world.lease, program)
  holds(release, 'there was no lease of a file that nobody has open')
  if (random.chance(0.5)) {
    await ended(task, (options) => task.runFile(program, ['exit', 0], options))
    await release()
  } else {
    const running = Array.from({ length: random.between(1, 3) }, (_, at) =>
      task.runFile(program, ['exit', at]),
    )
    await sleep(random.between(0, 80))
    await release()
    const codes = (await Promise.all(running)).map(({ exitCode }) => exitCode)
    same(codes, [0, 1, 2].slice(0, codes.length), 'exit codes')
  }
  world.programs.give(program)
  task.count('execs that hung')
}

/** A child that a debugger holds beyond its end. */
export async function debugged(task) {
  const { random, world } = task
  const child = await task.spawn(['copy', 'exit', 9], { stdio: ['pipe', 'ignore', 'ignore'] })
  const release = await holding(task, world.hold, child.pid)
  holds(release, 'the debugger did not get hold of a child that runs')
  let over = false
  child.exited.then(() => {
    over = true
  })
  const kills = random.chance(0.5)
  if (kills) same(child.kill(random.pick(['SIGKILL', 'SIGTERM'])), true, 'kill()')
  else child.stdin.end()
  await sleep(random.between(0, 200))
  holds(!over, 'the end of a child that a debugger holds came before the debugger let it go')
  await release()
  const { code, signal } = await child.exited
  holds(
    kills ? signal === 'SIGKILL' || signal === 'SIGTERM' : code === 9,
    `exit is ${code}, ${signal}`,
  )
  task.count('ends that a debugger hid')
}

/** A debugger that comes and goes while the child lives; a timeout ends it later. */
export async function released(task) {
  const { random, world } = task
  const { value: child, error } = await outcome(
    task.spawn(['sleep', 600_000], { stdio: 'ignore', timeout: random.between(50, 300) }),
  )
  if (error) return like(error, { name: 'SpawnError', code: 'ETIMEDOUT' }, 'error')
  // Unless the timeout was faster.
  const release = await holding(task, world.hold, child.pid)
  if (release) {
    await sleep(random.between(0, 100))
    await release()
    task.count('ends that a debugger hid')
  }
  like(await child.exited, { code: null, signal: 'SIGTERM' }, 'exit')
  task.count('timeouts')
}
