/** Makes that share the jobs of a batch. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeFlags } from '../../dist/batch/job-server.js'
import { batch, run } from '../../dist/index.js'
import { testedBackends } from '../backends.js'
import { nothingLeft, openFds, rejection } from '../support.js'

const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
const log = join(dir, 'log')
afterAll(() => rmSync(dir, { recursive: true }))

/**
 * A makefile of six jobs, each of which says when it begins and ends. It waits until AT_ONCE
 * have begun, however slow the machine, and some time more: so an excess of jobs shows, too.
 */
beforeAll(async () => {
  // What is opened once for all tests.
  await run('true')
  const jobs = [1, 2, 3, 4, 5, 6]
  const wait = `until [ $$(grep -c b $(LOG)) -ge $(AT_ONCE) ]; do sleep 0.02; done; sleep 0.1`
  const rule = (job: number) => `j${job}:\n\t@echo b >>$(LOG); ${wait}; echo e >>$(LOG)\n`
  writeFileSync(
    join(dir, 'Makefile'),
    `AT_ONCE = 1\nLOG = ${log}\nall: ${jobs.map((job) => `j${job}`).join(' ')}\n${jobs.map(rule).join('')}` +
      `nested:\n\t@$(MAKE) -s all\nbatch:\n\t+@"$(NODE)" "${join(dir, 'batch.mjs')}"\n`,
  )
})

/** The most jobs that ran at once, and how many there were. Each line is one write of O_APPEND. */
function most(): [number, number] {
  let [running, most, all] = [0, 0, 0]
  for (const line of readFileSync(log, 'utf8').trim().split('\n')) {
    if (line === 'b') all++
    running += line === 'b' ? 1 : -1
    most = Math.max(most, running)
  }
  return [most, all]
}

const version = execFileSync('make', ['--version'], { encoding: 'utf8' })
const [, major, minor] = /Make (\d+)\.(\d+)/.exec(version) ?? []
const knowsFifo = Number(major) > 4 || (Number(major) === 4 && Number(minor) >= 4)

const lacking = knowsFifo ? '' : ` (skipped: make ${major}.${minor} is older than 4.4)`

/** As a client of the protocol: takes as many tokens as it gets, and tells how many. */
const client = `
  auth=\${MAKEFLAGS##*--jobserver-auth=fifo:}; exec 3<>"\${auth%% *}"
  n=0; while read -r -t 0.3 -N 1 token <&3; do n=$((n + 1)); done; echo $n "\${auth%% *}"
  while [ $n -gt 0 ]; do printf + >&3; n=$((n - 1)); done`

describe.each(testedBackends)('a job server by %s', (backend) => {
  const make = ['make', '-s', '-C', dir, 'all']

  test('no more jobs than concurrency, in all, and not fewer without need', async () => {
    const before = openFds()
    rmSync(log, { force: true })
    const commands = [make, make, make].map((command) => [...command, 'AT_ONCE=2'])
    const options = { backend, concurrency: 3, jobserver: true }
    for (const { result } of await batch(commands, options).all()) {
      expect([result?.stderr, result?.exitCode, result?.stdio.length]).toEqual(['', 0, 3])
    }
    const [at, all] = most()
    expect(all).toBe(18)
    expect(at).toBeGreaterThan(1)
    expect(at).toBeLessThanOrEqual(3)
    await nothingLeft(before)
  })

  test('a make alone has all of them; and one that is killed takes none along for ever', async () => {
    rmSync(log, { force: true })
    // What the killed make leaves running writes to a log of its own.
    const kill = ['sh', '-c', 'make -s -C "$0" LOG=killed all & sleep 0.05; kill -9 $!; wait', dir]
    const results = batch([kill, make], { backend, concurrency: 4, jobserver: true, total: 2 })
    await results.all()
    rmSync(log)
    // One at a time: the first make of each batch begins with all tokens.
    const alone = [...make, 'AT_ONCE=4']
    await batch([alone], { backend, concurrency: 4, jobserver: true }).all()
    expect(most()).toEqual([4, 6])
  })

  test('by a FIFO', async () => {
    const options = { backend, concurrency: 5, jobserver: 'fifo' } as const
    const [one] = await batch([['bash', '-c', client]], options).all()
    const [tokens, path = ''] = one?.result?.stdout.trim().split(' ') ?? []
    // Its own job needs no token of the FIFO.
    expect([tokens, one?.result?.stderr, one?.result?.exitCode]).toEqual(['4', '', 0])
    expect([basename(path), existsSync(path), existsSync(dirname(path))]).toEqual([
      'jobserver',
      false,
      false,
    ])
  })

  test.skipIf(!knowsFifo)(`makes by a FIFO${lacking}`, async () => {
    const options = { backend, concurrency: 5, jobserver: 'fifo' } as const
    // One alone, through a make of its own, has all jobs; two share them.
    const nested = ['make', '-s', '-C', dir, 'nested']
    const rounds: [string[][], number][] = [
      [[[...nested, 'AT_ONCE=5']], 6],
      [[make, nested], 12],
    ]
    for (const [commands, all] of rounds) {
      rmSync(log, { force: true })
      for (const { result } of await batch(commands, options).all()) {
        expect([result?.stdout, result?.stderr, result?.exitCode]).toEqual(['', '', 0])
      }
      const [at, count] = most()
      expect(count).toBe(all)
      if (commands.length === 1) expect(at).toBe(5)
      else expect(at).toBeLessThanOrEqual(5)
    }
  })

  test('commands that cannot start, an abort, a failing iterable', async () => {
    const before = openFds()
    const options = { backend, concurrency: 2, jobserver: 'fifo' } as const
    const results = await batch([['/no/such'], ['true'], ['/no/such'], ['true']], options).all()
    expect(results.map(({ result }) => result?.exitCode)).toEqual([undefined, 0, undefined, 0])
    const signal = AbortSignal.timeout(100)
    const sleeps = Array.from({ length: 5 }, () => ['sleep', '600'])
    expect(await rejection(batch(sleeps, { ...options, signal }).all())).toMatchObject({
      name: 'AbortError',
    })
    async function* failing() {
      yield ['true']
      throw new Error('no more')
    }
    expect(await rejection(batch(failing(), options).all())).toMatchObject({ message: 'no more' })
    await nothingLeft(before)
  })
})

test('a batch below a make has jobs of its own', async () => {
  const library = new URL('../../dist/index.js', import.meta.url).href
  writeFileSync(
    join(dir, 'batch.mjs'),
    `import { batch } from '${library}'
    const make = ['make', '-s', '-C', ${JSON.stringify(dir)}, 'all']
    const results = await batch([make, make], { concurrency: 3, jobserver: true }).all()
    console.log(JSON.stringify(results.map(({ result }) => [result.stderr, result.exitCode])))`,
  )
  rmSync(log, { force: true })
  const args = ['-s', '-j8', '-C', dir, `NODE=${process.execPath}`, 'batch']
  const { stdout, stderr } = await run('make', args, { check: true })
  expect([JSON.parse(stdout), stderr]).toEqual([
    [
      ['', 0],
      ['', 0],
    ],
    '',
  ])
  const [at, all] = most()
  expect(all).toBe(12)
  expect(at).toBeLessThanOrEqual(3)
})

test.each([
  ['', ' -j4 --jobserver-auth=fifo:/x'],
  ['ks', 'ks -j4 --jobserver-auth=fifo:/x'],
  ['w -j8 --jobserver-auth=3,4', 'w -j4 --jobserver-auth=fifo:/x'],
  [
    ' -j --jobserver-fds=3,4 --no-print-directory',
    ' --no-print-directory -j4 --jobserver-auth=fifo:/x',
  ],
  ['k -j2 -- CC=clang J=-j3', 'k -j4 --jobserver-auth=fifo:/x -- CC=clang J=-j3'],
  [' -- A=1', ' -j4 --jobserver-auth=fifo:/x -- A=1'],
])('MAKEFLAGS %j become %j', (before, after) => {
  expect(makeFlags(before, 4, 'fifo:/x')).toBe(after)
})

test('bad values of jobserver', () => {
  for (const jobserver of ['yes', 1, null]) {
    expect(() => batch([], { jobserver } as object)).toThrow(
      /^jobserver must be one of "fifo", "pipe"/,
    )
  }
})
