/** A child has the thread attributes of the caller, as they are at the call. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { testedBackends } from '../backends.js'

const library = fileURLToPath(new URL('../../dist/index.js', import.meta.url))

/** In a program of its own, as not every user may raise a priority again. */
function inProgram(body: string): unknown {
  const program = `
    import { getPriority, setPriority, tmpdir } from 'node:os'
    import { Worker } from 'node:worker_threads'
    import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
    import { join } from 'node:path'
    import { execFileSync } from 'node:child_process'
    import { run, spawn } from ${JSON.stringify(library)}
    ${body}`
  const args = ['--input-type=module', '-e', program]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
}

describe.each(testedBackends)('what a child inherits on %s', (backend) => {
  test('is the priority at the call, not at the first start', () => {
    const seen = inProgram(`
      const nice = async () => Number((await run('nice', [], { backend: '${backend}' })).stdout)
      const first = getPriority()
      const seen = [await nice()]
      setPriority(Math.min(first + 1, 19))
      seen.push(await nice())
      const before = nice()
      setPriority(Math.min(first + 2, 19))
      const after = nice()
      seen.push(await before, await after)
      console.log(JSON.stringify([first, ...seen]))`) as number[]
    const [first = 0, ...rest] = seen
    expect(rest).toEqual([0, 1, 1, 2].map((more) => Math.min(first + more, 19)))
  })

  // A start that the thread makes itself has a pipe with a low number, or is left to others.
  test('is the priority at the call, with 300 descriptors open', () => {
    const seen = inProgram(`
      const folder = mkdtempSync(join(tmpdir(), 'inherit-'))
      const nice = async (name) => {
        const file = join(folder, name)
        const options = { stdio: 'ignore', backend: '${backend}' }
        await (await spawn('/bin/sh', ['-c', 'nice >"$0"', file], options)).exited
        return Number(readFileSync(file, 'utf8'))
      }
      const first = getPriority()
      const seen = [await nice('a'), await nice('b')]
      for (let count = 0; count < 300; count++) openSync('/dev/null')
      seen.push(await nice('c'))
      setPriority(Math.min(first + 1, 19))
      seen.push(await nice('d'), await nice('e'))
      rmSync(folder, { recursive: true })
      console.log(JSON.stringify([first, ...seen]))`) as number[]
    const [first = 0, ...rest] = seen
    expect(rest).toEqual([0, 0, 0, 1, 1].map((more) => Math.min(first + more, 19)))
  })

  test('are the processors that another program gave to the calling thread', () => {
    const seen = inProgram(`
      const field = (status) => /^Cpus_allowed:.*$/m.exec(status)[0]
      const cat = async () =>
        field((await run('cat', ['/proc/self/status'], { backend: '${backend}' })).stdout)
      const ours = () => field(readFileSync('/proc/thread-self/status', 'utf8'))
      const seen = [await cat(), ours()]
      const cpu = /^Cpus_allowed_list:\\s*(\\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]
      execFileSync('taskset', ['-pc', cpu, String(process.pid)])
      seen.push(await cat(), ours())
      console.log(JSON.stringify(seen))`) as string[]
    expect(seen[0]).toBe(seen[1])
    expect(seen[2]).toBe(seen[3])
  })

  test('is the ordinary scheduling policy', () => {
    const policy = inProgram(`
      const { stdout } = await run('cat', ['/proc/self/stat'], { backend: '${backend}' })
      console.log(stdout.split(' ')[40])`)
    expect(policy).toBe(0)
  })
})
