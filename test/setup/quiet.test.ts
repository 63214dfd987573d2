/** Commands that are silent unless they fail, and what is shown while they run. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support.js'
import { Clone } from './clone.js'

let clone: Clone
beforeAll(() => {
  clone = new Clone()
})
afterAll(() => clone.remove())

/** A program that runs a shell script by `quietly`. */
function program(script: string, options: Record<string, unknown> = {}): string[] {
  const all = { title: 'work: doing it', ...options }
  const code = `
    import { join } from 'node:path'
    import { orFail, quietly } from './tools/command.mjs'
    import { logFile } from './tools/paths.mjs'
    const options = ${JSON.stringify(all)}
    const read = (line) => {
      const [, share] = /^share ([.\\d]+)$/.exec(line) ?? []
      return share && { share: Number(share), note: 'a note' }
    }
    await orFail(() => quietly(['sh', '-c', ${JSON.stringify(script)}], { log: logFile('work'), read, ...options }))
    console.log('done')`
  return ['node', '--input-type=module', '-e', code]
}

const log = () => clone.read('out/log/work.log')
const logPath = () => join(clone.root, 'out/log/work.log')
const many = 'for i in $(seq 100); do echo line $i; done; echo problem >&2'

test('a command that succeeds at once prints nothing; its output is in the log', async () => {
  const { status, stdout, stderr } = await clone.run(program(many))
  expect([status, stdout, stderr]).toEqual([0, 'done\n', ''])
  expect(log()).toContain('\nline 1\n')
  expect(log()).toContain('\nline 100\n')
  expect(log()).toContain('\nproblem\n')
})

test('a failure has the status, the last lines, and the path of the whole log', async () => {
  const { status, stdout, stderr } = await clone.run(program(`${many}; exit 3`))
  expect([status, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^work: doing it failed: sh ended with status 3\n/)
  expect(stderr).toContain('problem')
  expect(stderr).toContain('  line 100\n')
  expect(stderr).not.toContain('line 50\n')
  expect(stderr.trimEnd().split('\n').at(-1)).toContain(logPath())
  expect(stderr).not.toContain('    at ')
  expect(log()).toContain('\nline 50\n')
})

test('of a bar in the output, a failure shows the last state', async () => {
  const bar = `for i in $(seq 100); do printf '\\rbar %s\\033[K' $i; done; printf '\\rgone\\n'; exit 1`
  const { stderr } = await clone.run(program(bar))
  expect(stderr).toMatch(/^work: doing it failed: sh ended with status 1\n {2}gone\n/)
  expect(stderr).not.toContain('bar')
})

test('for a command that is killed, the signal is named', async () => {
  const { status, stderr } = await clone.run(program('kill -KILL $$'))
  expect(status).toBe(1)
  expect(stderr).toContain('work: doing it failed: sh was killed by SIGKILL')
})

test('for a command that cannot be run, the reason is given', async () => {
  const { status, stderr } = await clone.run(program(many, { cwd: '/nowhere' }))
  expect(status).toBe(1)
  expect(stderr).toMatch(/work: doing it failed: cannot run sh: .*ENOENT/)
  const absent = await clone.run(program('exec /nowhere/program'))
  expect(absent.status).toBe(1)
  expect(absent.stderr).toContain('/nowhere/program')
})

test('verbose shows the output as it comes, logs it, and does not show it twice', async () => {
  const { status, stderr } = await clone.run(program(`${many}; exit 3`), {
    env: { URING_SPAWN_VERBOSE: '1' },
  })
  expect(status).toBe(1)
  expect(stderr.match(/line 100\n/g)).toHaveLength(1)
  expect(stderr).toContain('line 1\n')
  expect(log()).toContain('\nline 100\n')
})

test('without a terminal, a slow command gets one plain line', async () => {
  const { status, stderr } = await clone.run(program('sleep 1.5', { seconds: 38 }))
  expect(status).toBe(0)
  expect(stderr).toBe('work: doing it, about 40 s\n')
})

test('lazy: nothing is shown for a command that finds nothing to do', async () => {
  const idle = await clone.run(program('sleep 1.5', { lazy: true }))
  expect(idle.stderr).toBe('')
  const busy = await clone.run(program('echo share 0.5; sleep 1.5', { lazy: true }))
  expect(busy.stderr).toBe('work: doing it\n')
})

describe('on a terminal', () => {
  /** The output to a terminal that is `columns` wide. */
  async function onTerminal(command: string[], columns: number) {
    clone.write('command.json', JSON.stringify(command))
    const code = `
      const { readFileSync } = require('node:fs')
      const [, ...args] = JSON.parse(readFileSync('command.json', 'utf8'))
      const { spawnSync } = require('node:child_process')
      process.exit(spawnSync(process.execPath, args, { stdio: 'inherit' }).status)`
    clone.write('command.cjs', code)
    const shell = `stty cols ${columns}; node command.cjs`
    const { status } = await clone.run(['script', '-qec', shell, 'typescript'])
    const text = readFileSync(join(clone.root, 'typescript'), 'utf8')
    const lines = text.split('\n').slice(1)
    return { status, text: lines.join('\n').replaceAll('\x1b[K', '<clear>') }
  }

  test('a bar shows the progress, and is gone at the end', async () => {
    const script = 'echo share 0.25; sleep 1.6'
    const { status, text } = await onTerminal(program(script), 100)
    expect(status).toBe(0)
    expect(text).toMatch(/\rwork: doing it \[#####-{15}\] 25 %, a note, [12] s<clear>/)
    expect(text).toMatch(/\r<clear>done\r\n/)
  })

  test.each([20, 40, 80])('a bar fits into %i columns', async (columns) => {
    const title = 'work: installing a very long list of things that nobody has heard of before'
    const { text } = await onTerminal(program('echo share 0.5; sleep 1.6', { title }), columns)
    const drawn = [...text.matchAll(/\r([^\r\n<]+)<clear>/g)].map(([, line]) => line as string)
    expect(drawn.length).toBeGreaterThan(0)
    for (const line of drawn) expect(line.length).toBeLessThan(columns)
  })

  test('without room for both, the title goes before the note', async () => {
    const title = 'setup: installing 13 Debian packages'
    const { text } = await onTerminal(program('echo share 0.5; sleep 1.6', { title }), 72)
    expect(text).toMatch(
      /\rsetup: installing 13 Debian packages \[#{10}-{10}\] 50 %, [12] s<clear>/,
    )
  })

  test('two bars are below each other, and a line that is printed is above them', async () => {
    const code = `
      import { setTimeout as sleep } from 'node:timers/promises'
      import { Progress, say } from './tools/progress.mjs'
      const [one, two] = ['one', 'two'].map((title) => new Progress(title))
      one.update(0.25)
      two.update(0.5)
      await sleep(1700)
      say('something ended', process.stdout)
      await sleep(500)
      one.end()
      await sleep(500)
      two.end()
      console.log('done')`
    const { text } = await onTerminal(['node', '--input-type=module', '-e', code], 80)
    const one = String.raw`one \[#####-{15}\] 25 %, \d s<clear>`
    const two = String.raw`two \[#{10}-{10}\] 50 %, \d s<clear>`
    const both = String.raw`${one}\r?\n${two}`
    // Up to the first of two lines, and all below it cleared.
    const erased = String.raw`\r\x1b\[1A\x1b\[J`
    expect(text).toMatch(new RegExp(`\r\x1b\\[1A${both}`))
    expect(text).toMatch(new RegExp(`${both}${erased}something ended\r\n\r${both}`))
    expect(text).toMatch(new RegExp(`${both}${erased}\r${two}`))
    expect(text).toMatch(new RegExp(`\r${two}\r<clear>done`))
  })

  test('a failure has a line of its own', async () => {
    const { status, text } = await onTerminal(program('sleep 1.5; echo why; exit 1'), 100)
    expect(status).toBe(1)
    expect(text).toMatch(/\r<clear>work: doing it failed: sh ended with status 1\r\n {2}why\r\n/)
  })
})

describe('signals', () => {
  const careful = (signal: string) =>
    `trap 'sleep 0.3; echo > ended; exit 0' ${signal}; echo > begun; while :; do sleep 0.05; done`

  test.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)(
    '%s ends the command first, then the program',
    async (signal) => {
      clone.write('begun', '')
      clone.write('ended', '')
      const { child, ended } = clone.start(program(careful(signal.slice(3))))
      await until(() => clone.read('begun') !== '')
      child.kill(signal)
      const end = await ended
      expect([end.status, end.signal, end.stdout]).toEqual([null, signal, ''])
      expect(clone.read('ended')).toBe('\n')
    },
  )

  test('end all commands that run first, then the program', async () => {
    for (const name of ['begun', 'ended', 'begun2', 'ended2']) clone.write(name, '')
    const slow = careful('TERM').replace('sleep 0.3', 'sleep 1')
    const second = slow.replace('> begun', '> begun2').replace('> ended', '> ended2')
    const code = `
      import { quietly } from './tools/command.mjs'
      import { logFile } from './tools/paths.mjs'
      const run = (name, script) => quietly(['sh', '-c', script], { title: name, log: logFile(name) })
      await Promise.all([
        run('one', ${JSON.stringify(careful('TERM'))}).then(() => console.log('went on')),
        run('two', ${JSON.stringify(second)}),
      ])`
    const { child, ended } = clone.start(['node', '--input-type=module', '-e', code])
    await until(() => clone.read('begun') !== '' && clone.read('begun2') !== '')
    child.kill('SIGTERM')
    const end = await ended
    expect([end.status, end.signal, end.stdout]).toEqual([null, 'SIGTERM', ''])
    expect([clone.read('ended'), clone.read('ended2')]).toEqual(['\n', '\n'])
  })

  test('reach what the command has started', async () => {
    clone.write('pid', '')
    const script = 'sh -c "echo \\$\\$ > pid; exec sleep 1000"; echo'
    const { child, ended } = clone.start(program(script))
    await until(() => clone.read('pid').endsWith('\n'))
    const pid = Number(clone.read('pid'))
    child.kill('SIGTERM')
    expect((await ended).signal).toBe('SIGTERM')
    await until(() => !existsSync(`/proc/${pid}`))
  })

  test('a program that is killed does not leave its command behind', async () => {
    clone.write('pid', '')
    const { child, ended } = clone.start(program('echo $$ > pid; exec sleep 1000'))
    await until(() => clone.read('pid').endsWith('\n'))
    const pid = Number(clone.read('pid'))
    child.kill('SIGKILL')
    await ended
    await until(() => !existsSync(`/proc/${pid}`))
  })
})
