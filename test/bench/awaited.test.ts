import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { CALLS } from '../../bench/awaited/calls.mjs'
import { print } from '../../bench/awaited/run.mjs'
import { makeResult } from '../../bench/lib/result.mjs'
import { plotsOf } from '../../bench/report/plots.mjs'

const folderOf = (name: string) =>
  fileURLToPath(new URL(`../../bench/awaited/${name}`, import.meta.url))

const result = () =>
  makeResult({
    benchmark: 'awaited',
    command: 'npm run bench -- awaited',
    lab: { emulator: 'QEMU', kernel: '6.12.0', cpus: 1, memory: '2G', clock: 'instructions' },
    unit: 'instructions per process',
    samples: 100,
    results: ['uring', 'vfork'].flatMap((backend, at) =>
      Object.keys(CALLS).map((call) => ({
        ...{ backend, call, thread: 190_000 + at, program: 250_000 * (1 + at) },
        ...{ total: 1_340_000, switches: 3.5 },
      })),
    ),
  })

test('prints a result in 80 columns', () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  try {
    print(result())
    const lines = log.mock.calls
      .map(([text]) => String(text))
      .join('\n')
      .split('\n')
    for (const { title } of Object.values(CALLS)) expect(lines).toContain(title)
    expect(lines).toContain('uring               190.0     250.0    1340.0      3.50')
    expect(lines.filter((line) => line.length > 80)).toEqual([])
  } finally {
    log.mockRestore()
  }
})

test('draws a plot for each call, and compares with vfork', () => {
  const plots = plotsOf(result())
  expect(plots.map(({ name }) => name)).toEqual(Object.keys(CALLS).map((call) => `awaited-${call}`))
  for (const { table } of plots) {
    expect(table.rows.map((row) => row.slice(0, 4))).toEqual([
      ['uring', '190.0', '250.0', '−50.0 %'],
      ['vfork', '190.0', '500.0', ''],
    ])
  }
})

test.each(Object.keys(CALLS))('counts %s on this kernel', (call) => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-awaited-'))
  try {
    const addon = join(folder, 'counts.node')
    execFileSync('gcc', ['-shared', '-fPIC', '-o', addon, folderOf('counts.c')])
    const job = { backend: 'vfork', call, file: '/bin/true', addon, warm: 3, samples: 20 }
    const printed = execFileSync(process.execPath, [folderOf('inside.mjs'), JSON.stringify(job)], {
      encoding: 'utf8',
    })
    const { empty, found } = JSON.parse(printed) as Record<string, Record<string, number[]>>
    const sum = (list: number[] | undefined) => (list ?? []).reduce((all, one) => all + one, 0)
    // A process takes time, in this thread and in one of the library's; the thread waits for it.
    for (const field of ['total', 'thread', 'others']) {
      expect(found?.[field]).toHaveLength(20)
      expect(sum(found?.[field]), field).toBeGreaterThan(sum(empty?.[field]))
    }
    expect(sum(found?.total)).toBeGreaterThan(sum(found?.thread))
    expect(sum(found?.switches)).toBeGreaterThanOrEqual(20)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
