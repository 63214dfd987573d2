/** Chains made by hand, on every backend. */
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { getPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  clone,
  closeRange,
  compile,
  dup,
  exec,
  explain,
  FD_LAST,
  fchdir,
  fexec,
  gid,
  groups,
  nice,
  noNewPrivs,
  O_CLOEXEC,
  O_PATH,
  openat,
  pdeathsig,
  Ring,
  rlimit,
  setpgid,
  setsid,
  sigdefault,
  sigmask,
  uid,
  umask,
} from '../../dist/chain/index.js'
import { testedBackends } from '../backends.js'
import { isRoot, nothingLeft, openFds, until } from '../support.js'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))
const ECANCELED = -125

describe.each(testedBackends)('chains by %s', (backend) => {
  test('a descriptor is closed only once, whatever has its number then', async () => {
    const ring = new Ring({ backend })
    const compiled = compile({ file: 'true', stdio: ['pipe', 'pipe', 'pipe'] })
    const fds = [...compiled.childFds, ...compiled.pipes.map(({ fd }) => fd)]
    expect(fds.length).toBe(6)
    const submission = ring.submit(compiled, { closeFds: [] })
    expect(compiled.childFds).toEqual([])
    await submission
    compiled.close()
    await submission.exited
    // Other files get their numbers.
    const others = fds.map(() => openSync('/dev/null', 'r'))
    expect(others.some((fd) => fds.includes(fd))).toBe(true)
    compiled.close()
    compiled[Symbol.dispose]()
    expect(() => ring.submit(compiled)).toThrow(/compile it again/)
    for (const fd of others) closeSync(fd)
  })

  test('a pipe that was taken over stays open', async () => {
    const ring = new Ring({ backend })
    const compiled = compile({ file: 'echo', args: ['taken'], stdio: ['ignore', 'pipe', 'ignore'] })
    const submission = ring.submit(compiled)
    await submission
    await submission.exited
    const pipe = compiled.pipes[0] as { fd: number }
    const { fd } = pipe
    pipe.fd = -1
    compiled.close()
    expect(readFileSync(fd, 'utf8')).toBe('taken\n')
    closeSync(fd)
  })

  test('a descriptor that is listed twice is closed once', async () => {
    const ring = new Ring({ backend })
    const fd = openSync('/dev/null', 'r')
    const { chain } = compile({ file: 'true', stdio: 'ignore' })
    const submission = ring.submit(chain, { closeFds: [fd, fd] })
    await submission.exited
    expect(() => closeSync(fd)).toThrow('EBADF')
  })

  const ring = new Ring({ backend })
  const out = join(dir, backend)
  /** Standard output to a file. */
  const toFile = [
    openat(out, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | O_CLOEXEC, 0o644),
    dup(FD_LAST, 1),
  ]
  const sh = (line: string) => exec('/bin/sh', { argv: ['sh', '-c', line] })
  const said = () => readFileSync(out, 'utf8')

  test('every link completes, in order', async () => {
    expect(ring.backend).toBe(backend)
    const running = ring.submit([
      clone(),
      openat('/', O_PATH | O_CLOEXEC),
      fchdir(FD_LAST),
      ...toFile,
      umask(0o27),
      sh('pwd; umask'),
    ])
    expect(running.backend).toBe(backend)
    const done = await running
    expect(done.map(({ op }) => op)).toEqual([
      'clone',
      'openat',
      'fchdir',
      'openat',
      'dup',
      'task_set',
      'exec',
    ])
    expect(done.map(({ flags }) => flags)).toEqual([0, 0, 0, 0, 0, 0, 0])
    const [pid = 0, dirfd = 0, ...rest] = done.map(({ res }) => res)
    expect(pid).toBeGreaterThan(0)
    expect(dirfd).toBeGreaterThan(2)
    expect(rest).toEqual([0, expect.any(Number), 1, 0, 0])
    expect(await running.exited).toMatchObject({ code: 0 })
    expect(said()).toBe('/\n0027\n')
  })

  test('a failed link ends the chain, and leaves nothing', async () => {
    const before = openFds()
    const done = await ring.submit([
      clone(),
      openat('/nowhere', O_PATH),
      fchdir(FD_LAST),
      exec('/bin/true'),
    ])
    expect(done.slice(1).map(({ res }) => res)).toEqual([-2, ECANCELED, ECANCELED])
    await nothingLeft(before)
  })

  test('hard-linked execs are tried one after the other', async () => {
    const running = ring.submit([
      clone({ fds: [] }),
      exec('/nowhere/true', { hardlink: true }),
      exec('/bin/true', { hardlink: true }),
      exec('/bin/false'),
    ])
    const done = await running
    expect(done.slice(1, 3).map(({ res }) => res)).toEqual([-2, 0])
    expect(done[3]?.res).toBe(ECANCELED)
    expect(await running.exited).toMatchObject({ code: 0 })
  })

  test('every attribute', async () => {
    // Only root may go below this process's value.
    const niceness = Math.min(19, getPriority() + 3)
    const running = ring.submit([
      clone(),
      ...toFile,
      setsid(),
      nice(niceness),
      rlimit('nofile', 50, 60),
      pdeathsig('SIGKILL'),
      noNewPrivs(),
      sh('nice; ulimit -n; ulimit -Hn; grep NoNewPrivs /proc/self/status'),
    ])
    const done = await running
    expect(done.filter(({ res }) => res < 0)).toEqual([])
    await running.exited
    expect(said()).toBe(`${niceness}\n50\n60\nNoNewPrivs:\t1\n`)
  })

  test('signals', async () => {
    const argv = ['grep', 'Sig[BI]', '/proc/self/status']
    const running = ring.submit([
      clone(),
      ...toFile,
      sigdefault(),
      sigmask(['SIGUSR1', 2]),
      exec('/bin/grep', { argv }),
    ])
    await running.exited
    expect(said()).toBe('SigBlk:\t0000000000000202\nSigIgn:\t0000000000000000\n')
  })

  test.runIf(isRoot)('credentials, one by one', async () => {
    const running = ring.submit([
      clone(),
      ...toFile,
      groups([7]),
      gid(8),
      uid(9),
      sh('id -u; id -G'),
    ])
    await running.exited
    expect(said()).toBe('9\n8 7\n')
  })

  test('a process group, and descriptors: listed, closed, executed', async () => {
    const fd = openSync('/bin/sh', 'r')
    const file = openSync(out, 'w')
    const running = ring.submit([
      clone({
        fds: [
          { fd: file, newfd: 1 },
          { fd: file, newfd: 5 },
          { fd, newfd: 9, cloexec: true },
        ],
      }),
      setpgid(0),
      closeRange(5, 5),
      fexec(9, { argv: ['sh', '-c', 'ls /proc/$$/fd'] }),
    ])
    const done = await running
    closeSync(fd)
    closeSync(file)
    expect(done.filter(({ res }) => res < 0)).toEqual([])
    await running.exited
    // ls opens the folder as its lowest free descriptor.
    expect(said()).toBe('1\n')
  })

  test('kill', async () => {
    const running = ring.submit([clone({ fds: [] }), exec('/bin/sleep', { argv: ['sleep', '60'] })])
    await running
    expect(running.kill(9)).toBe(true)
    expect(await running.exited).toMatchObject({ signal: 'SIGKILL' })
    expect(running.kill(9)).toBe(false)
  })

  test('more completions at once than a ring has room for', async () => {
    const before = openFds()
    // 24 for each of 400 chains; a program's ring has 4096 entries for them.
    const links = Array.from({ length: 22 }, (_, at) => umask(at))
    const all = Array.from({ length: 400 }, () =>
      ring.submit([clone({ fds: [] }), ...links, exec('/nowhere')]),
    )
    for (const done of await Promise.all(all)) {
      expect(done.length).toBe(24)
      expect(done.slice(1).map(({ res }) => res)).toEqual([...links.map(() => 0), -2])
    }
    await nothingLeft(before)
  })

  test('compiled options', async () => {
    const before = openFds()
    const compiled = compile({
      file: 'echo',
      args: ['hi'],
      stdio: ['ignore', { path: out }, 'ignore'],
    })
    const running = ring.submit(compiled)
    const done = await running
    expect(done.at(-1)?.op).toBe('exec')
    await running.exited
    expect(said()).toBe('hi\n')
    await until(() => openFds() <= before + 1)
  })

  test('malformed ones are refused with a reason', () => {
    const both = [clone(), clone(), exec('/bin/true')]
    expect(() => ring.submit(both)).toThrow('CLONE must be the head, and only that')
    expect(() => ring.submit([exec('/bin/true')])).toThrow('not a chain')
    expect(() => ring.submit([clone(), setsid()])).toThrow('the last operation must be EXEC')
    expect(() => ring.submit([clone(), fchdir(FD_LAST), exec('/bin/true')])).toThrow(
      'FD_LAST without an OPENAT before it',
    )
  })
})

test('errors of builders name the bad argument', () => {
  expect(() => openat('a\0', 0)).toThrow('path has a NUL byte at index 1')
  expect(() => dup(-1, 3)).toThrow('fd must be an integer from 0')
  expect(() => nice(99)).toThrow('nice must be an integer from -20 to 19, not 99')
  expect(() => sigmask(['SIGNO' as 'SIGINT'])).toThrow('signal must be a known signal: "SIGNO"')
  expect(() => exec('/bin/true', { argv: [1 as unknown as string] })).toThrow(
    'argv[0] must be a string',
  )
  expect(() => clone({ fds: [{ fd: 1, newfd: -1 }] })).toThrow('fds[0].newfd must be an integer')
  expect(() => rlimit('nofile', -1)).toThrow('nofile: soft must be an integer from 0')
})

test('explain() gives rows and a table, and leaves nothing open', () => {
  const before = openFds()
  const explained = explain({
    file: '/bin/ls',
    args: ['-l'],
    cwd: '/tmp',
    umask: 0o22,
    stdio: ['ignore', 'pipe', { path: 'err', flags: 'a' }],
  })
  expect(openFds()).toBeLessThanOrEqual(before + 1)
  expect(explained.links.map(({ operation, link }) => [operation, link])).toEqual([
    ['CLONE', 'link'],
    ['TASK_SET umask', 'link'],
    ['OPENAT', 'link'],
    ['FCHDIR', 'link'],
    ['OPENAT', 'link'],
    ['DUP', 'link'],
    ['TASK_SET sigdefault', 'link'],
    ['TASK_SET sigmask', 'link'],
    ['EXEC', 'end'],
  ])
  expect(explained.links[0]).toMatchObject({
    arguments: 'fds: /dev/null→0 pipe→1',
    flags: 'IORING_CLONE_FDS',
  })
  expect(explained.links[4]).toMatchObject({
    arguments: 'AT_FDCWD, "err", mode 0666',
    flags: 'O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC',
    failure: 'the file for stdio[2] cannot be opened',
  })
  const wide = explained.toString({ width: 250 }).split('\n')
  expect(wide.length).toBe(10)
  expect(wide[0]).toMatch(/^# +operation +arguments +flags +link +failing here means$/)
  expect(wide[9]).toMatch(
    /^8 +EXEC +"\/bin\/ls", argv \["\/bin\/ls", "-l"\], \d+ variables +end +no program/,
  )
  const hard = explain([clone(), exec('/a', { hardlink: true }), exec('/b')])
  expect(hard.links.map(({ link }) => link)).toEqual(['link', 'hardlink', 'end'])
})

/** Width in terminal cells: East Asian characters take two. */
const cells = (line: string) =>
  [...line].reduce((sum, char) => sum + (/[\u1100-\u115f\u3000-\uff60]/.test(char) ? 2 : 1), 0)

test.each([30, 60, 72, 80, 100, 132, 400])(
  'explain() fits %d columns, and loses nothing',
  (width) => {
    const words = ['短い漢字の引数'.repeat(9), 'x'.repeat(150), 'several words and more of them']
    const explained = explain({
      file: 'tool',
      args: words,
      cwd: '/somewhere/deep/in/a/tree/of/directories',
      env: { PATH: ['/usr/bin', '/bin', '/nowhere/with/a/long/name', '/sbin'].join(':') },
      stdio: ['ignore', { path: '/var/log/out', flags: 'a' }, 'pipe'],
    })
    const without = (text: string) => text.replace(/\s+/g, '')
    for (const all of [false, true]) {
      const lines = explained.toString({ width, all }).split('\n')
      expect(Math.max(...lines.map(cells))).toBeLessThanOrEqual(width)
      if (width < 400) continue
      const one = without(lines.join(''))
      for (const { arguments: args } of explained.links.slice(0, 6))
        expect(one).toContain(without(args))
      for (const word of words) expect(one).toContain(without(word))
    }
  },
)

test('explain() shows the search of PATH in one row, or in all of them', () => {
  const env = { PATH: '/usr/bin:/nowhere:/usr/bin/:/usr/sbin' }
  const explained = explain({ file: 'tool', env })
  const rows = (text: string) => text.split('\n').filter((line) => line.includes('EXEC '))
  const folded = rows(explained.toString({ width: 300 }))
  expect(folded.length).toBe(1)
  expect(folded[0]).toMatch(
    /^3–5 +EXEC +tool in 3 places of PATH: \/usr\/bin \/nowhere \/usr\/sbin; argv \["tool"\]/,
  )
  expect(rows(explained.toString({ width: 300, all: true })).length).toBe(3)
  expect(explained.links.filter(({ operation }) => operation === 'EXEC').length).toBe(3)
  expect(JSON.parse(JSON.stringify(explained))).toEqual(explained.links)
  // Nothing to fold.
  expect(explain({ file: '/bin/true' }).toString()).not.toContain('places')
})
