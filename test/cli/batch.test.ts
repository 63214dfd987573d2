/** `uring-spawn batch` as a Unix tool: bytes, lines, pipes, signals, exit statuses. */
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { run, spawn } from '../../dist/index.js'
import { text, until } from '../support.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))

const cli = (args: string[], input: string | Uint8Array = '') =>
  run(process.execPath, [main, 'batch', ...args], { input, encoding: 'buffer' })

/** Runs a line in a shell; `cli` in it stands for the command line. */
const shell = (line: string) =>
  run('bash', ['-o', 'pipefail', '-c', `cli() { "$NODE" "$MAIN" "$@"; }\n${line}`], {
    env: { ...process.env, NODE: process.execPath, MAIN: main },
  })

describe('bytes', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at))
  const file = join(dir, 'bytes')
  writeFileSync(file, bytes)

  test('pass through unchanged, of stdout and stderr', async () => {
    const { stdout, stderr, exitCode } = await cli(
      ['-j1'],
      `cat ${file}\nsh -c 'cat ${file} >&2'\n`,
    )
    expect(stdout).toEqual(bytes)
    expect(stderr).toEqual(bytes)
    expect(exitCode).toBe(0)
  })

  test('in JSON: text if it is UTF-8, otherwise base64, marked by a field', async () => {
    const { stdout } = await cli(['--json', '-j1'], `cat ${file}\nprintf 'häß€😀'\n`)
    const [first, second] = stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(first).toMatchObject({ stdoutEncoding: 'base64', stderr: '' })
    expect(Buffer.from(first.stdout, 'base64')).toEqual(bytes)
    expect(first).not.toHaveProperty('stderrEncoding')
    expect(second.stdout).toBe('häß€😀')
    expect(second).not.toHaveProperty('stdoutEncoding')
  })

  test('more than a pipe holds, in one piece', async () => {
    const { stdout } = await cli([], 'head -c 3000000 /dev/zero\n')
    expect(stdout.length).toBe(3_000_000)
  })

  test("output dropped by a line's maxBuffer is a failure", async () => {
    const { stdout, stderr, exitCode } = await cli(
      [],
      '{"file":"echo","args":["abcdef"],"maxBuffer":3}\n',
    )
    expect([stdout.toString(), exitCode]).toEqual(['abc', 1])
    expect(stderr.toString()).toContain('echo abcdef: output beyond its maxBuffer was dropped')
  })
})

describe('lines', () => {
  test.each([
    ['[ -n x ]', 0],
    ['[ -n "" ]', 1],
    ['[ "a" = "a" ]', 0],
    ['[ ]', 1],
    ['[ 1 ]', 0],
    ['["true"]', 0],
    ['[ "true" ]', 0],
    ['{ "file": "true" }', 0],
    ['\t true  ', 0],
    ['# false', 0],
    ['   ', 0],
    ['', 0],
  ])('%s: exits with %d', async (line, status) => {
    expect((await cli([], `${line}\n`)).exitCode).toBe(status)
  })

  test.each([
    ['{"args":["x"]}', 'an object needs "file"'],
    ['{"file":1}', 'an object needs "file"'],
    ['{"file":"true","args":"x"}', '"args" must be an array of strings'],
    ['{"file":"true","args":[1]}', 'args[0] must be a string'],
    ['{"file":"true","timeOut":1}', 'the nearest known one is "timeout"'],
    ['{"file":"true","encoding":"hex"}', '"encoding" is not for commands here'],
    ['{"file":"true"', 'not a JSON object: '],
    ['{}', 'an object needs "file"'],
    ['["true", 1]', 'not a JSON array of words'],
    ['["true"', 'not a JSON array of words'],
    ['[]', 'not a JSON array of words'],
    ['[["true"]]', 'not a JSON array of words'],
    ['""', 'file must not be empty'],
    ["echo 'x", 'has no end'],
    ['a\0b', 'has a NUL byte'],
    ['{"file":"true","nice":99}', 'nice must be an integer'],
  ])('%s is reported with its number, and stops no other', async (line, says) => {
    const input = `sh -c 'sleep 0.3; echo first'\n\n${line}\necho last\n`
    const { stdout, stderr, exitCode } = await cli(['-j4'], input)
    expect(stdout.toString().split('\n').sort()).toEqual(['', 'first', 'last'])
    expect(stderr.toString()).toContain('uring-spawn: stdin, line 3: ')
    expect(stderr.toString()).toContain(says)
    expect(exitCode).toBe(2)
    const json = await cli(['-j4', '--json'], input)
    const results = json.stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(results.find((result) => result.line === 3)?.error.message).toContain(says)
    expect(
      results
        .filter(({ exitCode }) => exitCode === 0)
        .map(({ line }) => line)
        .sort(),
    ).toEqual([1, 4])
    expect(json.exitCode).toBe(2)
  })

  test('with --bail a bad line is a failure like any other', async () => {
    const { stdout, exitCode } = await cli(['-j1', '--bail'], '{}\necho on\n')
    expect([stdout.toString(), exitCode]).toEqual(['', 2])
  })

  test('that are not UTF-8, end with CR LF or with nothing, or have other separators', async () => {
    const input = Buffer.concat([
      Buffer.from('\ufeffecho first\r\n'),
      Buffer.from('echo \xff\n', 'latin1'),
      Buffer.from('["echo","a\u2028b\u0085c"]\n\r\nprintf %s "x\ry"\necho end'),
    ])
    const { stdout, stderr, exitCode } = await cli(['-j1'], input)
    expect(stdout.toString()).toBe('first\na\u2028b\u0085c\nx\ryend\n')
    expect(stderr.toString()).toBe('uring-spawn: stdin, line 2: not UTF-8\n')
    expect(exitCode).toBe(2)
  })

  test('of a hundred thousand characters', async () => {
    const word = 'x'.repeat(100_000)
    const { stdout } = await cli([], `echo ${word}\n${JSON.stringify(['echo', word])}\n`)
    expect(stdout.toString()).toBe(`${word}\n${word}\n`)
    // Longer than an argument can be: its own error.
    const long = await cli(['--json'], `echo ${'x'.repeat(300_000)}\n`)
    expect(JSON.parse(long.stdout.toString()).error.code).toBe('E2BIG')
  })

  test('none at all', async () => {
    expect(await cli([])).toMatchObject({ exitCode: 0, stdout: Buffer.alloc(0) })
    expect((await shell('cli batch <&-')).exitCode).toBe(0)
    expect((await shell('cli batch /dev/null')).exitCode).toBe(0)
  })

  test('of a file that cannot be read', async () => {
    for (const file of ['/nowhere', dir]) {
      const { stderr, exitCode } = await cli([file])
      expect(stderr.toString()).toMatch(new RegExp(`^uring-spawn: ${file} cannot be read: E\\w+: `))
      expect(exitCode).toBe(2)
    }
  })
})

test.each([
  ['-j', '0'],
  ['-j', '-1'],
  ['-j', 'x'],
  ['-j', ''],
  ['-j', '1.5'],
  ['-j', '1e3'],
  ['-j', '99999999'],
  ['--timeout', '0'],
  ['--timeout', '99999999999'],
])('%s %s is refused', async (option, value) => {
  const { stderr, exitCode, stdout } = await cli([option, value], 'echo x\n')
  expect(stderr.toString()).toContain('Not a count from 1 to ')
  expect([stdout.toString(), exitCode]).toEqual(['', 1])
})

test.each(['nothing', '', 'URING'])(
  '--backend %s is refused before anything runs',
  async (name) => {
    const { stderr, exitCode, stdout } = await cli(['--backend', name], 'echo x\necho y\n')
    expect(stderr.toString().trim().split('\n').length).toBe(1)
    expect(stderr.toString()).toContain('must be')
    expect([stdout.toString(), exitCode]).toEqual(['', 2])
  },
)

/** Whether a process marked with this name still runs. */
const runs = (mark: string) => run('pgrep', ['-f', mark]).then(({ stdout }) => stdout.trim() !== '')

const marks = () => `0.${process.pid}${Math.random().toString().slice(2)}`

describe('a reader that goes', () => {
  test('| head -1: quiet, as SIGPIPE ends a tool; children are ended', async () => {
    const mark = marks()
    const { stdout, stderr, exitCode } = await shell(
      `(yes 'seq 20000' | head -200; echo 'sleep 1000${mark}') | cli batch -j8 | head -1`,
    )
    expect([stdout, stderr, exitCode]).toEqual(['1\n', '', 141])
    expect(await runs(`sleep 1000${mark}`)).toBe(false)
  })

  test('of JSON, and of the other commands', async () => {
    const json = await shell(`yes 'seq 20000' | head -50 | cli batch --json -j1 | head -c 10`)
    expect([json.stdout, json.stderr, json.exitCode]).toEqual(['{"index":0', '', 141])
    const explained = await shell(
      `PATH=$(seq -s: 5000 | sed 's/[0-9]*/\\/&/g;s/\\(:[^:]*\\)\\{4500\\}//'):$PATH cli explain --all -- x y | true`,
    )
    expect(explained.stderr).toBe('')
  })

  test('a full disk is an error', async () => {
    const { stderr, exitCode } = await shell(`echo 'echo x' | cli batch >/dev/full`)
    expect(stderr).toContain('uring-spawn: cannot write to standard output: ENOSPC')
    expect(exitCode).toBe(2)
  })

  test('standard error may be closed', async () => {
    const { stdout, exitCode } = await shell(`printf 'no-such\\necho x\\n' | cli batch -j1 2>&-`)
    expect([stdout, exitCode]).toEqual(['x\n', 1])
  })
})

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGQUIT', 131],
] as const)('%s', (signal, status) => {
  test('ends the children and then itself, with 128 plus its number', async () => {
    const mark = marks()
    const out = join(dir, `${signal}.out`)
    const ready = [1, 2].map((at) => join(dir, `${signal}.${at}`))
    const child = await spawn(process.execPath, [main, 'batch', '-j4'], {
      stdio: ['pipe', openSync(out, 'w'), 'pipe'],
    })
    // One child prints a word at SIGTERM, one ignores it.
    const loop = 'while :; do sleep 0.05; done'
    child.stdin.write(
      `sh -c 'trap "echo ended; exit 3" TERM; echo begun; : >${ready[0]}; ${loop}' 1${mark}\n` +
        `sh -c 'trap "" TERM; : >${ready[1]}; ${loop}' 2${mark}\n`,
    )
    await until(() => ready.every((path) => existsSync(path)))
    expect(child.kill(signal)).toBe(true)
    const stderr = text(child.stderr)
    expect(await child.exited).toMatchObject({ code: status })
    expect(await stderr).toBe('')
    expect(await runs(`(1|2)${mark}$`)).toBe(false)
    expect(readFileSync(out, 'utf8')).toBe('begun\nended\n')
  })

  test.each([
    ['stdout', '>&1', []],
    ['stdout, as JSON', '>&1', ['--json']],
    ['stderr', '>&2', []],
  ])('while nobody reads %s', async (_name, to, more) => {
    const mark = marks()
    const ready = join(dir, mark)
    // No core file where SIGQUIT makes one.
    const rlimits = { core: { soft: 0, hard: Number.POSITIVE_INFINITY } }
    const child = await spawn(process.execPath, [main, 'batch', '-j2', ...more], { rlimits })
    const loud = `sh -c 'head -c 300000 /dev/zero ${to}'`
    child.stdin.write(`${loud}\nsleep 1000${mark}\nsh -c ': >${ready}'\n${loud}\n${loud}\n`)
    // The first command has ended, and a pipe does not hold its output.
    await until(() => existsSync(ready))
    child.kill(signal)
    // It cannot exit by itself: what it still has to write keeps it.
    expect(await child.exited).toMatchObject({ signal })
    expect(await runs(`sleep 1000${mark}`)).toBe(false)
  })

  test('while it waits for a line', async () => {
    const child = await spawn(process.execPath, [main, 'batch'], { stdio: ['pipe', 'pipe', 2] })
    child.stdin.write('echo ready\n')
    let seen = ''
    child.stdout.on('data', (chunk) => {
      seen += chunk
    })
    await until(() => seen === 'ready\n')
    child.kill(signal)
    expect(await child.exited).toMatchObject({ code: status })
  })
})

test('a signal ends it while it waits for the writer of a FIFO', async () => {
  const fifo = join(dir, 'fifo')
  await run('mkfifo', [fifo], { check: true })
  const child = await spawn(process.execPath, [main, 'batch', fifo], { stdio: 'ignore' })
  // Node itself handles SIGINT and SIGTERM from the start, but not SIGHUP, number 1.
  await until(() => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
    return /^SigCgt:.*[13579bdf]$/m.test(status)
  })
  child.kill('SIGHUP')
  expect(await child.exited).toMatchObject({ signal: 'SIGHUP' })
})
