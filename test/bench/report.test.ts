import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { committed } from '../../bench/lib/paths.mjs'
import { checkResult, readResults } from '../../bench/lib/result.mjs'
import { METHOD_NAMES, PRELOADED } from '../../bench/report/names.mjs'
import { pageOf } from '../../bench/report/page.mjs'
import { plotsOf } from '../../bench/report/plots.mjs'
import { svgOf } from '../../bench/report/svg.mjs'
import { compared, tables } from '../../bench/report/tables.mjs'
import { chaptersOf } from '../../bench/report/write.mjs'

const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8')
const results = readResults(committed)

type Row = Record<'kernel' | 'child' | 'method', string>

describe('results', () => {
  test('of every benchmark are committed, and match the schema', () => {
    expect(Object.keys(results).sort()).toEqual([
      ...[
        'agent-counts',
        'agent-tools',
        'awaited',
        'batch',
        'cluster',
        'designs',
        'node',
        'spawners',
      ],
    ])
  })

  test('are refused without their machine, kernel or command', () => {
    for (const name of ['host', 'command', 'versions', 'date', 'unit']) {
      const { [name]: _, ...rest } = results.designs
      expect(() => checkResult(rest)).toThrow(`must have required property '${name}'`)
    }
    expect(() => checkResult({ ...results.designs, command: 'by hand' })).toThrow('pattern')
    expect(() => checkResult({ ...results.designs, results: [] })).toThrow('fewer than 1')
  })

  test('have every method on every axis', () => {
    const { results: counts, phases } = results.designs
    const own = counts.filter(({ kernel }: Row) => kernel === 'patched')
    const hasPreloaded = own.some(({ method }: Row) => method in PRELOADED)
    for (const child of ['static', 'dynamic']) {
      const rows = own.filter((one: Row) => one.child === child)
      const methods = new Set(rows.map(({ method }: Row) => method))
      const all = Object.keys(METHOD_NAMES)
      const counted = all.filter((method) => hasPreloaded || !(method in PRELOADED))
      expect([...methods].sort(), child).toEqual(counted.sort())
      expect(rows, child).toHaveLength((child === 'static' ? 5 : 1) * methods.size)
      const traced = phases.filter((one: Row) => one.kernel === 'patched' && one.child === child)
      expect(traced, child).toHaveLength(methods.size)
    }
  })

  test('have every program on every kernel, with its phases and what it has mapped', () => {
    const { kernels, results: counts, phases, footprints } = results.designs
    expect(Object.keys(kernels)).toEqual(expect.arrayContaining(['without-mm', 'patched']))
    for (const kernel of Object.keys(kernels)) {
      const own = counts.filter((one: Row) => one.kernel === kernel)
      const children = new Set<string>(own.map(({ child }: Row) => child))
      expect(children.size, kernel).toBe(7)
      for (const child of children) {
        const rowsOf = (list: Row[]) =>
          list.filter((one) => one.kernel === kernel && one.child === child)
        for (const list of [counts, phases]) {
          const methods = rowsOf(list).map(({ method }) => method)
          const wanted = kernel === 'stock' ? ['vfork'] : ['vfork', 'chain_template']
          expect(methods, `${child}, ${kernel}`).toEqual(expect.arrayContaining(wanted))
        }
        expect(rowsOf(footprints), `${child}, ${kernel}`).toHaveLength(1)
      }
    }
  })

  test("phases add up to a start's total", () => {
    for (const { method, phases, total } of results.designs.phases) {
      const parts: number[] = Object.values(phases).flatMap((part) => Object.values(part as object))
      const sum = parts.reduce((all, one) => all + one, 0)
      expect(Math.abs(sum - total), method).toBeLessThan(parts.length)
    }
  })
})

describe('the report', () => {
  const chapters = chaptersOf(results)
  const plots = chapters
    .flatMap((chapter) => chapter.plots)
    .map((plot) => ({ ...plot, svg: svgOf(plot) }))
  const page = pageOf(chapters)

  test('has every plot, with its table and as SVG', () => {
    expect(plots.length).toBeGreaterThanOrEqual(4 + 2 + 1 + 2)
    expect(new Set(plots.map(({ name }) => name)).size).toBe(plots.length)
    for (const { name, svg, table } of plots) {
      expect(page).toContain(`<figure id="${name}">`)
      expect(page).toContain(svg)
      expect(svg).toMatch(/^<svg [\s\S]*<path [\s\S]*<\/svg>$/)
      expect(table.rows.length).toBeGreaterThan(0)
      for (const row of table.rows) expect(row, name).toHaveLength(table.head.length)
    }
  })

  test('names the command, the machine and the date of each result', () => {
    for (const { result } of chapters) {
      for (const fact of [result.command, result.host.cpu, result.host.kernel]) {
        expect(page).toContain(`${fact}`)
      }
      expect(page).toContain(result.date.slice(0, 10))
    }
  })

  test('loads nothing from elsewhere', () => {
    // The library contains such words in code that never runs here.
    const own = page.replaceAll(/(<script[^>]*>)[\s\S]*?<\/script>/g, '$1')
    expect(own).toContain('<script>')
    expect(own).not.toMatch(/<(script|img|link|iframe)[^>]+(src|href)=/)
    expect(own).not.toMatch(/@import|url\((?!#)/)
  })

  test("follows the reader's colour scheme", () => {
    expect(page).toContain('prefers-color-scheme:dark')
    for (const { svg } of plots) {
      expect(svg).toContain('prefers-color-scheme:dark')
      expect(svg).toContain('var(--ink)')
      // No stand-in is left.
      expect(svg).not.toMatch(/#01010\d/)
    }
  })

  test('draws bars only from zero on a linear axis', () => {
    const kinds = new Set()
    for (const { name, option } of plots) {
      const types = new Set(option.series.map(({ type }: { type: string }) => type))
      for (const type of types) kinds.add(type)
      if (!types.has('bar')) continue
      expect(option.xAxis, name).toMatchObject({ type: 'value', min: 0 })
    }
    expect([...kinds].sort()).toEqual(['bar', 'line', 'scatter'])
  })

  test('draws every interval within its axis, where ECharts shows it', () => {
    let intervals = 0
    for (const { name, option } of plots) {
      for (const { type, markLine } of option.series) {
        for (const ends of type === 'scatter' ? (markLine?.data ?? []) : []) {
          for (const { coord } of Array.isArray(ends) ? ends : []) {
            intervals++
            expect(coord[0], name).toBeGreaterThanOrEqual(option.xAxis.min)
            expect(coord[0], name).toBeLessThanOrEqual(option.xAxis.max)
          }
        }
      }
    }
    expect(intervals).toBeGreaterThan(100)
  })

  test('matches the committed SVGs', () => {
    for (const { name, svg } of plots) {
      expect(readFileSync(`${committed}${name}.svg`, 'utf8'), name).toBe(svg)
    }
  })

  test('shows counts as equal that differ less than from run to run', () => {
    expect(compared(101, 100)).toBe('equal')
    expect(compared(103, 100)).toBe('+3.0 %')
    expect(compared(90, 100)).toBe('−10.0 %')
  })
})

test('posix_spawn() by each interface has plots of its own, beside that of the C library', () => {
  const { designs } = results
  const others = (rows: Row[]) => rows.filter(({ method }) => !(method in PRELOADED))
  const withPreloaded = (rows: Row[]) => [
    ...others(rows),
    ...Object.keys(PRELOADED).flatMap((method) =>
      rows.filter((one) => one.method === 'posix_spawn').map((one) => ({ ...one, method })),
    ),
  ]
  const plotsWith = (change: (rows: Row[]) => Row[]) =>
    plotsOf({ ...designs, results: change(designs.results), phases: change(designs.phases) })
  const before = plotsWith(others)
  const isAdded = ({ name }: { name: string }) => name.endsWith('-posix-spawn')
  expect(before.filter(isAdded)).toEqual([])
  const after = plotsWith(withPreloaded)
  expect(after.filter((plot) => !isAdded(plot))).toEqual(before)
  const added = after.filter(isAdded)
  const axes = ['memory', 'descriptors']
  expect(added.map(({ name }) => name)).toEqual(
    [
      ...['designs-static', 'designs-dynamic', ...axes.map((axis) => `designs-${axis}`)],
      ...['phases-static', 'phases-dynamic'],
    ].map((name) => `${name}-posix-spawn`),
  )
  const wanted = ['posix_spawn', ...Object.keys(PRELOADED)].map(
    (method) => (METHOD_NAMES as Record<string, string>)[method],
  )
  for (const { name, table, option } of added) {
    const isOfPhases = name.startsWith('phases-')
    expect(isOfPhases ? table.head.slice(1) : table.rows.map(([one]) => one), name).toEqual(wanted)
    if (!axes.some((axis) => name.includes(axis)))
      expect(option.yAxis).toMatchObject({ data: wanted })
  }
  expect(added[0]?.table.head[2]).toBe('vs. posix_spawn')
})

test('counts of a run without vfork are compared with nothing', () => {
  const row = (method: string, total: number) => ({ method, total, call: 2000, mean: total })
  const cells = (...rows: unknown[]) => tables.counts(rows).rows.map((all: string[]) => all[2])
  expect(cells(row('embryo', 91_000), row('chain', 79_000))).toEqual(['', ''])
  expect(cells(row('vfork', 80_000), row('embryo', 100_000))).toEqual(['', '+25.0 %'])
})

test('the counts in the README are those of the committed result', () => {
  const names: Record<string, string> = {
    'fork, exec': 'fork',
    'vfork, exec': 'vfork',
    posix_spawn: 'posix_spawn',
    'clone3 with a pidfd, exec': 'clone3',
    chain: 'chain',
    'chain with a list of descriptors': 'chain_fds',
    'the same with a pidfd': 'chain_pidfd',
    'the list, from a template': 'chain_template',
    'spawn_template_spawn, with a pidfd': 'spawn_template',
  }
  const own = results.designs.results.filter(
    ({ kernel, child }: Row) => kernel === 'patched' && child === 'static',
  )
  const of = (method: string, memory: number, fds: number) =>
    own.find(
      (one: { method: string; memory: number; fds: number }) =>
        one.method === method && one.memory === memory && one.fds === fds,
    )
  for (const [name, method] of Object.entries(names)) {
    const row = readme.split('\n').find((line) => line.startsWith(`| ${name} |`))
    const numbers = row?.split('|').slice(2, -1).map(Number)
    const rounded = [of(method, 0, 3), of(method, 1024, 3), of(method, 0, 10_000)].flatMap(
      ({ total, call }) => [Math.round(total / 1000), Math.round(call / 1000)],
    )
    expect(numbers, name).toEqual(rounded)
  }
})
