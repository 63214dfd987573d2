import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { committed } from '../../bench/lib/paths.mjs'
import { readResults } from '../../bench/lib/result.mjs'

const script = fileURLToPath(new URL('../../bench/run.mjs', import.meta.url))
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bench-command-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const bench = (...args: string[]) =>
  spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' })

test('lists the benchmarks', () => {
  const { status, stdout } = bench('--help')
  expect(status).toBe(0)
  for (const name of [
    'designs',
    'batch',
    'awaited',
    'agent-counts',
    'agent-tools',
    'node',
    'cluster',
    'spawners',
    'report',
  ]) {
    expect(stdout).toContain(`  ${name} `)
  }
})

test.each([
  [
    ['nothing'],
    'bench: no benchmark nothing: there are designs, batch, awaited, agent-counts, agent-tools, node, cluster, spawners, and report',
  ],
  [['designs', '--methods', 'fork,spoon'], 'There are fork, vfork'],
  [['designs', '--children', 'cow'], 'There are static, dynamic, dash'],
  [['agent-counts', '--kernels', 'newest'], 'There are stock, without-mm, patched'],
  [['designs', '--kernels', 'newest'], 'There are stock, without-mm, patched'],
  [['awaited', '--calls', 'run,walk'], 'There are run, ignored, exited'],
  [['awaited', '--backends', 'spoon'], 'There are uring, spawn_template, vfork, builder, fork'],
  [['agent-tools', '--calls', 'many'], 'Give a whole number, 1 or more'],
  [['agent-tools', '--splits', '3x5'], 'There are 1x16, 2x8, 4x4, 8x2'],
  [['cluster', '--concurrency', '1'], 'Give a whole number, 2 or more'],
  [['node', '--before', '/no/such/checkout'], 'There is no dist/index.js in /no/such/checkout'],
  [['node', '--rounds', '2'], 'Give a whole number, 3 or more'],
])('refuses %j and says why', (args, why) => {
  const { status, stderr } = bench(...args)
  expect(status).toBe(1)
  expect(stderr).toContain(why)
})

test('draws the report from the committed results', () => {
  const { status, stdout } = bench('report', '--plots', folder)
  expect(status).toBe(0)
  const page = stdout.split('\n')[0] as string
  expect(existsSync(page)).toBe(true)
  expect(readdirSync(folder).sort()).toEqual(
    readdirSync(committed)
      .filter((name) => name.endsWith('.svg'))
      .sort(),
  )
})

test('names a file that is not a result', () => {
  expect(bench('report', '--results', folder).stderr).toContain(
    'bench: there are no results to draw',
  )
  writeFileSync(join(folder, 'designs.json'), '{ "benchmark": "designs" }')
  const { status, stderr } = bench('report', '--results', folder)
  expect(status).toBe(1)
  expect(stderr).toContain(join(folder, 'designs.json'))
  expect(stderr).toContain("must have required property 'command'")
})

test.each(['designs', 'batch', 'awaited', 'agent-counts', 'agent-tools', 'node', 'spawners'])(
  'prints the result of %s in 80 columns',
  async (name) => {
    const { print } = await import(`../../bench/${name}/run.mjs`)
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    try {
      print(readResults(committed)[name])
      const lines = log.mock.calls
        .map(([text]) => String(text))
        .join('\n')
        .split('\n')
      expect(lines.length).toBeGreaterThan(3)
      expect(lines.filter((line) => line.length > 80)).toEqual([])
    } finally {
      log.mockRestore()
    }
  },
)
