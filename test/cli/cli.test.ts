/** The command line, as its users run it. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { run } from '../../dist/index.js'
import { inTime } from '../support.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const cli = (args: string[], input = '') => run(process.execPath, [main, ...args], { input })

test('doctor: kernel, io_uring, operations, backends, which one auto picks', async () => {
  const { stdout, exitCode } = await cli(['doctor'])
  expect(exitCode).toBe(0)
  const kernel = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()
  for (const line of [
    new RegExp(`^kernel +${kernel.replaceAll('.', '\\.')} on `, 'm'),
    /^io_uring +(works|does not work: )/m,
    /^templates +(made by the kernel|no: .+)$/m,
    /^operations +CLONE, OPENAT, .*EXEC$/m,
    /^ {2}vfork +works$/m,
    /^auto picks +\w+$/m,
  ]) {
    expect(stdout).toMatch(line)
  }
  const { auto, backends } = JSON.parse((await cli(['doctor', '--json'])).stdout)
  expect(backends.map(({ name }: { name: string }) => name)).toContain(auto)
})

test('explain', async () => {
  const { stdout } = await cli(['explain', '--cwd', '/tmp', '--', '/bin/ls', '-l', '--json'])
  const lines = stdout.trimEnd().split('\n')
  expect(lines[0]).toMatch(/^# +operation +arguments +flags +link +failing here means$/)
  expect(stdout).toMatch(/^\d+ +EXEC .* end /m)
  // Without a terminal it fits 80 columns.
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  const links = JSON.parse((await cli(['explain', '--json', '/bin/ls', '-l'])).stdout)
  expect(links.at(-1)).toMatchObject({ operation: 'EXEC', link: 'end' })
  expect((await cli(['explain'])).exitCode).toBe(1)
})

test('explain: the directories of PATH in one row, or one each with --all and in JSON', async () => {
  const env = { ...process.env, PATH: '/nowhere/a:/nowhere/b:/nowhere/a/:/nowhere/c' }
  const explained = async (...args: string[]) =>
    (await run(process.execPath, [main, 'explain', ...args, '--', 'tool', 'x'], { env })).stdout
  const execs = (text: string) => text.match(/^\S+ +EXEC /gm)?.length
  const folded = await explained()
  expect(execs(folded)).toBe(1)
  expect(folded.replace(/\s+/g, ' ')).toContain('tool in 3')
  expect(execs(await explained('--all'))).toBe(3)
  const links = JSON.parse(await explained('--json'))
  expect(links.filter(({ operation }: { operation: string }) => operation === 'EXEC').length).toBe(
    3,
  )
})

const commands = `
# words, JSON words, JSON with options
echo "a  b"
["sh", "-c", "echo $0", "c"]
{ "file": "pwd", "cwd": "/usr" }
`

test('batch, from stdin', async () => {
  const { stdout, stderr, exitCode } = await cli(['batch', '-j', '1'], commands)
  expect({ stdout, stderr, exitCode }).toEqual({
    stdout: 'a  b\nc\n/usr\n',
    stderr: '',
    exitCode: 0,
  })
})

test('batch: failures are named, and set the exit status', async () => {
  const { stdout, stderr, exitCode } = await cli(['batch', '-j', '1'], 'false\nno-such\necho on\n')
  expect(exitCode).toBe(1)
  expect(stdout).toBe('on\n')
  expect(stderr).toContain('uring-spawn: false: exited with 1\n')
  expect(stderr).toContain('uring-spawn: no-such: spawn no-such: exec failed')
})

test('batch --json, --bail and --timeout', async () => {
  const { exitCode, results } = await inTime(
    async (ms) => {
      const args = ['batch', '--json', '-j', '1', '--timeout', String(ms)]
      const { exitCode, stdout } = await cli(args, 'sleep 60\nno-such\n')
      const lines = stdout.trim().split('\n')
      return { exitCode, results: lines.map((line) => JSON.parse(line)) }
    },
    ({ results }) => results[0].step === undefined,
  )
  expect(exitCode).toBe(1)
  expect(results).toMatchObject([
    { index: 0, timedOut: true, signal: 'SIGTERM' },
    { index: 1, error: { code: 'ENOENT', step: 'exec' } },
  ])
  const bailed = await cli(['batch', '-j', '1', '--bail'], 'echo 1\nfalse\necho 2\n')
  expect([bailed.stdout, bailed.exitCode]).toEqual(['1\n', 1])
})

test('batch: a line that is not a command, a missing file, a bad count', async () => {
  const line = await cli(['batch'], 'true\necho "\n')
  expect([line.exitCode, line.stderr]).toEqual([
    2,
    expect.stringContaining('stdin, line 2: a quote'),
  ])
  const file = await cli(['batch', '/nowhere'])
  expect([file.exitCode, file.stderr]).toEqual([2, expect.stringContaining('/nowhere')])
  const count = await cli(['batch', '-j', '0'])
  expect([count.exitCode, count.stderr]).toEqual([1, expect.stringContaining('Not a count')])
})
