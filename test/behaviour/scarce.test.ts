/** What happens when processes, descriptors or memory run out. */
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { testedBackends } from '../backends.js'
import { HANG, isRoot } from '../support.js'

const lease = fileURLToPath(new URL('../../build/lease', import.meta.url))
const library = new URL('../../dist/index.js', import.meta.url).href
const root = fileURLToPath(new URL('../..', import.meta.url))

describe.each(testedBackends)('scarcity by %s', (backend) => {
  /** Runs code under limits of its own; returns what it prints as JSON. */
  const limited = (limit: string, code: string, user = '') => {
    const source = `
      import { batch, run, spawn } from '${library}'
      const backend = '${backend}'
      ${code}`
    // Not sh: dash has no ulimit -u.
    const line = `${limit} && exec ${user} "$0" --input-type=module -e "$1"`
    const out = execFileSync('bash', ['-c', line, process.execPath, source], {
      encoding: 'utf8',
      cwd: root,
      timeout: HANG,
    })
    return JSON.parse(out)
  }

  test('EMFILE, with the step that failed', () => {
    const found = limited(
      'ulimit -n 64',
      `
      const { openSync } = await import('node:fs')
      await run('true', [], { backend })
      const fds = []
      try { for (;;) fds.push(openSync('/dev/null')) } catch {}
      const { code } = await spawn('true', [], { backend }).catch((error) => error)
      console.log(JSON.stringify(code))`,
    )
    expect(found).toBe('EMFILE')
  })

  test.each([false, true])(
    'EMFILE, and not a pipe that blocks our side from then on: inheritFds %s',
    (inheritFds) => {
      const found = limited(
        'ulimit -n 64',
        `
        const { closeSync, openSync, readFileSync } = await import('node:fs')
        const source = await spawn('sleep', ['60'], { backend })
        const { fd } = source.stdout._handle
        const flags = () => /flags:\\s+(\\d+)/.exec(readFileSync('/proc/self/fdinfo/' + fd))[1]
        const before = flags()
        const options = { backend, inheritFds: ${inheritFds}, stdio: [source.stdout, 'ignore', 'ignore'] }
        await run('true', [], options)
        const fds = []
        try { for (;;) fds.push(openSync('/dev/null')) } catch {}
        const said = []
        for (let free = 0; free < 12; free++) {
          const ended = await run('true', [], options).catch((error) => error)
          said.push(ended.exitCode ?? ended.code)
          closeSync(fds.pop())
        }
        source.kill()
        console.log(JSON.stringify([said[0], said.at(-1), new Set(said).size, before === flags()]))`,
      )
      expect(found).toEqual(['EMFILE', 0, 2, true])
    },
  )

  test('EMFILE, and no other file, for descriptors of starts that wait', () => {
    const found = limited(
      'ulimit -n 128',
      `
      const { closeSync, openSync, readFileSync } = await import('node:fs')
      const wanted = readFileSync('package.json', 'utf8')
      await run('true', [], { backend })
      const fds = []
      try { for (;;) fds.push(openSync('/dev/null')) } catch {}
      const said = { right: 0, EMFILE: 0 }
      for (let free = 1; free < 60; free += 3) {
        for (const fd of fds.splice(0, 3)) closeSync(fd)
        const all = Array.from({ length: 60 }, (_, at) => {
          let fd
          try { fd = openSync('package.json') } catch { return { code: 'EMFILE' } }
          const options = { backend, stdio: [fd, 'pipe', 'ignore'] }
          const said = run('cat', [], options).catch(({ code }) => ({ code }))
          closeSync(fd)
          return said
        })
        for (const { code, stdout } of await Promise.all(all)) {
          const what = code ?? (stdout === wanted ? 'right' : stdout.slice(0, 100))
          said[what] = (said[what] ?? 0) + 1
        }
      }
      console.log(JSON.stringify([Object.keys(said), said.right > 0, said.EMFILE > 0]))`,
    )
    expect(found).toEqual([['right', 'EMFILE'], true, true])
  })

  // spawn_template opens the executable here, in the thread that launches, and hangs there
  // itself; builder takes a descriptor to end a process that has not run.
  test.skipIf(backend === 'spawn_template' || backend === 'builder')(
    'a timeout in an exec that hangs, with no descriptor left: it did not start',
    () => {
      const found = limited(
        'ulimit -n 64',
        `
        const { chmodSync, closeSync, copyFileSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } =
          await import('node:fs')
        const { once } = await import('node:events')
        const children = () => readdirSync('/proc/self/task').flatMap((task) =>
          readFileSync('/proc/self/task/' + task + '/children', 'utf8').split(' ').filter(Boolean))
        const dir = mkdtempSync('${join(tmpdir(), 'uring-spawn-')}')
        const path = dir + '/program'
        copyFileSync('/bin/true', path)
        chmodSync(path, 0o755)
        const holder = await spawn('${lease}', [path], { backend })
        await once(holder.stdout, 'data')
        const start = spawn(path, [], { backend, stdio: 'ignore', timeout: 1_000 }).catch((error) => error)
        do await new Promise((done) => setTimeout(done, 10))
        while (children().length < 2)
        const fds = []
        try { for (;;) fds.push(openSync('/dev/null')) } catch {}
        const { code } = await start
        for (const fd of fds) closeSync(fd)
        holder.kill('SIGKILL')
        await holder.exited
        rmSync(dir, { recursive: true })
        while (children().length > 0) await new Promise((done) => setTimeout(done, 10))
        console.log(JSON.stringify(code))`,
      )
      expect(found).toEqual('ETIMEDOUT')
    },
  )

  test('a batch waits for descriptors instead of failing', () => {
    const found = limited(
      'ulimit -n 64',
      `
      const commands = Array.from({ length: 200 }, (_, index) => ['echo', String(index)])
      const results = await batch(commands, { backend, concurrency: 64 }).all()
      const bad = results.filter(({ result, index }) => result?.stdout !== index + '\\n')
      console.log(JSON.stringify(bad.map(({ error }) => error?.message)))`,
    )
    expect(found).toEqual([])
  })

  test('a batch runs all its commands where there are descriptors for one, or a few', () => {
    const found = limited(
      'ulimit -n 128',
      `
      const { closeSync, openSync } = await import('node:fs')
      const echo = (count) => Array.from({ length: count }, (_, index) => ['echo', String(index)])
      /** How many fail of \`count\` commands where \`left\` descriptors are. */
      async function bad(count, left) {
        const fds = []
        try { for (;;) fds.push(openSync('/dev/null')) } catch {}
        for (const fd of fds.splice(0, left)) closeSync(fd)
        const results = await batch(echo(count), { backend, concurrency: 16 }).all()
        for (const fd of fds) closeSync(fd)
        return results.filter(({ result, index }) => result?.stdout !== index + '\\n').length
      }
      await bad(1, 60)
      let enough = 1
      while ((await bad(1, enough)) > 0) enough++
      const found = []
      for (let more = 0; more < 8; more++) found.push(await bad(40, enough + more))
      console.log(JSON.stringify([enough > 1, found]))`,
    )
    expect(found).toEqual([true, Array(8).fill(0)])
  })

  const nobody = 'setpriv --reuid 61234 --regid 61234 --clear-groups'

  test.runIf(isRoot)('a batch waits for processes, and fails only if none of its own run', () => {
    const found = limited(
      'ulimit -u 24',
      `
      const commands = Array.from({ length: 100 }, (_, index) => ['sleep', '0.01'])
      const all = await batch(commands, { backend, concurrency: 64 }).all()
      console.log(JSON.stringify(all.filter(({ error }) => error).map(({ error }) => error.message)))`,
      nobody,
    )
    expect(found).toEqual([])
  })

  test.runIf(isRoot)('EAGAIN under RLIMIT_NPROC', () => {
    const found = limited(
      'true',
      `
      await run('true', [], { backend })
      const { execFileSync } = await import('node:child_process')
      execFileSync('prlimit', ['--nproc=1:1', '--pid', String(process.pid)])
      const { code, step } = await run('true', [], { backend }).catch((error) => error)
      const [one] = await batch([['true']], { backend }).all()
      console.log(JSON.stringify([code, step, one.error.code]))`,
      nobody,
    )
    expect(found).toEqual(['EAGAIN', 'clone', 'EAGAIN'])
  })
})
