// What a child's descriptors are.
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { holds, same, sameBytes } from '../check.mjs'
import { collect } from '../collect.mjs'
import { pattern } from '../pattern.mjs'

/** Any kind for each of the first few: the child has exactly those. */
export async function kinds(task) {
  const { random, world } = task
  const file = openSync(`${world.dir}/one/name`)
  const choices = ['ignore', file, { path: 'sub', flags: 0 }, { path: '/dev/null', flags: 'r+' }]
  const first = [random.pick(choices), 'pipe', random.pick([...choices, 'pipe', 'inherit'])]
  const more = Array.from({ length: random.between(0, 6) }, () =>
    random.pick([...choices, 'pipe', null, undefined, random.between(0, 2)]),
  )
  const stdio = [...first, ...more]
  const wanted = stdio.flatMap((entry, index) =>
    index > 2 && (entry === 'ignore' || entry === null || entry === undefined) ? [] : [index],
  )
  const said = task.lines(['fds'], { stdio })
  closeSync(file)
  same((await said)[0].trim().split(' ').map(Number), wanted, `descriptors of ${stdio}`)
}

/** Files that the child opens: to read, to create, to append to. */
export async function files(task) {
  const { random, world } = task
  const [from, to] = [world.path('from'), world.path('to')]
  const [seed, size] = [random.next(), random.size(50_000)]
  writeFileSync(from, pattern(seed, size))
  const stdio = [{ path: from }, { path: to }, { path: to, flags: 'a' }]
  const child = await task.spawn(['copy', 'say', 2, 'end'], { stdio, umask: 0o27 })
  same((await child.exited).code, 0, 'exit code')
  const wanted = Buffer.concat([pattern(seed, size), Buffer.from('end\n')])
  sameBytes(readFileSync(to), wanted, 'file')
  const fd = openSync(to)
  same(fstatSync(fd).mode & 0o777, 0o640, 'mode of the file')
  closeSync(fd)
  rmSync(from)
  rmSync(to)
}

/** Pipes above 2. */
export async function above(task) {
  const { random } = task
  const index = random.between(3, 20)
  const [seed, size] = [random.next(), random.size(60_000)]
  const stdio = ['ignore', 'ignore', 'ignore']
  stdio[index] = 'pipe'
  const child = await task.spawn(['fill', index, seed, size], { stdio })
  sameBytes(await collect(child.stdio[index]), pattern(seed, size), `descriptor ${index}`)
  same((await child.exited).code, 0, 'exit code')
}

const node = realpathSync(process.execPath)

/**
 * For a new worker V8 reads the process's maps, and maps the program again: it
 * opens both so that they are inherited.
 */
const isV8s = (line) => [node, `/proc/${process.pid}/maps`].includes(line.replace(/^\d+ /, ''))

/** Descriptors that are not close-on-exec are passed on only if that is asked for. */
export async function inherited(task) {
  const inheritFds = task.random.chance(0.5)
  const said = await task.lines(['files'], { inheritFds, stdio: ['ignore', 'pipe', 'pipe'] })
  const wanted = [0, 1, 2, ...(inheritFds ? task.world.inherited.filter((fd) => fd > 2) : [])]
  const found = said.filter((line) => !isV8s(line)).map((line) => Number.parseInt(line, 10))
  holds(
    isDeepStrictEqual(found, wanted),
    `with inheritFds ${inheritFds} a child has ${said.join(', ')}, not only ${wanted}`,
  )
}

/**
 * Descriptors of our own that come and go, and stay what they are meanwhile: a
 * library that closes a number twice closes one of these.
 */
export async function ours(task) {
  const { random, world } = task
  const paths = Array.from({ length: random.between(1, 30) }, () =>
    random.pick([...world.folders, world.witness, '/dev/null', '/proc/self/status']),
  )
  const held = paths.map((path) => {
    const fd = openSync(path)
    return { path, fd, inode: fstatSync(fd).ino }
  })
  await sleep(random.between(0, 60))
  for (const { path, fd, inode } of held) {
    same(fstatSync(fd).ino, inode, `inode of descriptor ${fd}, which is ${path}`)
    closeSync(fd)
  }
  task.count('descriptors of our own', held.length)
}
