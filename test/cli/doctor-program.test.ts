/** `uring-spawn doctor -- COMMAND`. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { HANG } from '../support.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
// A blank in the name: NODE_OPTIONS and the report have to cope with it.
const dir = mkdtempSync(join(tmpdir(), 'doctor '))
afterAll(() => rmSync(dir, { recursive: true }))

function program(name: string, code: string): string {
  const file = join(dir, name)
  writeFileSync(file, `import cp, { spawn } from 'node:child_process'\n${code}`)
  return file
}

const doctor = (...args: string[]) =>
  spawnSync(process.execPath, [main, 'doctor', ...args], { encoding: 'utf8', timeout: HANG })

const inner = program(
  'inner.mjs',
  "spawn('false').on('exit', (code) => console.log('inner', code))",
)
const worker = program('worker.mjs', "cp.execFile('env')")
const app = program(
  'app.mjs',
  `
  import { Worker } from 'node:worker_threads'
  for (let i = 0; i < 3; i++) spawn('true', { stdio: 'ignore' })
  spawn('cat').on('spawn', function () { this.stdin.end() }).pid
  spawn('/no/such').on('error', () => {})
  spawn('id', { uid: process.getuid(), stdio: 'ignore' })
  cp.execFileSync('echo', ['x'])
  cp.fork(${JSON.stringify(inner)})
  new Worker(${JSON.stringify(worker)})
  console.log('the output of the program')
  process.exitCode = 5
`,
)

test('as JSON', () => {
  const { status, stdout, stderr } = doctor('--json', '--', process.execPath, app)
  expect(stderr.split('\n').filter(Boolean).sort()).toEqual([
    'inner 1',
    'the output of the program',
  ])
  expect(status).toBe(5)
  const { command, code, signal, threads } = JSON.parse(stdout)
  expect({ command, code, signal }).toEqual({
    ...{ command: [process.execPath, app], code: 5, signal: null },
  })
  expect(threads).toHaveLength(3)
  const by = (name: string) =>
    threads.find(({ argv, thread }: { argv: string[]; thread: number }) =>
      name === 'worker' ? thread > 0 : thread === 0 && argv[1] === name,
    ).rows
  const row = (rows: { file: string }[], file: string) => rows.find((one) => one.file === file)
  const rows = by(app)
  const number = expect.any(Number)
  const backend = expect.stringMatching(/^(uring|spawn_template|builder|vfork|fork)$/)
  expect(row(rows, 'true')).toEqual({
    ...{ file: 'true', by: backend, starts: 3, failed: {} },
    ...{ held: number, longest: number, waits: 0, waited: 0 },
  })
  expect(row(rows, 'cat')).toMatchObject({ starts: 1, waits: 1, waited: number })
  expect(row(rows, '/no/such')).toMatchObject({ starts: 1, failed: { ENOENT: 1 } })
  expect(row(rows, 'id')).toMatchObject({ by: 'Node', reason: 'uid or gid', starts: 1 })
  expect(row(rows, 'echo')).toMatchObject({ starts: 1 })
  expect(row(rows, process.execPath)).toMatchObject({ starts: 1 })
  expect(row(by(inner), 'false')).toMatchObject({ by: backend, starts: 1 })
  expect(row(by('worker'), 'env')).toMatchObject({ by: backend, starts: 1 })
})

test('for people', () => {
  const { stdout } = doctor('--', process.execPath, app)
  const lines = stdout.split('\n')
  expect(lines[0]).toBe(`${process.execPath} ${app}: exit code 5`)
  expect(stdout).toMatch(/^process \d+: .*app\.mjs$/m)
  expect(stdout).toMatch(/^process \d+, worker 1: /m)
  expect(stdout).toMatch(/^ {2}program +started by +starts +held ms +longest +waits +waited ms$/m)
  expect(stdout).toMatch(/^ {2}true +\w+ +3 +\d+\.\d\d +\d+\.\d\d +0 +0\.00$/m)
  expect(stdout).toMatch(/^ {2}id +Node +1 .* uid or gid$/m)
  expect(stdout).toMatch(/^ {2}\/no\/such +\w+ +1 .* 1 ENOENT$/m)
})

test('a program that a signal ends, one that starts nothing, one that is not of Node', () => {
  const killed = program(
    'killed.mjs',
    "spawn('sleep', ['60'], { stdio: 'ignore' }).on('spawn', function () { this.kill(); process.kill(process.pid, 'SIGKILL') })",
  )
  const end = doctor('--json', '--', process.execPath, killed)
  expect(end.status).toBe(128 + 9)
  const { code, signal, threads } = JSON.parse(end.stdout)
  expect([code, signal, threads[0].rows[0].file]).toEqual([null, 'SIGKILL', 'sleep'])
  const nothing = program('nothing.mjs', '')
  expect(doctor('--', process.execPath, nothing).stdout).toContain('started nothing')
  const sh = doctor('--', 'sh', '-c', 'exit 3')
  expect([sh.status, sh.stdout]).toEqual([
    3,
    'sh -c exit 3: exit code 3\nno Node program has run\n',
  ])
  const missing = doctor('--', '/no/such/program')
  expect([missing.status, missing.stdout]).toEqual([2, ''])
  expect(missing.stderr).toContain('/no/such/program')
})
