/** `uring-spawn batch` in the place of xargs and GNU parallel. */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { clock } from '../../dist/cli/bar.js'
import { tagged } from '../../dist/cli/batch.js'
import { parseCommand } from '../../dist/cli/command.js'
import { Order } from '../../dist/cli/order.js'
import { lineOf } from '../../dist/cli/source.js'
import { type BatchCommand, run } from '../../dist/index.js'
import { until } from '../support.js'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
afterAll(() => rmSync(dir, { recursive: true }))

const cli = (args: string[], input: string | Uint8Array = '') =>
  run(process.execPath, [main, 'batch', ...args], { input })

describe('a command after --', () => {
  test('takes each line in place of {}, in every word, or at its end', async () => {
    const input = 'a b\n\n# c\n{}\n  d\r\n'
    const each = await cli(['-j1', '--', 'printf', '<%s|%s>', '{}', 'x{}{}'], input)
    expect(each.stdout).toBe('<a b|xa ba b><# c|x# c# c><{}|x{}{}><  d|x  d  d>')
    const last = await cli(['-j1', '-', '--', 'printf', '<%s>', '--json'], input)
    expect(last.stdout).toBe('<--json><a b><--json><# c><--json><{}><--json><  d>')
    expect([each.exitCode, last.exitCode]).toEqual([0, 0])
  })

  test('-0: names with any character, and empty ones', async () => {
    const names = ['a\nb', ' c ', "'d'", '', '#e', '{"f":1}', '$g']
    const { stdout } = await cli(['-0', '-j1', '--', 'printf', '%s\\0'], `${names.join('\0')}\0`)
    expect(stdout).toBe(`${names.join('\0')}\0`)
  })

  test('-0 without one: commands that contain line feeds', async () => {
    const { stdout } = await cli(['-0', '-j1'], 'printf %s "a\nb"\0\0# no\0["echo","c"]')
    expect(stdout).toBe('a\nbc\n')
  })

  test('an argument that is not UTF-8 is reported, and stops no other', async () => {
    const input = Buffer.from('a\0\xff\0b\0', 'latin1')
    const { stdout, stderr, exitCode } = await cli(['-0', '-j1', '--', 'echo'], input)
    expect([stdout, exitCode]).toEqual(['a\nb\n', 2])
    expect(stderr).toBe('uring-spawn: stdin, line 2: not UTF-8\n')
  })
})

test('--keep-order: results, and reports of bad lines, in the order of the input', async () => {
  const input = [
    'sh -c "sleep 0.3; echo 1; echo e1 >&2"',
    'sh -c "echo 2; exit 1"',
    'echo "',
    'echo 4',
  ].join('\n')
  const { stdout, stderr, exitCode } = await cli(['-k', '-j4'], input)
  expect([stdout, exitCode]).toEqual(['1\n2\n4\n', 2])
  expect(stderr.split('\n').map((line) => line.slice(0, 30))).toEqual([
    'e1',
    'uring-spawn: sh -c echo 2; exi',
    'uring-spawn: stdin, line 3: a ',
    '',
  ])
  const json = await cli(['-k', '-j4', '--json'], input)
  const lines = json.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).line)
  expect(lines).toEqual([1, 2, 3, 4])
})

test('--keep-order: what comes after a command that is ended is printed all the same', async () => {
  const script = `(echo 'sleep 1000'; echo 'echo done') | "$0" "$1" batch -k -j2 --timeout 200`
  const { stdout, exitCode } = await run('sh', ['-c', script, process.execPath, main])
  expect([stdout, exitCode]).toEqual(['done\n', 1])
})

describe('Order', () => {
  test('does work by number, and the rest at the end', async () => {
    const order = new Order()
    const done: number[] = []
    const work = (number: number) => async () => void done.push(number)
    for (const number of [2, 1, 5, 0, 7]) await order.add(number, 1, work(number))
    expect(done).toEqual([0, 1, 2])
    await order.finish()
    expect(done).toEqual([0, 1, 2, 5, 7])
  })

  test('has no room while too much waits for an earlier number', async () => {
    const order = new Order()
    await order.add(1, 2 ** 30, async () => {})
    let room = false
    const waiting = order.room().then(() => {
      room = true
    })
    await Promise.resolve()
    expect(room).toBe(false)
    await order.add(0, 0, async () => {})
    await waiting
    expect(room).toBe(true)
  })
})

test('--tag: the argument, or the command, before each line of both outputs', async () => {
  const { stdout, stderr } = await cli(
    ['--tag', '-k', '--', 'sh', '-c', 'printf "1\\n\\n%s" "$1"; echo e >&2', 'x'],
    'a\nb c\n',
  )
  expect(stdout).toBe('a\t1\na\t\na\ta\nb c\t1\nb c\t\nb c\tb c\n')
  expect(stderr).toBe('a\te\nb c\te\n')
  expect((await cli(['--tag'], 'echo  x "y z"\n')).stdout).toBe('echo x y z\tx y z\n')
  const bytes = Buffer.from([0, 255, 10, 27, 10])
  expect(tagged('t', bytes)).toEqual(Buffer.from('t\t\0\xff\nt\t\x1b\n', 'latin1'))
  expect(tagged('t', new Uint8Array(0)).length).toBe(0)
})

test('--retries: again until it succeeds, at most so often', async () => {
  const count = (name: string) =>
    `sh -c 'echo x >>${join(dir, name)}; test $(wc -l <${join(dir, name)}) -ge 3'`
  const good = await cli(['--retries', '5'], count('good'))
  expect(good.exitCode).toBe(0)
  expect(readFileSync(join(dir, 'good'), 'utf8')).toBe('x\nx\nx\n')
  const bad = await cli(['--retries', '1'], count('bad'))
  expect(bad.exitCode).toBe(1)
  expect(bad.stderr.match(/exited with 1/g)?.length).toBe(1)
  expect(readFileSync(join(dir, 'bad'), 'utf8')).toBe('x\nx\n')
})

describe('--joblog', () => {
  const log = join(dir, 'log')
  const ran = join(dir, 'ran')
  beforeEach(() => {
    writeFileSync(ran, '')
    rmSync(log, { force: true })
  })
  const rows = () =>
    readFileSync(log, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((row) => row.split('\t'))
      .sort(([a], [b]) => Number(a) - Number(b))
  const runs = () => readFileSync(ran, 'utf8').trim().split('\n').sort()
  const words = ['--', 'sh', '-c', `echo $1 >>${ran}; exit $1`, 'x']

  test("has GNU parallel's columns", async () => {
    const input = 'printf abc\nsh -c "exit 3"\nsh -c "kill -9 $$"\nno-such "a b"\n["true","\\t"]\n'
    await cli(['--joblog', log], input)
    const [head] = readFileSync(log, 'utf8').split('\n')
    expect(head).toBe('Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand')
    expect(rows().map(([seq, host, , , send, ...rest]) => [seq, host, send, ...rest])).toEqual([
      ['1', ':', '0', '3', '0', '0', 'printf abc'],
      ['2', ':', '0', '0', '3', '0', "sh -c 'exit 3'"],
      ['3', ':', '0', '0', '0', '9', "sh -c 'kill -9 $$'"],
      ['4', ':', '0', '0', '127', '0', "no-such 'a b'"],
      ['5', ':', '0', '0', '0', '0', '["true","\\t"]'],
    ])
    for (const [, , start, runtime] of rows()) {
      expect(Math.abs(Number(start) - Date.now() / 1000)).toBeLessThan(3600)
      expect(Number(runtime)).toBeGreaterThanOrEqual(0)
    }
  })

  test('--resume leaves out what has ended, --resume-failed what succeeded', async () => {
    expect((await cli(['--joblog', log, ...words], '0\n1\n')).exitCode).toBe(1)
    expect(runs()).toEqual(['0', '1'])
    expect((await cli(['--joblog', log, '--resume', ...words], '0\n1\n2\n')).exitCode).toBe(1)
    expect(runs()).toEqual(['0', '1', '2'])
    await cli(['--joblog', log, '--resume-failed', ...words], '0\n1\n2\n')
    expect(runs()).toEqual(['0', '1', '1', '2', '2'])
    expect((await cli(['--joblog', log, '--resume', ...words], '0\n1\n2\n')).exitCode).toBe(0)
    expect(runs().length).toBe(5)
    // Without it the log begins anew.
    await cli(['--joblog', log, ...words], '0\n')
    expect(rows().length).toBe(1)
  })

  test('--resume runs a changed command, and one whose row was cut off', async () => {
    await cli(['-j1', '--joblog', log, ...words], '0\n')
    appendFileSync(log, '2\t:\t1.0\t1.0\t0\t0\t0\t0\tsh -c')
    await cli(['-j1', '--joblog', log, '--resume', ...words], '7\n8\n')
    expect(runs()).toEqual(['0', '7', '8'])
    expect(rows().filter(([, , , , , , exit]) => exit === '7' || exit === '8').length).toBe(2)
  })

  test('--resume after SIGKILL runs the rest, and nothing that the log has', async () => {
    // The first ends, and its row is there, before the batch is killed; the others wait for a go.
    const go = join(dir, 'go')
    const line = (n: number) =>
      `sh -c 'until [ -e ${go}${n} ]; do sleep 0.05; done; echo ${n} >>${dir}/ran'`
    const input = [1, 2, 3, 4, 5].map(line).join('\n')
    const killed = run(process.execPath, [main, 'batch', '-j2', '--joblog', log], {
      ...{ input, stdio: ['pipe', 'ignore', 'ignore'], killTarget: 'group' },
    })
    writeFileSync(`${go}1`, '')
    await until(() => existsSync(log) && rows().length === 1)
    killed.kill('SIGKILL')
    await killed
    for (const n of [2, 3, 4, 5]) writeFileSync(`${go}${n}`, '')
    expect((await cli(['-j2', '--joblog', log, '--resume'], input)).exitCode).toBe(0)
    const ran = readFileSync(`${dir}/ran`, 'utf8').trim().split('\n')
    expect(ran.sort()).toEqual(['1', '2', '3', '4', '5'])
    expect(
      rows()
        .map(([seq]) => seq)
        .sort(),
    ).toEqual(['1', '2', '3', '4', '5'])
  })

  test('--resume continues a log of which only part of the first line was written', async () => {
    writeFileSync(log, 'Seq\tHo')
    await cli(['--joblog', log, '--resume', ...words], '0\n')
    await cli(['--joblog', log, '--resume', ...words], '0\n')
    expect([runs(), rows().length]).toEqual([['0'], 1])
  })

  test('--resume leaves a file alone that is no log', async () => {
    writeFileSync(log, 'echo x\n')
    const { stderr, stdout, exitCode } = await cli(['--joblog', log, '--resume'], 'echo x\n')
    expect([stdout, exitCode]).toEqual(['', 2])
    expect(stderr).toContain(`${log} is no job log to resume`)
    expect(readFileSync(log, 'utf8')).toBe('echo x\n')
  })

  test('a command that a signal ended with the batch is not logged', async () => {
    // Once the log has the first command.
    const script = `(echo 'true first'; echo 'sh -c "until grep -q first ${log}; do sleep 0.05; done; kill -TERM $PPID; sleep 1000"') | "$0" "$1" batch -j2 --joblog ${log}`
    const { exitCode } = await run('sh', ['-c', script, process.execPath, main])
    expect(exitCode).toBe(143)
    expect(rows().map(([seq]) => seq)).toEqual(['1'])
  })

  test('that cannot be written is an error before anything runs', async () => {
    const { stderr, stdout, exitCode } = await cli(['--joblog', dir], 'echo x\n')
    expect([stdout, exitCode]).toEqual(['', 2])
    expect(stderr).toBe(
      `uring-spawn: --joblog ${dir} cannot be written: EISDIR: illegal operation on a directory, open '${dir}'\n`,
    )
  })

  test.each([
    ['there are no commands', ['/nowhere'], '/nowhere cannot be read: ENOENT'],
    ['the commands are a directory', [dir], 'cannot be read: EISDIR'],
    ['the queue is wrong', ['--queue', 'x', '--redis', 'http://x'], 'connection must be a URL'],
    ['no Redis is there', ['--queue', 'x', '--redis', 'redis://127.0.0.1:1'], 'ECONNREFUSED'],
  ])('an earlier log is left as it is if %s', async (_, args, says) => {
    writeFileSync(log, 'earlier')
    const { stderr, exitCode } = await cli(['--joblog', log, ...args], 'true\n')
    expect([readFileSync(log, 'utf8'), exitCode]).toEqual(['earlier', 2])
    expect(stderr).toContain(says)
  })
})

describe('an output that is an input is refused before it is touched', () => {
  const commands = join(dir, 'commands')
  const other = join(dir, 'other')
  const text = 'sh -c "echo ran >&2"\n'
  beforeEach(() => {
    writeFileSync(commands, text)
    writeFileSync(other, '')
  })
  for (const [name, make] of [
    ['symlink', symlinkSync],
    ['hardlink', linkSync],
  ] as const) {
    writeFileSync(commands, text)
    make(commands, join(dir, name))
  }
  execFileSync('mkfifo', [join(dir, 'fifo')])

  test.each([
    ['commands --joblog commands', '--joblog commands is the same file as commands'],
    ['commands --joblog ././/commands', 'is the same file as commands'],
    ['commands --joblog symlink', '--joblog symlink is the same file as commands'],
    ['symlink --joblog hardlink', '--joblog hardlink is the same file as symlink'],
    ['--joblog commands <commands', '--joblog commands is the same file as standard input'],
    ['--joblog /dev/stdin <commands', '--joblog /dev/stdin is the same file as standard input'],
    ['- --joblog /proc/self/fd/0 <symlink', 'is the same file as standard input'],
    ['commands --joblog /dev/fd/7 7<>hardlink', 'is the same file as commands'],
    ['commands --resume --joblog commands', '--joblog commands is the same file as commands'],
    ['commands --resume-failed --joblog symlink', 'is the same file as commands'],
    ['commands --dry-run --joblog commands', '--joblog commands is the same file as commands'],
    ['commands >>commands', 'standard output is the same file as commands'],
    ['commands --dry-run >>symlink', 'standard output is the same file as commands'],
    ['--ungroup <commands 1<>hardlink', 'standard output is the same file as standard input'],
    ['fifo --joblog fifo', '--joblog fifo is the same file as fifo'],
    ['--joblog /dev/stdin 3<>fifo <fifo', 'is the same file as standard input'],
    ['commands --joblog other >>other', '--joblog other is the same file as standard output'],
    ['commands --joblog /dev/stdout >other', 'is the same file as standard output'],
    ['commands --redis-ca other --joblog other', 'is the same file as --redis-ca other'],
  ])('%s', async (line, says) => {
    const { stderr, exitCode } = await run(
      'bash',
      ['-c', `"$0" "$1" batch ${line}`, process.execPath, main],
      { cwd: dir, input: text },
    )
    expect([readFileSync(commands, 'utf8'), readFileSync(other, 'utf8')]).toEqual([text, ''])
    expect(stderr).toContain(says)
    expect(stderr).toMatch(/so name another\n$/)
    expect([stderr.includes('ran\n'), exitCode]).toEqual([false, 2])
  })

  test('of standard error, nobody can be told but by the exit status', async () => {
    const script = '"$0" "$1" batch commands 2>>commands'
    const { exitCode } = await run('bash', ['-c', script, process.execPath, main], { cwd: dir })
    expect([readFileSync(commands, 'utf8').startsWith(text), exitCode]).toEqual([true, 2])
  })

  test.each([
    ['no file', '</dev/null >/dev/null 2>/dev/null --joblog /dev/null', ''],
    ['both outputs in one file', 'commands >other 2>&1 --joblog log; cat other', 'ran\n'],
    ['a log on a pipe', 'commands --joblog /dev/stdout 2>/dev/null | wc -l', '2\n'],
    ['a copy', 'commands --joblog other 2>&1', 'ran\n'],
  ])('others are not: %s', async (_, line, stdout) => {
    const script = `"$0" "$1" batch ${line}`
    const result = await run('bash', ['-c', script, process.execPath, main], { cwd: dir })
    expect([result.stdout, result.exitCode]).toEqual([stdout, 0])
  })
})

test('--dry-run prints commands that batch and a shell read, and runs none', async () => {
  const input = `touch ${dir}/touched\n{"file":"pwd","cwd":"/"}\necho 'a  "b' $x '{' "it's"\necho "\n`
  const { stdout, stderr, exitCode } = await cli(['--dry-run'], input)
  expect(stdout).toBe(
    `touch ${dir}/touched\n{"file":"pwd","cwd":"/"}\necho 'a  "b' '$x' '{' 'it'\\''s'\n`,
  )
  expect([stderr.includes('line 4'), exitCode]).toEqual([true, 2])
  expect(() => readFileSync(`${dir}/touched`)).toThrow('ENOENT')
})

test.each<string[][]>([
  [['a', 'b c', "d'e", '', '"', '\\', '$f', '*', '~', 'ä€', '-x=y', '#']],
  [['[', 'a', ']']],
  [['{}', 'x']],
  [['#x']],
  [['a', 'b\nc', '\t', '\x1b[1m', '\x7f']],
])('the line of a command reads as that command: %j', (words) => {
  const line = lineOf(words as unknown as BatchCommand)
  expect(line).not.toContain('\n')
  expect(parseCommand(line)).toEqual(words)
  const seen = execFileSync('sh', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' })
  if (!line.startsWith('["')) expect(seen.split('\0').slice(0, -1)).toEqual(words)
})

test.each([
  [['--resume'], '--resume and --resume-failed need --joblog FILE'],
  [['--resume-failed'], '--resume and --resume-failed need --joblog FILE'],
  [['--json', '--tag'], '--json and --tag exclude each other'],
  [['--'], 'there is no command after --'],
])('%j: %s', async (args, says) => {
  const { stderr, stdout, exitCode } = await cli(args, 'echo x\n')
  expect(stderr).toContain(says)
  expect([stdout, exitCode]).toEqual(['', 2])
})

test.each(['0', '-1', 'x', '1.5'])('--retries %s is refused', async (value) => {
  const { stderr, exitCode } = await cli(['--retries', value], 'echo x\n')
  expect(stderr).toContain('Not a count from 1 to ')
  expect(exitCode).toBe(1)
})

test.each([
  [0, '0s'],
  [900, '1s'],
  [59_000, '59s'],
  [61_000, '1m01s'],
  [3_600_000, '1h00m00s'],
  [90_061_000, '25h01m01s'],
])('%d ms are %s', (ms, shown) => expect(clock(ms)).toBe(shown))

test('on a terminal a bar shows how many commands there are, and an estimate', async () => {
  const file = join(dir, 'commands')
  writeFileSync(file, '# c\ntrue\n\ntrue\ntrue\n')
  // `script` gives it a terminal; standard output goes elsewhere.
  const command = `"${process.execPath}" "${main}" batch -j1 ${file} >/dev/null`
  const { stdout } = await run('script', ['-qec', command, '/dev/null'])
  expect(stdout).toContain('3/3 | 0 running | 0 failed | ')
  expect(stdout).toContain('ETA 0s')
})

describe('output as it comes', () => {
  test('--line-buffer: whole lines of commands that run at once, with tags', async () => {
    const line =
      'for i in 1 2 3; do printf "$0"; sleep 0.02; printf "$i\n"; done; printf end; echo e >&2'
    const { stdout, stderr, exitCode } = await cli(
      ['-j3', '--line-buffer', '--tag', '--', 'sh', '-c', line],
      'a\nb\nc\n',
    )
    const expected = ['a', 'b', 'c'].flatMap((tag) =>
      [`${tag}1`, `${tag}2`, `${tag}3`, 'end'].map((text) => `${tag}\t${text}`),
    )
    expect(stdout.trimEnd().split('\n').sort()).toEqual(expected.sort())
    expect(stderr.trimEnd().split('\n').sort()).toEqual(['a\te', 'b\te', 'c\te'])
    expect(exitCode).toBe(0)
  })

  test('--line-buffer: it comes before the command has ended', async () => {
    const running = run(
      process.execPath,
      [main, 'batch', '--line-buffer', '--', 'sh', '-c', 'echo ready; exec sleep 600'],
      { input: 'x\n' },
    )
    for await (const line of running) {
      expect(line).toBe('ready')
      running.kill()
    }
    expect((await running).stdout).toBe('ready\n')
  })

  test('--line-buffer: bytes and colours, much output, lines without an end, retries', async () => {
    const colour = "printf '\\033[31mred\\033[0m\\n\\377\\000 no end'"
    const { stdout } = await run(process.execPath, [main, 'batch', '--line-buffer'], {
      input: `["sh", "-c", ${JSON.stringify(colour)}]`,
      encoding: 'buffer',
    })
    expect(stdout.toString('latin1')).toBe('\x1b[31mred\x1b[0m\n\xff\0 no end')
    const big = await cli(['--line-buffer'], 'head -c 5000000 /dev/zero')
    expect(big.stdout.length).toBe(5_000_000)
    const log = join(dir, 'lines.log')
    const twice = await cli(
      ['--line-buffer', '--retries', '1', '--joblog', log],
      'sh -c "echo x; exit 3"',
    )
    expect([twice.stdout, twice.exitCode]).toEqual(['x\nx\n', 1])
    expect(readFileSync(log, 'utf8').split('\n')[1]?.split('\t')[5]).toBe('4')
    // What a command says of its own output goes first.
    const own =
      '{"file":"sh","args":["-c","echo a; echo b >&2"],"all":true}\n{"file":"echo","args":["c"],"stdio":"ignore"}'
    expect(await cli(['-j1', '--line-buffer'], own)).toMatchObject({
      stdout: 'a\nb\n',
      exitCode: 0,
    })
    const bounded = '{"file":"yes","maxBuffer":10,"overflow":"kill"}'
    expect((await cli(['--line-buffer'], bounded)).exitCode).toBe(1)
  })

  test('--line-buffer with --keep-order: the first that runs, and then the next', async () => {
    const line = 'sleep 0.$0; echo $0; sleep 0.$0; echo $0; exit 1'
    const { stdout, stderr, exitCode } = await cli(
      ['-j4', '-k', '--line-buffer', '--', 'sh', '-c', line],
      '3\n1\n2\n',
    )
    expect([stdout, exitCode]).toEqual(['3\n3\n1\n1\n2\n2\n', 1])
    expect(stderr.match(/exited with 1/g)).toHaveLength(3)
    const running = run(
      process.execPath,
      [main, 'batch', '-j2', '-k', '--line-buffer', '--', 'sh', '-c', 'eval "$0"'],
      { input: 'echo first; exec sleep 600\necho second\n' },
    )
    const lines: string[] = []
    for await (const line of running) {
      lines.push(line)
      running.kill()
    }
    // What has been kept for its turn is printed at the end.
    expect(lines).toEqual(['first', 'second'])
  })

  test('--ungroup: a terminal stays one', async () => {
    const { stdout } = await run(
      process.execPath,
      [main, 'batch', '-u', '--', 'sh', '-c', 'test -t 1 && test -t 2 && echo $0'],
      { input: ['x\n'], stdio: ['pipe', 'pipe', 'pipe'] },
    )
    expect(stdout).toBe('')
    const file = join(dir, 'ungrouped')
    writeFileSync(file, 'sh -c "test -t 1 && test -t 2 && echo terminal"\n')
    const inTerminal = await run(process.execPath, [main, 'batch', '-u', file], { stdio: 'pty' })
    expect(inTerminal.stdout).toBe('terminal\r\n')
  })

  test.each([
    [['-u', '--tag'], '--ungroup and --tag exclude each other: commands write by themselves'],
    [['-u', '-k'], '--ungroup and --keep-order exclude each other'],
    [['-u', '--json'], '--ungroup and --json exclude each other'],
    [['-u', '--line-buffer'], '--ungroup and --line-buffer exclude each other'],
    [['--json', '--line-buffer'], '--json and --line-buffer exclude each other: a result has all'],
    [['--line-buffer', '--queue', 'q'], '--line-buffer is for commands on this machine'],
    [['-u', '--queue', 'q'], '--ungroup is for commands on this machine: leave it out, or --queue'],
    [['--jobserver', '--queue', 'q'], '--jobserver is for commands on this machine'],
  ])('%j', async (args, message) => {
    const { stderr, exitCode } = await cli(args)
    expect([stderr, exitCode]).toEqual([expect.stringContaining(message), 2])
  })

  test('Order calls each when it is its turn', async () => {
    const order = new Order()
    const seen: string[] = []
    for (const number of [1, 0, 3, 2]) order.turn(number, () => seen.push(`turn ${number}`))
    const work = (number: number) =>
      order.add(number, 0, async () => {
        await new Promise((resolve) => setTimeout(resolve, 2))
        seen.push(`done ${number}`)
      })
    await Promise.all([2, 0, 1, 3].map(work))
    await order.finish()
    expect(seen.filter((what) => what.startsWith('done'))).toEqual(
      [0, 1, 2, 3].map((number) => `done ${number}`),
    )
    expect(seen.indexOf('turn 1')).toBeGreaterThan(seen.indexOf('done 0'))
    expect(seen.indexOf('turn 3')).toBeGreaterThan(seen.indexOf('done 1'))
  })
})

test('--jobserver: makes find the jobs in MAKEFLAGS', async () => {
  const { stdout } = await cli(['-j3', '--jobserver'], `sh -c 'echo "$MAKEFLAGS"'`)
  expect(stdout).toMatch(/-j3 --jobserver-auth=/)
})
