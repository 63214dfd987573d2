// Where and as what a child starts: by its options, or as the process was at the
// call. Other operations change the process all the time, so what is expected is
// found out in the same turn as the call, before any await.
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { holds, like, same } from '../check.mjs'
import { isRoot } from '../world.mjs'

/** cwd, in all its forms. */
export async function folder(task) {
  const { random, world } = task
  const target = random.pick(world.folders)
  const here = process.cwd()
  let fd
  const forms = [
    () => [undefined, here],
    () => [target, target],
    () => ['sub/..', here],
    () => ['sub', join(here, 'sub')],
    () => ['../two/./sub', join(world.dir, 'two/sub')],
    () => [pathToFileURL(target), target],
    () => {
      fd = openSync(target, 'r')
      return [fd, target]
    },
  ]
  const [cwd, wanted] = random.pick(forms)()
  const said = task.lines(['cwd'], { cwd })
  // It needs to be open until the call has queued the start only.
  if (fd !== undefined) closeSync(fd)
  same(await said, [wanted], `folder with cwd ${cwd}`)
}

/** env, or that of the process. */
export async function environment(task) {
  const { random } = task
  const env = random.chance(0.5) ? undefined : { [`N${random.between(0, 9)}`]: `${random.next()}` }
  const wanted = Object.entries(env ?? process.env).map(([name, value]) => `${name}=${value}`)
  const said = await task.lines(['env'], { env })
  same(said.sort(), wanted.sort(), 'environment')
}

/** umask, the limit of descriptors, the nice value, argv[0]. */
export async function attributes(task) {
  const { random } = task
  const own = random.chance(0.5)
  const umask = own ? random.between(0, 0o777) : undefined
  const wanted = (umask ?? process.umask()).toString(8)
  const nofile = random.between(8, 256)
  const nice = random.between(1, 19)
  const argv0 = `name ${random.next()}`
  const said = await task.lines(['umask', 'nofile', 'nice', 'name'], {
    ...{ umask, nice, argv0, rlimits: { nofile } },
  })
  same(said, [wanted, `${nofile}`, `${nice}`, argv0], 'umask, limit, nice value, name')
}

const idsOf = ([line]) => {
  const [uid, gid, group, session, pid] = line.split(' ').map(Number)
  return { uid, gid, group, session, pid }
}

/** Group and session. */
export async function session(task) {
  const { random } = task
  const options = random.pick([{ detached: true }, { processGroup: 0 }, {}])
  const ids = idsOf(await task.lines(['ids'], options))
  holds(
    options.detached ? ids.session === ids.pid : ids.session !== ids.pid,
    `session of ${JSON.stringify([options, ids])}`,
  )
  const leads = options.detached || options.processGroup === 0
  same(ids.group === ids.pid, Boolean(leads), `group of ${JSON.stringify([options, ids])}`)
}

/** A group that another child leads. */
export async function joined(task) {
  const leader = await task.spawn(['copy'], {
    ...{ processGroup: 0, stdio: ['pipe', 'ignore', 'ignore'] },
  })
  const ids = idsOf(await task.lines(['ids'], { processGroup: leader.pid }))
  same(ids.group, leader.pid, 'process group')
  leader.stdin.end()
  like(await leader.exited, { code: 0, signal: null }, 'leader')
}

/** The group of the process while others change it, or another user's ids. */
export async function owner(task) {
  const { random, world } = task
  if (isRoot && random.chance(0.3)) {
    const [uid, gid] = [random.between(1, 60_000), random.between(1, 60_000)]
    const ids = idsOf(await task.lines(['ids'], { uid, gid }))
    like(ids, { uid, gid }, 'ids')
    return
  }
  const first = world.groups.length - 1
  const ids = idsOf(await task.lines(['ids']))
  like(ids, { uid: process.getuid(), gid: world.groups.slice(first) }, 'ids')
}

/** The process moves on right after the call, in all that a child starts with. */
export async function moved(task) {
  const { random, world } = task
  const here = process.cwd()
  const umask = process.umask()
  const env = Object.entries(process.env).map(([name, value]) => `${name}=${value}`)
  const calls = Array.from({ length: random.between(1, 4) }, () =>
    task.lines(['cwd', 'umask', 'copy', 'say', 1, '', 'env'], {
      stdio: [{ path: 'sub/../name' }, 'pipe', 'inherit'],
    }),
  )
  process.chdir(random.pick(world.folders))
  process.umask(random.pick(masks))
  changeEnvironment(random)
  for (const said of await Promise.all(calls)) {
    same(said.slice(0, 3), [here, umask.toString(8), here], 'folder, umask and file of the call')
    same(said.slice(3).sort(), [...env].sort(), 'environment of the call')
  }
}

const masks = [0, 0o22, 0o27, 0o77]
const original = process.env

function changeEnvironment(random) {
  const value = `${random.next()}`
  const name = `SOAK_${random.between(0, 5)}`
  if (random.chance(0.3)) {
    process.env = random.chance(0.5) ? original : { PATH: original.PATH, [name]: value }
  } else if (random.chance(0.5)) {
    process.env[name] = value
  } else {
    delete process.env[name]
  }
}

/** process.chdir(), umask() and changes of process.env, for whoever runs meanwhile. */
export async function wander(task) {
  const { random, world } = task
  process.chdir(random.pick(world.folders))
  process.umask(random.pick(masks))
  changeEnvironment(random)
  task.count('changes of folder, umask and environment')
}

/** setgid(2), for whoever runs meanwhile. */
export async function setgid(task) {
  const { random, world } = task
  const gid = random.pick([0, 4321, 4322])
  world.groups.push(gid)
  process.setgid(gid)
  task.count('changes of the group')
}
