import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { calls, fault } from '../../demo/calls.mjs'
import { foldedLinks } from '../../demo/explained.mjs'
import { bar, rangeBar, textOf } from '../../demo/text.mjs'
import { HANG, until } from '../support.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const script = join(root, 'demo/main.mjs')
const json = join(root, 'out/demo/demo.json')
const page = join(root, 'out/demo/demo.html')
const SCREENS = 2 * 24

/** A folder for temporary files, whose name has a space; the demo's workspace goes there. */
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'demo test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const temporary = () => {
  const dir = join(folder, 'tmp')
  mkdirSync(dir, { recursive: true })
  return dir
}

function demo(args: string[], env: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
    cwd: root,
    timeout: HANG,
    env: { ...process.env, TMPDIR: temporary(), ...env },
  })
}

/** Puts a shell script called `name` first in PATH; returns that PATH. */
function withTool(name: string, text: string) {
  const dir = join(folder, 'bin')
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, name), `#!/bin/sh\n${text}\n`)
  chmodSync(join(dir, name), 0o755)
  return `${dir}:${process.env.PATH}`
}

const columnsOf = (text: string) =>
  Math.max(
    ...text
      .split('\n')
      // A link is not broken into lines.
      .filter((line) => !/(file:|out\/demo\/)\S+$/.test(line))
      .map((line) => [...stripVTControlCharacters(line)].length),
  )

describe('npm run demo -- --stock', () => {
  test('compares, on two screens, and writes figures and page', () => {
    rmSync(json, { force: true })
    rmSync(page, { force: true })
    const { status, stdout, stderr } = demo(['--stock', '--rounds', '1'])
    expect(status, stdout + stderr).toBe(0)
    expect(columnsOf(stdout)).toBeLessThanOrEqual(80)
    expect(stdout.split('\n').length).toBeLessThanOrEqual(SCREENS)
    expect(stdout).not.toContain('\u001b')
    expect(stdout).toMatch(/calls per second +\S.* [\d.]+ █/)
    expect(stdout).toMatch(/^ +node:child_process +[\d.]+ [█▏▎▍▌▋▊▉]/m)
    expect(stdout).toMatch(/\d+ calls: no failures, no differing answers/)
    expect(stdout).toContain('One chain: git status --short')
    expect(stdout).toMatch(/^The plots +(file:\/\/\/|out\/)\S*demo\.html$/m)

    const { here, lab, command } = JSON.parse(readFileSync(json, 'utf8'))
    expect(command).toBe('npm run demo -- --stock')
    expect(lab).toBeUndefined()
    expect(here).toMatchObject({ rounds: 1, failed: 0, different: 0, faults: [] })
    expect(here.sides.length).toBeGreaterThanOrEqual(2)
    for (const side of here.sides) {
      expect(side.calls).toBe(here.callsPerRound)
      expect(side.callsPerSecond).toBeGreaterThan(0)
      expect(side.p99).toBeGreaterThanOrEqual(side.p50)
      expect(side.loopHeld).toBeGreaterThanOrEqual(0)
    }
    const html = readFileSync(page, 'utf8')
    for (const name of ['gain', 'here-rate', 'here-latency', 'here-held']) {
      expect(html).toContain(`<figure id="${name}">`)
    }
    expect(html.replaceAll(/(<script[^>]*>)[\s\S]*?<\/script>/g, '$1')).not.toMatch(
      /<(script|img|link|iframe)[^>]+(src|href)=/,
    )
    expect(readdirSync(temporary())).toEqual([])
    const named = stdout.match(/\S+\.md/g) ?? []
    expect(named.length).toBeGreaterThan(2)
    for (const file of named) expect(existsSync(join(root, file)), file).toBe(true)
  })

  test('a tool that answers wrongly fails the demo before anything is measured', () => {
    const PATH = withTool('sed', 'echo nonsense')
    const { status, stdout } = demo(['--stock', '--rounds', '1'], { PATH })
    expect(status).toBe(1)
    expect(stdout).toContain('4 failures')
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      'sed -n 1,20p src/session/session4.py: wrong answer: "nonsense\\n"',
    )
    expect(columnsOf(stdout)).toBeLessThanOrEqual(80)
    expect(JSON.parse(readFileSync(json, 'utf8')).here).toMatchObject({ rounds: 0, failed: 4 })
  })

  test('a tool that fails only now and then fails the demo, too', () => {
    // Each side calls it once before the measurement.
    const count = join(folder, 'count')
    const PATH = withTool(
      'stat',
      `echo >> '${count}'\n[ $(wc -l < '${count}') -gt 4 ] && exit 7\nexec /usr/bin/stat "$@"`,
    )
    const { status, stdout } = demo(['--stock', '--rounds', '1'], { PATH })
    expect(status).toBe(1)
    expect(stdout).toMatch(/\d+ calls: \d+ failures?/)
    expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(/stat -c [^:]*: exited with 7, not 0/)
    const { here } = JSON.parse(readFileSync(json, 'utf8'))
    expect(here.rounds).toBe(1)
    expect(here.failed).toBeGreaterThan(0)
  })

  test('names a tool that is missing', () => {
    const bin = join(folder, 'few')
    mkdirSync(bin)
    for (const tool of ['git', 'node', 'cat', 'sh', 'env']) {
      const found = ['/usr/bin', '/bin', ...(process.env.PATH ?? '').split(':')]
        .map((dir) => join(dir, tool))
        .find((file) => existsSync(file))
      if (found) symlinkSync(found, join(bin, tool))
    }
    const { status, stdout } = demo(['--stock', '--rounds', '1'], { PATH: bin })
    expect(status).toBe(1)
    expect(stdout).toMatch(/^ {2}rg is not in PATH \(ENOENT\), \d+ times$/m)
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('%s leaves nothing behind', async (signal) => {
    const dir = temporary()
    const child = spawn(process.execPath, [script, '--stock', '--rounds', '1000000'], {
      stdio: 'ignore',
      cwd: root,
      env: { ...process.env, TMPDIR: dir },
    })
    const ended = once(child, 'exit')
    const children = () =>
      readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
    await until(() => readdirSync(dir).length > 0 && children() !== '')
    child.kill(signal)
    const [code] = await ended
    expect(code).toBe(signal === 'SIGINT' ? 130 : 143)
    expect(readdirSync(dir)).toEqual([])
  })
})

describe('options', () => {
  test('--help lists the options, except internal ones', () => {
    const { status, stdout } = demo(['--help'])
    expect(status).toBe(0)
    for (const option of ['--stock', '--open', '--rounds', '--help']) {
      expect(stdout).toContain(`  ${option}`)
    }
    expect(stdout).not.toContain('--here')
  })

  test.each([
    [['--stok'], "unknown option '--stok'"],
    [['--here'], "unknown option '--here'"],
    [['--rounds', 'many'], "'many' is invalid"],
    [['--rounds', '0'], "'0' is invalid"],
    [['something'], 'too many arguments'],
  ])('%j is refused before anything is run', (args, why) => {
    const { status, stdout, stderr } = demo(args)
    expect(status).toBe(1)
    expect(stderr).toContain(why)
    expect(stdout).toBe('')
  })

  test('--open without a desktop prints that, and is not a failure', () => {
    const env = { DISPLAY: '', WAYLAND_DISPLAY: '' }
    const { status, stderr } = demo(['--stock', '--rounds', '1', '--open'], env)
    expect(status).toBe(0)
    expect(stderr).toContain('--open: there is no desktop here')
  })

  test('--open hands the page to the desktop', () => {
    const seen = join(folder, 'seen')
    const PATH = withTool('xdg-open', `printf %s "$1" > '${seen}'`)
    const { status } = demo(['--stock', '--rounds', '1', '--open'], { DISPLAY: ':0', PATH })
    expect(status).toBe(0)
    expect(readFileSync(seen, 'utf8')).toBe(page)
  })
})

describe('the text', () => {
  const side = (side: string, label: string, more = {}) => ({
    ...{ side, label, calls: 1_234_567, callsPerSecond: 12345.678, p50: 1234.5, p99: 98765.4 },
    ...{ loopHeld: 12345.6, failed: 3, ratio: 12.345, low: 10, high: 14, equal: false },
    ...{ secondsOfRounds: [1, 2, 3, 4, 5, 6] },
    ...more,
  })
  const half = (names: [string, string][], more = {}) => ({
    ...{ kernel: '6.12.117-uring-spawn-of-a-long-name', cpus: 2, inFlight: 16, rounds: 1000 },
    ...{ callsPerRound: 112, sides: names.map(([name, label]) => side(name, label)) },
    ...{
      different: 2,
      failed: 9,
      faults: Array(20).fill(`chains: ${'rg --sort path '.repeat(9)}`),
    },
    ...more,
  })
  const exec = (path: string) => ({ operation: 'EXEC', arguments: path })
  const chain = {
    ...{ name: 'git status --short', tool: 'git' },
    links: [
      { operation: 'CLONE', arguments: `fds: ${'x'.repeat(200)}` },
      { operation: 'FCHDIR', arguments: 'FD_LAST' },
      ...Array(21).fill(exec('"/usr/bin/git"')),
    ],
  }
  const base: [string, string] = ['node:child_process', 'node:child_process']
  const whole = {
    here: half([['vfork', 'threads (vfork)'], base]),
    lab: half([['uring', 'chains'], ['vfork', 'threads (vfork)'], base]),
    chain,
  }
  const places = { page: 'file:///x/demo.html', json: 'out/demo/demo.json' }
  const written = (columns?: number) =>
    textOf(whole, { ...places, stream: { columns } as unknown as NodeJS.WriteStream })

  test('for both kernels fits two screens of 80 columns, whatever went wrong', () => {
    for (const columns of [undefined, 0, 80]) {
      const text = written(columns)
      expect(columnsOf(text)).toBeLessThanOrEqual(80)
      expect(text.split('\n').length).toBeLessThanOrEqual(SCREENS)
    }
    expect(written(80)).toContain('18 failures, 4 differing answers')
    expect(written(80)).toContain('and 38 more in the JSON')
    // The directories of PATH share a row.
    expect(written(80).match(/EXEC/g)).toHaveLength(1)
    expect(written(80)).toContain('git in 21 places of PATH')
  })

  test('gives times in seconds where milliseconds would not fit', () => {
    const text = written(80)
    expect(text).toMatch(/^s per call +chains +1\.23…98\.8 █/m)
    expect(text).toMatch(/^event loop held +chains +12\.3 █/m)
    expect(text).toMatch(/^longest, in s /m)
    // Throughput is not a time, however high.
    expect(text).toMatch(/^calls per second +chains +12346 █/m)
  })

  test('claims no difference from a few rounds', () => {
    const here = half([base])
    here.sides.unshift(side('vfork', 'threads (vfork)', { secondsOfRounds: [1, 2] }))
    const text = textOf(
      { ...whole, lab: undefined, here },
      { ...places, stream: { columns: 80 } as unknown as NodeJS.WriteStream },
    )
    expect(text).toMatch(/threads \(vfork\).* ~×12\.35$/m)
  })

  test('uses the available width', () => {
    expect(columnsOf(written(60))).toBeLessThanOrEqual(60)
    const wide = columnsOf(written(100))
    expect(wide).toBeGreaterThan(80)
    expect(wide).toBeLessThanOrEqual(100)
    expect(columnsOf(written(500))).toBe(wide)
  })

  test('prints "equal" if the rounds show no difference', () => {
    const equal = half([base])
    equal.sides.unshift(side('vfork', 'threads (vfork)', { equal: true }))
    const text = textOf(
      { ...whole, lab: undefined, here: equal },
      { ...places, stream: { columns: 80 } as unknown as NodeJS.WriteStream },
    )
    expect(text).toMatch(/threads \(vfork\).* equal$/m)
    expect(text).not.toContain('×12')
  })

  test('has bars from zero, in proportion', () => {
    expect(bar(10, 10, 20)).toBe('█'.repeat(20))
    expect(bar(5, 10, 20)).toBe('█'.repeat(10))
    expect(bar(0, 10, 20)).toBe('')
    expect(bar(0, 0, 20)).toBe('')
    expect(bar(1, 16, 2)).toBe('▏')
    expect(rangeBar(5, 10, 10, 20)).toBe('█'.repeat(10) + '░'.repeat(10))
  })

  test('leaves the only EXEC of a chain unchanged', () => {
    expect(foldedLinks([exec('"/usr/bin/git", argv')], 'git')).toEqual([
      ['EXEC', '"/usr/bin/git", argv'],
    ])
  })
})

test('an answer is checked against the workspace, not against the other side', () => {
  const grep = calls.find(({ tool, args }) => tool === 'grep' && args[0] === '-c')
  const result = { exitCode: 0, stdout: '375\n', stderr: '' }
  expect(fault(grep, result)).toBeUndefined()
  expect(fault(grep, { ...result, stdout: '374\n' })).toBe('wrong answer: "374\\n"')
  expect(fault(grep, { ...result, exitCode: 2, stderr: 'broken\n' })).toBe(
    'exited with 2, not 0: broken',
  )
  const found = calls.find(({ tool }) => tool === 'find')
  const lines = found.answer.trim().split('\n')
  // A folder's entries may come in any order, but each must come exactly once.
  expect(
    fault(found, { ...result, stdout: `${[...lines].reverse().join('\n')}\n` }),
  ).toBeUndefined()
  expect(fault(found, { ...result, stdout: `${lines.slice(1).join('\n')}\n` })).toMatch('wrong')
})
