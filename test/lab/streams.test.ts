// Standard streams and the end of the command are passed on unchanged.
import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { lab, labShell, project, scratch } from './lab.ts'

describe('standard streams', () => {
  test('pass every byte of each stream, and the exit status', async () => {
    const bytes = Uint8Array.from({ length: 300_001 }, (_, i) => (i * 7 + (i >> 8)) & 255)
    const { status, signal, stdout, stderr } = await labShell(
      'tee /dev/stderr | { cat; printf end; }; exit 7',
      { input: bytes },
    )
    expect(Buffer.compare(stdout, Buffer.concat([bytes, Buffer.from('end')]))).toBe(0)
    expect(Buffer.compare(stderr, Buffer.from(bytes))).toBe(0)
    expect({ status, signal }).toEqual({ status: 7, signal: null })
  })

  test('bring output as it comes', async () => {
    const { stdout, afterFirst } = await labShell('echo one; sleep 5; echo two')
    expect(stdout.toString()).toBe('one\ntwo\n')
    // Not 5000: the reader of the first line may be late.
    expect(afterFirst).toBeGreaterThan(1000)
  })

  test('do not block a command that does not read its input', async () => {
    const { status } = await lab(['--', 'true'], { input: new Uint8Array(1 << 20) })
    expect(status).toBe(0)
  })

  test('may be closed by the reader', () => {
    const { stdout, stderr } = spawnSync(
      'sh',
      ['-c', 'node kernel/lab -- seq 10000000 </dev/null | head -n 2'],
      { cwd: project, encoding: 'utf8' },
    )
    expect(stdout).toBe('1\n2\n')
    expect(stderr).toBe('')
  })

  test('are a terminal of the right size if the caller has one', () => {
    const inside = "tty; stty size; stty -a | grep -o ' -\\?echo '"
    const { stdout } = spawnSync(
      'script',
      [
        '-qec',
        `stty rows 33 columns 111; node kernel/lab -- sh -c "${inside}"; echo status $?; stty -a`,
        '/dev/null',
      ],
      { cwd: project, encoding: 'utf8' },
    )
    expect(stdout).toContain('/dev/hvc0')
    expect(stdout).toContain('33 111')
    expect(stdout).toContain('status 0')
    // QEMU had it in raw mode; its settings are restored.
    expect(stdout).toMatch(/ icanon /)
  })
})

describe('the end of the command', () => {
  test.each(['SIGKILL', 'SIGSEGV', 'SIGTERM'] as const)('by %s is passed on', async (name) => {
    const { status, signal } = await labShell(`kill -${name.slice(3)} $$`)
    expect({ status, signal }).toEqual({ status: null, signal: name })
  })

  test('ends what it has left running', async () => {
    const { status, stdout } = await labShell('sleep 1000 & echo started')
    expect(stdout.toString()).toBe('started\n')
    expect(status).toBe(0)
  })
})

describe('a command that cannot run', () => {
  test('because it does not exist: 127', async () => {
    const { status, stderr } = await lab(['--', 'no-such-command'])
    expect(stderr.toString()).toBe('lab: cannot run no-such-command: No such file or directory\n')
    expect(status).toBe(127)
  })

  test('because it is not a program: 126', async () => {
    const { status, stderr } = await lab(['--', '/etc/passwd'])
    expect(stderr.toString()).toBe('lab: cannot run /etc/passwd: Permission denied\n')
    expect(status).toBe(126)
  })

  test('because its folder is not in the machine: 126', async () => {
    // The machine has its own /tmp and /dev/shm, unless the project is one of them.
    const own = scratch(project === '/tmp' ? '/dev/shm' : '/tmp')
    const { status, stderr } = await lab(['--', 'true'], { cwd: own.path })
    own.remove()
    expect(stderr.toString()).toContain(`lab: cannot change to ${own.path}: No such file`)
    expect(status).toBe(126)
  })
})
