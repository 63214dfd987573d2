/** What holds for the backends that are never picked, only chosen: they are the series' own calls. */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type BackendName, probe, type RunOptions, run, spawn } from '../dist/index.js'
import { nothingLeft, openFds, rejection, text } from './support.js'
import { canTrace, traced } from './tracing.js'

export interface ChosenBackend {
  backend: BackendName
  /** The system call that makes its processes, and returns their number. */
  call: string
  /** Whether it makes them from templates of the kernel. */
  fromTemplate: boolean
  /** Options that it leaves to vfork. */
  left: RunOptions
  /** A directory for the tests' files. */
  dir: string
}

/** It says of itself what it is, and the kernel says that it does it. */
export function testChosen({ backend, call, fromTemplate, left, dir }: ChosenBackend): void {
  const event = `syscalls/sys_exit_${call}`

  test('exists, and is not picked automatically', () => {
    const { auto, backends } = probe()
    expect(backends).toContainEqual({ name: backend, available: true, why: undefined })
    expect(auto).not.toBe(backend)
  })

  test.runIf(canTrace(event))('the kernel reports that it made them', async () => {
    const pids: number[] = []
    const lines = new RegExp(`${call} -> (0x[0-9a-f]+)$`, 'gm')
    const seen = await traced(event, lines, async () => {
      const running = Array.from({ length: 20 }, () => run('/bin/true', [], { backend }))
      for (const result of await Promise.all(running)) {
        expect(result).toMatchObject({ exitCode: 0, backend, fromTemplate })
        pids.push(result.pid ?? 0)
      }
      for (const options of [{ backend, ...left }, { backend: 'vfork' }] as const) {
        const other = await run('true', [], options)
        expect(other).toMatchObject({ backend: 'vfork', fromTemplate: false })
      }
    })
    expect(pids.length).toBe(20)
    expect(seen.map(Number).sort()).toEqual(pids.sort())
  })

  test('descriptors: exactly those named, wherever they come from', async () => {
    const fd = openSync('/etc/passwd', 'r')
    const line = 'cd /proc/self/fd; echo *; readlink 5'
    const stdio = ['ignore', 'pipe', 'pipe', 'ignore', undefined, fd] as const
    const said: string[] = []
    for (const by of [backend, 'vfork'] as const) {
      const child = await spawn('sh', ['-c', line], { backend: by, stdio: [...stdio] })
      expect(child.backend).toBe(by)
      said.push(await text(child.stdout))
      await child.exited
    }
    expect(said[0]).toMatch(/^0 1 2 3.* 5\n\/etc\/passwd\n$/)
    expect(said[0]).toBe(said[1])
    closeSync(fd)
  })

  test('signals: none blocked, none ignored; our scheduling policy', async () => {
    const args = ['-E', '^Sig(Blk|Ign)', '/proc/self/status']
    const { stdout } = await run('grep', args, { backend })
    expect(stdout).toMatch(/^SigBlk:\s0+\nSigIgn:\s0+\n$/)
    const policy = await run('sh', ['-c', 'cut -d" " -f41 /proc/self/stat'], { backend })
    expect(policy).toMatchObject({ stdout: '0\n', backend })
  })

  test('a failure after the process was made is reported exactly', async () => {
    await run('true', [], { backend })
    const before = openFds()
    // A program whose interpreter is missing fails only in its exec.
    const path = join(dir, 'no-loader')
    const elf = readFileSync('/bin/true')
    const at = elf.indexOf('/ld-linux')
    expect(at).toBeGreaterThan(0)
    elf.write('/no-loader', at, 'latin1')
    writeFileSync(path, elf, { mode: 0o755 })
    const missing = await rejection(run(path, [], { backend }))
    expect(missing).toMatchObject({ step: 'exec', code: 'ENOENT', path })
    const long = await rejection(run('true', ['x'.repeat(200_000)], { backend }))
    expect(long).toMatchObject({ step: 'exec', code: 'E2BIG' })
    await nothingLeft(before)
  })
}

/** A name, which backend makes such a process, the program, and the options. */
export type Way = [string, BackendName, string, RunOptions?]

/** Each way ends well, and by the backend that it names. */
export function testWays({ backend, fromTemplate }: ChosenBackend, ways: Way[]): void {
  test.each(ways)('%s: by %s', async (_what, by, file, options) => {
    const args = file === '/proc/self/exe' ? ['-e', ''] : []
    const result = await run(file, args, { ...options, backend })
    expect(result).toMatchObject({
      ...{ exitCode: 0, backend: by },
      fromTemplate: fromTemplate && by === backend,
    })
  })
}
