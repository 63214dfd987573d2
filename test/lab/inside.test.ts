// What a command finds in the machine. One boot checks everything.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lab, project } from './lab.ts'

const SCRIPT = `
say() { printf '%s\\t%s\\n' "$1" "$2"; }
say uname "$(uname -r)"
say uid "$(id -u)"
say cwd "$(pwd -P)"
say variable "$LAB_TEST"
say tmpdir "$TMPDIR"
say hostname "$(uname -n)"
say cpus "$(nproc)"
say cx16 "$(awk '/^model name.*TCG/ { tcg = 1 } /^flags.* cx16/ { cx16 = 1 } END { print tcg && cx16 }' /proc/cpuinfo)"
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
touch /tmp/lab-test && ls -A /tmp | awk '{ print "tmp:" $0 "\\t" }'
python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0)); c = socket.create_connection(s.getsockname()); print("socket\\tworks")'
unshare --user --map-root-user --pid --fork --mount-proc true && say namespaces work
`

const found = new Map<string, string>()
const out = join(project, 'out/lab-test')
const before = readFileSync(join(project, 'package.json'), 'utf8')
const image = execFileSync('node', ['kernel/lab', 'build'], {
  cwd: project,
  encoding: 'utf8',
}).trim()

/** A path in the form of /proc/mounts, where a space is \\040. */
const unescaped = (text: string) =>
  text.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)))

/** The entry of /tmp that leads to `path`, if that is below /tmp. */
const entryOfTmp = (path: string) => (path.startsWith('/tmp/') ? [path.split('/')[2] ?? ''] : [])

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
    found.set(unescaped(key), value)
  }
})

afterAll(() => rmSync(out, { recursive: true, force: true }))

describe('the machine', () => {
  test('runs the patched kernel, with its own name', () => {
    expect(found.get('uname')).toMatch(/^6\.12\.\d+-uring-spawn$/)
    expect(found.get('hostname')).toBe('lab')
  })

  test("has no cmpxchg16b where QEMU emulates it, for that breaks the kernel's EFLAGS", () => {
    expect(found.get('cx16')).toBe('0')
  })

  test('has the CPUs and the memory that were requested', () => {
    expect(found.get('cpus')).toBe('3')
    expect(Number(found.get('memory'))).toBeGreaterThan(900 << 10)
    expect(Number(found.get('memory'))).toBeLessThan(1 << 20)
  })

  // The project covers file systems of the machine itself.
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
    expect(found.get(`mount:${path}`)).toBe(path === project ? 'overlay' : type)
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

  test('does not get TMPDIR for a folder that only the host has', () => {
    expect(found.get('tmpdir')).toBe('')
  })

  test('has no terminal if its caller has none', () => {
    expect(found.get('terminal')).toBe('not a tty')
  })

  test('sees an empty /tmp, except for the project and the image if they are there', () => {
    const seen = [...found.keys()].flatMap((key) => (key.startsWith('tmp:') ? [key.slice(4)] : []))
    // If the project is /tmp itself, all of /tmp is there.
    if (project === '/tmp')
      return expect(seen).toEqual(expect.arrayContaining(['lab-test', 'kernel']))
    const expected = new Set(['lab-test', ...entryOfTmp(project), ...entryOfTmp(image)])
    expect(new Set(seen)).toEqual(expected)
  })

  test('may write anywhere, and the host does not see it', () => {
    expect(found.get('package')).toBe('changed')
    expect(found.get('etc')).toBe('damage')
    expect(readFileSync(join(project, 'package.json'), 'utf8')).toBe(before)
    expect(existsSync('/etc/lab-damage')).toBe(false)
  })

  test("writes to the project's out/ for the host", () => {
    expect(readFileSync(join(out, 'kept'), 'utf8')).toBe('kept\n')
  })
})
