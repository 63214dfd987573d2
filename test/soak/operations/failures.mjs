// Starts that fail: the error names what, and nothing is left.
import { join } from 'node:path'
import { failure, like, same } from '../check.mjs'

/** A step that fails, whatever else is asked for. */
export async function steps(task) {
  const { random, world } = task
  const { witness, dir } = world
  const missing = join(dir, 'missing')
  const text = join(dir, 'one/name')
  const [file, options, wanted] = random.pick([
    [missing, {}, { code: 'ENOENT', step: 'exec' }],
    ['no-such-program', {}, { code: 'ENOENT', step: 'exec' }],
    [text, {}, { code: 'EACCES', step: 'exec' }],
    [dir, {}, { code: 'EACCES', step: 'exec' }],
    [witness, { cwd: missing }, { code: 'ENOENT', step: 'cwd' }],
    [witness, { cwd: witness }, { code: 'ENOTDIR', step: 'cwd' }],
    [witness, { stdio: [{ path: missing }] }, { code: 'ENOENT', step: 'stdio[0]' }],
    [witness, { stdio: ['ignore', { path: dir }] }, { code: 'EISDIR', step: 'stdio[1]' }],
    [witness, { stdio: ['ignore', 9999] }, { code: 'EBADF', step: 'stdio[1]' }],
    [witness, { processGroup: 2 ** 22 + 1 }, { code: 'EPERM', step: 'session' }],
    [missing, { input: 'x'.repeat(random.size(200_000)) }, { code: 'ENOENT', step: 'exec' }],
  ])
  const error = await failure(task.runFile(file, ['exit', 0], options), 'a start that must fail')
  like(error, { name: 'SpawnError', file, ...wanted }, 'error')
  task.count('starts that failed as they had to')
}

/** A file that is no program. */
export async function noProgram(task) {
  const error = await failure(task.runFile(task.world.text, []), 'a file that is no program')
  like(error, { code: 'ENOEXEC', step: 'exec' }, 'error')
  task.count('starts that failed as they had to')
}

/** Arguments that are refused before anything is made. */
export async function refusedArguments(task) {
  const [options, code] = task.random.pick([
    [{ timeot: 5 }, 'ERR_UNKNOWN_OPTION'],
    [{ cwd: 'a\0b' }, 'ERR_INVALID_ARG_VALUE'],
    [{ umask: 0o1000 }, 'ERR_OUT_OF_RANGE'],
    [{ stdio: ['pipe', {}] }, 'ERR_INVALID_ARG_VALUE'],
    [{ env: 5 }, 'ERR_INVALID_ARG_TYPE'],
  ])
  const error = await failure(task.run([], options), 'a call with a wrong argument')
  like(error, { code }, 'error')
}

/** Found in PATH, after folders that lack it; and by a shell. */
export async function searched(task) {
  const { random, world } = task
  const PATH = ['/no/such/folder', ...world.folders, join(world.witness, '..')].join(':')
  const n = random.next()
  const options = { env: { PATH } }
  const result = random.chance(0.7)
    ? await task.runFile('witness', ['say', 1, n], options)
    : await task.runFile('witness say', [1, n], { ...options, shell: true })
  same(result.stdout.toString(), `${n}\n`, 'stdout')
}
