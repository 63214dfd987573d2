// Executables that are looked up once.
import { renameSync, rmSync } from 'node:fs'
import { template } from '../../../dist/index.js'
import { failure, like, same } from '../check.mjs'

/** As task.run(), from a template. */
const runFrom = (task, made, words, options = {}) =>
  task.counted(made.run(words.map(String), task.options(options)))

/** One that lives as long as the run. */
export async function shared(task) {
  const { world, random } = task
  world.template ??= template(world.witness)
  const made = await world.template
  const n = random.next()
  const { stdout } = await runFrom(task, made, ['say', 1, n])
  same(stdout.toString(), `${n}\n`, 'stdout')
}

/** Closed while its starts are under way. */
export async function closed(task) {
  const { world, random } = task
  const made = await template(world.witness)
  const running = Array.from({ length: random.between(1, 50) }, (_, n) =>
    runFrom(task, made, ['exit', n]),
  )
  made.close()
  const codes = (await Promise.all(running)).map(({ exitCode }) => exitCode)
  same(
    codes,
    codes.map((_, n) => n),
    'exit codes',
  )
  const error = await failure(made.run([], { backend: task.backend }), 'a closed template')
  like(error, { code: 'ERR_INVALID_STATE' }, 'error')
}

/** Replaced by another file, as package managers do. */
export async function stale(task) {
  const { world, random } = task
  const path = world.program()
  const onStale = random.pick(['recreate', 'error'])
  const made = await template(path, { onStale })
  same((await runFrom(task, made, ['exit', 3])).exitCode, 3, 'exit code')
  renameSync(world.program(), path)
  const again = runFrom(task, made, ['exit', 4])
  if (onStale === 'recreate') same((await again).exitCode, 4, 'exit code of the new file')
  else like(await failure(again, 'a stale template'), { code: 'ESTALE', step: 'exec' }, 'error')
  made.close()
  rmSync(path)
}
