// What a command finds in the machine. One boot asks for everything.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { lab, project } from './lab.ts'

const SCRIPT = `
say() { printf '%s\\t%s\\n' "$1" "$2"; }
say uname "$(uname -r)"
say uid "$(id -u)"
say cwd "$PWD"
say variable "$LAB_TEST"
say tmpdir "$TMPDIR"
say hostname "$(uname -n)"
say cpus "$(nproc)"
say memory "$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)"
say loopback "$(cat /sys/class/net/lo/flags)"
say controllers "$(cat /sys/fs/cgroup/cgroup.subtree_control)"
say terminal "$(tty)"
say shadow "$([ -e /etc/passwd ] && echo host)"
awk '{ print "mount:" $2 "\\t" $3 }' /proc/mounts
echo changed > package.json
say package "$(cat package.json)"
echo damage > /etc/lab-damage && say etc "$(cat /etc/lab-damage)"
echo kept > out/lab-test/kept && say out written
touch /tmp/lab-test && say tmp "$(ls /tmp)"
python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0)); c = socket.create_connection(s.getsockname()); print("socket\\tworks")'
unshare --user --map-root-user --pid --fork --mount-proc true && say namespaces work
`

const found = new Map<string, string>()
const out = join(project, 'out/lab-test')
const before = readFileSync(join(project, 'package.json'), 'utf8')

beforeAll(async () => {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const { status, stdout, stderr } = await lab(
    ['--smp', '3', '--memory', '1G', '--', 'sh', '-c', SCRIPT],
    { env: { LAB_TEST: 'two words\nand lines', TMPDIR: '/tmp' } },
  )
  expect(stderr.toString()).toBe('')
  expect(status).toBe(0)
  for (const line of stdout.toString().split('\n')) {
    const [key = '', value = ''] = line.split('\t')
    found.set(key, value)
  }
})

describe('the machine', () => {
  test('runs the patched kernel, with its own name', () => {
    expect(found.get('uname')).toMatch(/^6\.12\.\d+-uring-spawn$/)
    expect(found.get('hostname')).toBe('lab')
  })

  test('has the CPUs and the memory that were asked for', () => {
    expect(found.get('cpus')).toBe('3')
    expect(Number(found.get('memory'))).toBeGreaterThan(900 << 10)
    expect(Number(found.get('memory'))).toBeLessThan(1 << 20)
  })

  test.each([
    ['/proc', 'proc'],
    ['/sys', 'sysfs'],
    ['/dev', 'devtmpfs'],
    ['/dev/pts', 'devpts'],
    ['/dev/shm', 'tmpfs'],
    ['/tmp', 'tmpfs'],
    ['/run', 'tmpfs'],
    ['/sys/fs/cgroup', 'cgroup2'],
    ['/sys/kernel/debug', 'debugfs'],
    ['/sys/kernel/tracing', 'tracefs'],
    ['/', 'overlay'],
    [join(project, 'out'), '9p'],
  ])('has %s as %s', (path, type) => {
    expect(found.get(`mount:${path}`)).toBe(type)
  })

  test('has controllers for memory, processes and CPU time', () => {
    const names = found.get('controllers')?.split(' ')
    expect(names).toEqual(expect.arrayContaining(['memory', 'pids', 'cpu']))
  })

  test('has the loopback interface up', () => {
    expect(Number(found.get('loopback')) & 1).toBe(1)
    expect(found.get('socket')).toBe('works')
  })

  test('lets a command make namespaces', () => {
    expect(found.get('namespaces')).toBe('work')
  })
})

describe('the command', () => {
  test('runs as root in the folder and the environment of its caller', () => {
    expect(found.get('uid')).toBe('0')
    expect(found.get('cwd')).toBe(project)
    expect(found.get('variable')).toBe('two words')
  })

  test('is not told of a temporary folder that only the host has', () => {
    expect(found.get('tmpdir')).toBe('')
  })

  test('has no terminal where its caller has none', () => {
    expect(found.get('terminal')).toBe('not a tty')
  })

  test('sees an empty /tmp, but for the project if that is there', () => {
    const [, top, folder] = project.split('/')
    const expected = top === 'tmp' ? [folder, 'lab-test'] : ['lab-test']
    expect(found.get('tmp')?.split('\n').sort()).toEqual(expected.sort())
  })

  test('writes where it likes, but the host does not see it', () => {
    expect(found.get('package')).toBe('changed')
    expect(found.get('etc')).toBe('damage')
    expect(readFileSync(join(project, 'package.json'), 'utf8')).toBe(before)
    expect(existsSync('/etc/lab-damage')).toBe(false)
  })

  test("writes to the project's out/ for the host", () => {
    expect(readFileSync(join(out, 'kept'), 'utf8')).toBe('kept\n')
    rmSync(out, { recursive: true })
  })
})
