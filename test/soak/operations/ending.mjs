// Timeouts, aborts and signals, at any moment of a start and of a life.
import { setTimeout as sleep } from 'node:timers/promises'
import { failure, holds, like, outcome, same } from '../check.mjs'

const FOREVER = 600_000

/** A timeout that may come before the start, or after it. */
export async function tinyTimeout(task) {
  const { random } = task
  const timeout = random.between(1, 5)
  const { value, error } = await outcome(task.run(['sleep', FOREVER], { timeout }))
  task.count('timeouts')
  if (error) throw error
  if (value.step !== null) {
    like(value, { timedOut: true, pid: null, exitCode: null, signal: null }, 'result')
    task.count('timeouts before the start')
  } else {
    like(value, { timedOut: true, signal: 'SIGTERM', killError: null }, 'result')
  }
}

/** A timeout about when the program ends by itself. */
export async function closeTimeout(task) {
  const { random } = task
  const ms = random.between(1, 30)
  const { value, error } = await outcome(
    task.run(['sleep', ms, 'say', 1, 'end', 'exit', 5], { timeout: ms }),
  )
  if (error) throw error
  if (value.step !== null) return like(value, { timedOut: true, signal: null }, 'result')
  if (value.timedOut) task.count('timeouts')
  if (value.signal === null) {
    like(value, { exitCode: 5 }, 'result')
    // A timeout between the end and its news cuts the output where it is: all of it is there.
    same(value.stdout.toString(), 'end\n', 'stdout')
  } else {
    like(value, { timedOut: true, exitCode: null, signal: 'SIGTERM' }, 'result')
  }
}

/** A program that does not mind the signal of a timeout. */
export async function grace(task) {
  const options = { timeout: task.random.between(50, 200), killGrace: 20 }
  const { value, error } = await outcome(task.run(['ignore', 15, 'sleep', FOREVER], options))
  task.count('timeouts')
  if (error) throw error
  if (value.step !== null) return like(value, { timedOut: true, signal: null }, 'result')
  // It may not have ignored it yet.
  like(value, { timedOut: true, signal: ['SIGKILL', 'SIGTERM'] }, 'result')
}

/** An abort at any moment: before the call, in its turn, in the start, in the life. */
export async function aborted(task) {
  const { random } = task
  const controller = new AbortController()
  const { signal } = controller
  const reason = new Error('enough')
  const abort = () => controller.abort(reason)
  const when = random.between(0, 4)
  if (when === 0) abort()
  const words = ['say', 1, 'begun', 'sleep', FOREVER]
  const failed = failure(task.run(words, { signal }), 'an aborted call')
  if (when === 1) abort()
  if (when === 2) queueMicrotask(abort)
  if (when === 3) setImmediate(abort)
  if (when === 4) setTimeout(abort, random.between(0, 50))
  const error = await failed
  task.count('aborts')
  like(error, { name: 'AbortError', code: 'ABORT_ERR', cause: reason }, 'error')
  if (error.result) like(error.result, { exitCode: null, signal: 'SIGTERM' }, 'result')
  else task.count('aborts before the start')
}

/** spawn(): an abort after the start shows in the exit. */
export async function abortedChild(task) {
  const { random } = task
  const controller = new AbortController()
  const { value: child, error } = await outcome(
    (async () => {
      setTimeout(() => controller.abort(), random.between(0, 30))
      return task.spawn(['sleep', FOREVER], {
        ...{ signal: controller.signal, killSignal: 'SIGINT', stdio: 'ignore' },
      })
    })(),
  )
  task.count('aborts')
  if (error) return like(error, { name: 'AbortError' }, 'error')
  like(await child.exited, { code: null, signal: 'SIGINT' }, 'exit')
}

/** kill(), also several times, and once it is over. */
export async function killed(task) {
  const { random } = task
  const signal = random.pick(['SIGTERM', 'SIGKILL', 'SIGUSR1', 'SIGHUP'])
  const child = await task.spawn(['sleep', FOREVER], { stdio: 'ignore' })
  if (random.chance(0.5)) await sleep(random.between(0, 20))
  same(child.kill(0), true, 'kill(0)')
  same(child.kill(signal), true, 'kill()')
  child.kill(signal)
  like(await child.exited, { code: null, signal }, 'exit')
  same([child.kill(signal), child.kill(0)], [false, false], 'kill() after the end')
}

/** A whole group: the child and what it has left behind. */
export async function group(task) {
  const { random } = task
  const how = random.pick([{ detached: true }, { processGroup: 0 }])
  const child = await task.spawn(['linger', FOREVER, 'no', 'say', 1, 'go', 'sleep', FOREVER], {
    ...how,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  task.started()
  const chunks = []
  // Its end is that of the grandchild, too.
  for await (const chunk of child.stdout) {
    if (chunks.push(chunk) === 1) {
      same(child.killGroup('SIGKILL'), true, 'killGroup()')
    }
  }
  like(await child.exited, { code: null, signal: 'SIGKILL' }, 'exit')
  same(Buffer.concat(chunks).toString(), 'go\n', 'stdout')
}

/** After a timeout, a grandchild that holds the output is not waited for. */
export async function grandchildHolds(task) {
  const { random } = task
  const start = performance.now()
  const ms = 1_000
  const { value, error } = await outcome(
    task.run(['linger', ms, 'late', 'sleep', FOREVER], {
      timeout: random.between(30, 100),
      killSignal: 'SIGKILL',
    }),
  )
  task.count('timeouts')
  if (error) throw error
  if (value.step !== null) return like(value, { timedOut: true, signal: null }, 'result')
  like(value, { timedOut: true, signal: 'SIGKILL' }, 'result')
  holds(
    value.stdout.length === 0 || performance.now() - start > ms,
    `output that was not written: ${value.stdout}`,
  )
}
