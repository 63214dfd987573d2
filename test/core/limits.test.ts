/** Errors name what has run out, and nothing is lost then. */
import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { testedBackends } from '../backends.js'
import { inNode, isRoot, withoutCredentials } from '../support.js'

const prlimit = `
  import { execFileSync } from 'node:child_process'
  const limit = (what) => execFileSync('prlimit', ['--pid', String(process.pid), what])
  const brief = ({ step, code, syscall, backend, exitCode, stdout }) =>
    ({ step, code, syscall, backend, exitCode, stdout })`

const refused = withoutCredentials()

describe.runIf(existsSync('/usr/bin/prlimit')).each(testedBackends)('limits by %s', (backend) => {
  const options = `{ backend: '${backend}' }`

  test('no descriptors left: EMFILE names the pipe, and passes', () => {
    const said = inNode(`${prlimit}
      import { openSync, closeSync, readdirSync } from 'node:fs'
      await run('true', [], ${options})
      const count = () => readdirSync('/proc/self/fd').length
      limit('--nofile=64:64')
      const before = count()
      const held = []
      try { for (;;) held.push(openSync('/dev/null')) } catch {}
      closeSync(held.pop())
      const full = await run('true', [], ${options}).catch((error) => error)
      for (const fd of held) closeSync(fd)
      const free = await run('echo', ['again'], ${options})
      console.log(JSON.stringify([brief(full), brief(free), count() - before]))`)
    expect(said).toMatchObject([{ code: 'EMFILE' }, { exitCode: 0, stdout: 'again\n', backend }, 0])
    expect((said as { step: string }[])[0]?.step).toMatch(/^(stdio\[\d\]|clone)$/)
  })

  test.runIf(isRoot && !refused)(`no processes left: EAGAIN of clone${refused}`, () => {
    const said = inNode(`${prlimit}
      await run('true', [], ${options})
      limit('--nproc=1:1')
      process.setgroups([])
      process.setgid(54321)
      process.setuid(54321)
      const error = await run('true', [], ${options}).catch((error) => error)
      console.log(JSON.stringify(brief(error)))`)
    expect(said).toEqual({ step: 'clone', code: 'EAGAIN', syscall: 'clone3' })
  })

  const title = 'children have the credentials that the program has at their start'
  test.runIf(isRoot && !refused)(title + refused, () => {
    const said = inNode(`
      const id = async () => (await run('id', ['-u'], ${options})).stdout
      const before = await id()
      process.setgroups([])
      process.setgid(54321)
      process.setuid(54321)
      console.log(JSON.stringify([before, await id(), await id()]))`)
    expect(said).toEqual(['0\n', '54321\n', '54321\n'])
  })
})
