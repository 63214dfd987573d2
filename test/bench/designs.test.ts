import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { build, CHILDREN, counting, folder, measuring } from '../../bench/designs/programs.mjs'

const children = ['static', 'dash']
let scratch: string

beforeAll(async () => {
  await build(children)
  scratch = mkdtempSync(join(tmpdir(), 'bench-designs-'))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const harness = (...args: string[]) =>
  spawnSync(`${folder}bench`, args, { encoding: 'utf8', cwd: scratch })

describe('the harness', () => {
  test('gives the child its arguments, and counts every run', () => {
    const { status, stdout } = harness(
      ...['vfork', '--child', '/bin/sh', '--runs', '3', '--output', 'counts', '--'],
      ...['-c', 'echo "$0 $# $1"', 'name', '--runs'],
    )
    expect(status).toBe(0)
    // 20 starts warm up.
    expect(stdout).toBe('name 1 --runs\n'.repeat(23))
    const counts = JSON.parse(readFileSync(join(scratch, 'counts'), 'utf8'))
    expect(counts).toMatchObject({ method: 'vfork', batch: 1 })
    expect(counts.totals).toHaveLength(3)
    expect(counts.begins).toHaveLength(3)
  })

  test('prints the counts without a file for them', () => {
    const { status, stdout } = harness('posix_spawn', '--child', `${folder}child`, '--runs', '2')
    expect(status).toBe(0)
    expect(JSON.parse(stdout).totals).toHaveLength(2)
  })

  test('warms up as often as it is told', () => {
    const { stdout } = harness(
      ...['vfork', '--child', '/bin/sh', '--runs', '2', '--warm-up', '1', '--output', 'counts'],
      ...['--', '-c', 'echo run'],
    )
    expect(stdout).toBe('run\n'.repeat(3))
  })

  test('fails with a child that fails, and without a method', () => {
    const failing = harness('vfork', '--child', '/bin/sh', '--', '-c', 'exit 3')
    expect(failing.status).toBe(1)
    expect(failing.stderr).toContain('the child ended with code 1, status 3')
    expect(harness('--runs', '2').stderr).toBe('bench: give a method\n')
    expect(harness('spoon').stderr).toContain('no method spoon; there are: fork vfork')
  })
})

describe('the footprint', () => {
  const footprint = (...args: string[]) =>
    spawnSync(`${folder}footprint`, args, { encoding: 'utf8', cwd: scratch })

  test("has what the kernel says of a program's end, for every run", () => {
    const { status, stdout } = footprint('--child', `${folder}child`, '--runs', '3')
    expect(status).toBe(0)
    const found = JSON.parse(stdout)
    expect(Object.keys(found)).toEqual(['faults', 'mapped', 'anonymous', 'tables'])
    for (const at of [0, 1, 2]) {
      // Its code and its stack at least; three instructions need no more than a few.
      expect(found.mapped[at]).toBeGreaterThanOrEqual(2)
      expect(found.mapped[at]).toBeLessThan(30)
      expect(found.anonymous[at]).toBeGreaterThanOrEqual(1)
      expect(found.anonymous[at]).toBeLessThanOrEqual(found.mapped[at])
      expect(found.faults[at]).toBeGreaterThanOrEqual(1)
      expect(found.tables[at]).toBeGreaterThanOrEqual(3)
    }
  })

  test('grows with what the program touches', () => {
    const mapped = (...args: string[]) => JSON.parse(footprint(...args).stdout).mapped[0]
    const small = mapped('--child', `${folder}child`)
    expect(mapped('--child', '/bin/sh', '--', '-c', ':')).toBeGreaterThan(small + 50)
  })

  test("passes arguments on, writes to a file, and lets the program's signals through", () => {
    const script = 'trap "echo trapped" USR1; kill -USR1 $$; echo "$0 $1"'
    const { status, stdout } = footprint(
      ...['--child', '/bin/sh', '--runs', '2', '--output', 'figures', '--', '-c', script],
      ...['name', '--runs'],
    )
    expect(status).toBe(0)
    expect(stdout).toBe('trapped\nname --runs\n'.repeat(3))
    expect(JSON.parse(readFileSync(join(scratch, 'figures'), 'utf8')).faults).toHaveLength(2)
  })

  test('fails with a child that fails or is not there, and without one', () => {
    const failing = footprint('--child', '/bin/sh', '--', '-c', 'exit 3')
    expect(failing.status).toBe(1)
    expect(failing.stderr).toBe('footprint: the child failed\n')
    expect(footprint('--child', '/no/such/program').stderr).toContain('ended before it was stopped')
    expect(footprint().stderr).toBe('footprint: give a --child\n')
  })
})

test("the system's programs run in a root of their own, with their output dropped", () => {
  const lines = counting({ method: 'vfork', child: 'dash', runs: 7 })
  expect(lines).toMatch(/^\/usr\/sbin\/chroot \S+ \/tmp\/bench vfork --child \S+\/dash .*--runs 7 /)
  expect(lines).toMatch(/ -- '-c' ':' > \/dev\/null\ncat \S+$/)
  expect(counting({ method: 'fork', child: 'static', runs: 7 })).toBe(
    `/tmp/bench fork --child ${CHILDREN.static.path} --memory 0 --fds 3 --runs 7 --`,
  )
  expect(counting({ method: 'posix_spawn_embryo', child: 'static', runs: 7 })).toBe(
    'LD_PRELOAD=/tmp/libposix_spawn_fast.so URING_SPAWN_INTERFACE=embryo ' +
      counting({ method: 'posix_spawn', child: 'static', runs: 7 }),
  )
  expect(measuring({ child: 'static', runs: 7 })).toBe(
    `/tmp/footprint --child ${CHILDREN.static.path} --runs 7 --`,
  )
})
