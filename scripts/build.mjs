// The native addon by CMake, the library by TypeScript's compiler.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { quietly } from '../tools/command.mjs'
import { cloneLock, withLock } from '../tools/lock.mjs'
import { logFile, root } from '../tools/paths.mjs'
import { duration, say } from '../tools/progress.mjs'

const folder = join(root, 'build')

/** What CMake left when it was interrupted, or before the clone was moved, it refuses to use. */
function dropUnusable() {
  const cache = join(folder, 'CMakeCache.txt')
  if (!existsSync(cache)) return
  const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8'))?.[1]
  const isConfigured = ['build.ninja', 'Makefile'].some((name) => existsSync(join(folder, name)))
  if (!isConfigured || `${home}/` !== root) rmSync(folder, { recursive: true, force: true })
}

/** Progress as ninja and make write it: '[12/62] Building …', '[ 19%] Building …'. */
export function readCMake(line) {
  const [, done, total] = /^\[(\d+)\/(\d+)\] Building /.exec(line) ?? []
  if (done) return { share: done / total, note: `${done}/${total} files` }
  const [, percent] = /^\[ *(\d+)%\] Building /.exec(line) ?? []
  return percent ? { share: percent / 100 } : undefined
}

async function buildAddon() {
  dropUnusable()
  let compiled = 0
  const command = ['node_modules/cmake-js/bin/cmake-js', 'build']
  const parallel = ['--parallel', String(availableParallelism())]
  const { seconds } = await quietly([process.execPath, ...command, ...parallel], {
    ...{ title: 'build: compiling the native addon', log: logFile('build-addon') },
    ...{ seconds: 60, lazy: true },
    read(line) {
      const progress = readCMake(line)
      if (progress) compiled++
      return progress
    },
  })
  if (compiled > 0) say(`build: compiled the native addon (${duration(seconds)})`)
}

const stampFile = join(root, 'out/library.stamp')

/** What the library is made of, as one hash, and the files that are made of it. */
function library() {
  const sources = readdirSync(join(root, 'ts'), { recursive: true }).filter((name) =>
    name.endsWith('.ts'),
  )
  const hash = createHash('sha256')
  const files = [
    ...sources.sort().map((name) => `ts/${name}`),
    'tsconfig.json',
    'scripts/library.mjs',
  ]
  for (const name of [...files, 'package-lock.json']) {
    hash.update(`${name}\0`).update(readFileSync(join(root, name)))
  }
  const outputs = sources
    .filter((name) => !name.endsWith('.d.ts'))
    .map((name) => name.replace(/\.ts$/, '.js'))
    .flatMap((name) => [
      join(root, 'dist', name),
      ...(name.startsWith('cli/') ? [] : [join(root, 'cjs', name)]),
    ])
  return { hash: hash.digest('hex'), outputs }
}

async function buildLibrary() {
  const { hash, outputs } = library()
  const isDone =
    existsSync(stampFile) && readFileSync(stampFile, 'utf8') === hash && outputs.every(existsSync)
  if (isDone) return
  rmSync(stampFile, { force: true })
  const { seconds } = await quietly([process.execPath, 'scripts/library.mjs'], {
    title: 'build: compiling the library',
    log: logFile('build-library'),
    seconds: 10,
  })
  writeFileSync(stampFile, hash)
  say(`build: compiled the library (${duration(seconds)})`)
}

/**
 * Builds what is not up to date.
 * @throws {import('../tools/command.mjs').QuietError}
 */
export async function build() {
  const waiting = () => say('build: waiting for another build of this clone')
  await withLock(cloneLock('build'), { waiting }, async () => {
    await buildAddon()
    await buildLibrary()
  })
}
