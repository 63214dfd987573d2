// Worker threads that start programs, and end with them or before.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { holds, same } from '../check.mjs'

const body = new URL('worker.mjs', import.meta.url)

function work(task, mode) {
  const { world, random, backend } = task
  const { witness } = world
  const fifo = world.fifos.take()
  const seed = random.next()
  const worker = new Worker(body, { workerData: { mode, witness, fifo, seed, backend } })
  const ended = once(worker, 'exit').then(([code]) => {
    if (fifo) world.fifos.give(fifo)
    return code
  })
  return { worker, ended }
}

/** It does its work, and ends. */
export async function workerDone(task) {
  const { worker, ended } = work(task, 'done')
  const [{ processes, wrong }] = await once(worker, 'message')
  same(wrong, [], 'what went wrong in a worker')
  task.started(processes)
  same(await ended, 0, 'exit code of a worker')
  task.count('workers that ended by themselves')
}

/** It is terminated at any moment; its children live on, or die before their exec. */
export async function workerTerminated(task) {
  const { random } = task
  const { worker, ended } = work(task, 'terminated')
  if (random.chance(0.8)) {
    const [{ processes }] = await once(worker, 'message')
    task.started(processes)
  }
  await sleep(random.between(0, 30))
  await worker.terminate()
  const code = await ended
  // 0 if it had not begun.
  holds(code === 0 || code === 1, `exit code of a terminated worker is ${code}`)
  task.count('workers that were terminated')
}
