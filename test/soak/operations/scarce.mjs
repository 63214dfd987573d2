// Hardly any descriptors left. Nothing else may run meanwhile.
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'
import { run } from '../../../dist/index.js'
import { holds, like, outcome, same, sameBytes } from '../check.mjs'
import { collect } from '../collect.mjs'
import { pattern } from '../pattern.mjs'

const limits = readFileSync('/proc/self/limits', 'utf8')
const [, soft, hard] = /^Max open files\s+(\d+)\s+(\d+)/m.exec(limits)

async function limit(most) {
  const { exitCode } = await run('/usr/bin/prlimit', [
    ...['--pid', `${process.pid}`, `--nofile=${most}:${hard}`],
  ])
  same(exitCode, 0, 'exit code of prlimit')
}

/** Opens descriptors until there is room for `free` more. */
function hoard(free) {
  const held = []
  try {
    for (;;) held.push(openSync('/dev/null'))
  } catch (error) {
    like(error, { code: 'EMFILE' }, 'error')
  }
  for (const fd of held.splice(0, free)) closeSync(fd)
  return held
}

/** Either all is right, or it says that there were no descriptors. */
async function either(task, promise, check) {
  const { value, error } = await outcome(promise)
  if (error) {
    like(error, { code: 'EMFILE' }, 'error where descriptors are scarce')
    holds(
      /^(clone|cwd|stdio\[\d+\]|exec)$/.test(error.step),
      `step of EMFILE is ${error.step}: ${error.message}`,
    )
    task.count('EMFILE')
    return
  }
  await check(value)
  task.count('starts that descriptors just sufficed for')
}

const pipeOnly = { stdio: ['ignore', 'pipe', 'inherit'] }

const several = [
  (task) => {
    const size = task.random.size(100_000)
    const bytes = pattern(1, size)
    return either(task, task.run(['copy'], { input: bytes }), ({ stdout, exitCode }) => {
      same(exitCode, 0, 'exit code')
      sameBytes(stdout, bytes, 'stdout')
    })
  },
  (task) =>
    either(task, task.spawn(['exit', 6], { stdio: 'ignore' }), async ({ exited }) =>
      same((await exited).code, 6, 'exit code'),
    ),
  (task) =>
    either(task, task.spawn(['fill', 1, 7, 100_000]), async (child) => {
      sameBytes(await collect(child.stdout), pattern(7, 100_000), 'stdout')
      same((await child.exited).code, 0, 'exit code')
    }),
  (task) =>
    either(task, task.spawn(['exit', 2]), async (child) => {
      same((await child.exited).code, 2, 'exit code')
    }),
  (task) =>
    either(task, task.run(['cwd'], { cwd: task.world.folders[2] }), ({ stdout }) =>
      same(stdout.toString(), `${task.world.folders[2]}\n`, 'folder'),
    ),
  (task) =>
    either(
      task,
      task.run(['copy'], { stdio: [{ path: `${task.world.folders[0]}/name` }, 'pipe', 'ignore'] }),
      ({ stdout }) => same(stdout.toString(), task.world.folders[0], 'stdout'),
    ),
  (task) =>
    // More than a pipe holds, so that its output still is a pipe.
    either(task, task.spawn(['fill', 1, 3, 200_000], pipeOnly), async (from) => {
      const stdio = [from.stdout, 'ignore', 'inherit']
      const to = task.spawn(['expect', 3, 200_000], { stdio })
      await either(task, to, async ({ exited }) => same((await exited).code, 0, 'exit code'))
      from.stdout.destroy()
      like(await from.exited, { signal: [null, 'SIGPIPE'] }, 'exit of the writer')
    }),
  async (task) => {
    const commands = Array.from({ length: 10 }, (_, n) => ['say', 1, n])
    for await (const { index, result, error } of task.batch(commands, { concurrency: 4 })) {
      const one = error ? Promise.reject(error) : Promise.resolve(result)
      if (result) task.started()
      await either(task, one, ({ stdout }) => same(stdout.toString(), `${index}\n`, 'stdout'))
    }
  },
]

export async function scarce(task) {
  const { random, world } = task
  const highest = Math.max(...readdirSync('/proc/self/fd').map(Number))
  await limit(highest + random.between(20, 60))
  const held = hoard(random.between(0, 15))
  world.hasDescriptors = false
  try {
    const running = Array.from({ length: random.between(1, 25) }, () => random.pick(several)(task))
    await Promise.all(running)
  } finally {
    for (const fd of held) closeSync(fd)
    await limit(soft)
    world.hasDescriptors = true
  }
  task.count('times with hardly any descriptors')
}
