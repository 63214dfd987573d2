// Options, and the errors they give without booting anything.
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lab, project, scratch } from './lab.ts'

describe('the error for a bad option names the problem', () => {
  test.each([
    [['--smp', 'two', '--', 'true'], /--smp.*'two' is invalid\. Give a whole number, from 1 to 8/],
    [['--smp', '0', '--', 'true'], /from 1 to 8/],
    [['--smp', '9', '--', 'true'], /from 1 to 8/],
    [['--memory', '12', '--', 'true'], /'12' is invalid\. Give a size like 512M or 4G/],
    [['--timeout', '-1', '--', 'true'], /0 or more/],
    [['--kernel', 'mine', '--', 'true'], /Allowed choices are stock, patched, debug/],
    [['--icount', '--smp', '2', '--', 'true'], /--icount counts one CPU: leave --smp out/],
    [['--no-such-option', '--', 'true'], /unknown option '--no-such-option'/],
    [[], /missing required argument 'command'/],
    [['selftest', '--kernel', 'stock'], /Allowed choices are patched, debug/],
    [['selftest', 'nonsense'], /no selftest is called nonsense; there are:\n[\s\S]*\/features\n/],
  ])('%j', async (args, message) => {
    const { status, stdout, stderr } = await lab(args)
    expect(stderr.toString()).toMatch(message)
    expect(stdout.toString()).toBe('')
    expect(status).toBe(1)
  })
})

test('--icount gives the same count twice', async () => {
  // The cost of reading files varies with the host's load, so this reads few.
  const line = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'
  const count = async () => {
    const { status, stderr } = await lab(['--icount', '--', 'sh', '-c', line])
    expect(status).toBe(0)
    return Number(/icount: (\d+) thousand/.exec(stderr.toString())?.[1])
  }
  const [first, second] = [await count(), await count()]
  expect(first).toBeGreaterThan(1000)
  expect(Math.abs(second - first) / first).toBeLessThan(0.02)
})

test("--log keeps the kernel's log", async () => {
  const own = scratch()
  const file = join(own.path, 'log')
  const { status } = await lab(['--log', file, '--append', 'lab.test=1', '--', 'true'])
  expect(status).toBe(0)
  expect(readFileSync(file, 'utf8')).toMatch(/Command line: .* lab\.test=1/)
  own.remove()
})

/** Makes `path` a project with nothing but a lab. */
function makeProject(path: string) {
  for (const part of ['kernel', 'tools', 'package.json']) {
    cpSync(join(project, part), join(path, part), { recursive: true })
  }
  symlinkSync(join(project, 'node_modules'), join(path, 'node_modules'))
  mkdirSync(join(path, 'sub folder'))
}

const isWritable = (folder: string) => {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

// Folders that the machine mounts itself, and names that need quoting.
describe.each([
  ['/tmp', ''],
  ['/tmp', 'a b/c,d=e/it\'s "$HOME"'],
  ['/dev/shm', 'a b'],
  ['/run', ''],
])('a project below %s, in "%s"', (parent, below) => {
  test.skipIf(!isWritable(parent))('is in the machine, and its out/ is the host’s', async () => {
    const own = scratch(parent)
    const path = join(own.path, below)
    mkdirSync(path, { recursive: true })
    makeProject(path)
    const { status, stdout, stderr } = await lab(
      ['--', 'sh', '-c', 'pwd; ls ..; echo written >../out/file'],
      { lab: path, cwd: join(path, 'sub folder') },
    )
    expect(stderr.toString()).toBe('')
    expect(status).toBe(0)
    const entries = ['kernel', 'node_modules', 'out', 'package.json', 'sub folder', 'tools']
    expect(stdout.toString()).toBe([`${path}/sub folder`, ...entries, ''].join('\n'))
    expect(readFileSync(join(path, 'out/file'), 'utf8')).toBe('written\n')
    own.remove()
  })
})

test('a project is the same under a path with a symbolic link', async () => {
  const own = scratch()
  const path = join(own.path, 'real')
  mkdirSync(path)
  makeProject(path)
  symlinkSync('real', join(own.path, 'link'))
  const { status, stdout, stderr } = await lab(['--', 'sh', '-c', 'pwd -P; touch out/file'], {
    lab: join(own.path, 'link'),
  })
  expect(stderr.toString()).toBe('')
  expect(status).toBe(0)
  expect(stdout.toString()).toBe(`${realpathSync(path)}\n`)
  expect(existsSync(join(path, 'out/file'))).toBe(true)
  own.remove()
})

test('two labs run side by side', async () => {
  const runs = await Promise.all(
    ['one', 'two'].map((word) => lab(['--', 'sh', '-c', `sleep 1; echo ${word}`])),
  )
  expect(runs.map(({ stderr }) => stderr.toString())).toEqual(['', ''])
  expect(runs.map(({ stdout }) => stdout.toString())).toEqual(['one\n', 'two\n'])
  expect(runs.map(({ status }) => status)).toEqual([0, 0])
})
