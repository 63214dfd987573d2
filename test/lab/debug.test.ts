// The debug kernel reports bugs, and a report fails the run whatever the command's
// own status.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { kernelReport } from '../../kernel/lib/report.mjs'
import { lab, project, scratch } from './lab.ts'

const image = execFileSync('node', ['kernel/lab', 'build', '--kernel', 'debug'], {
  cwd: project,
  encoding: 'utf8',
}).trim()

const debug = (script: string, options: string[] = []) =>
  lab(['--kernel', 'debug', ...options, '--', 'sh', '-c', script])

/** Calls finit_module(2) from the one interpreter that every Debian has. */
const insert = (module: string) =>
  `perl -e 'open F, "<", shift or die; $p = ""; syscall(313, fileno(F), $p, 0) == 0 or warn $!' ` +
  `'${join(image, module).replaceAll("'", "'\\''")}'`
const provoke = (what: string) => `echo ${what} >/sys/kernel/debug/provoke-crash/DIRECT`

test('without a bug there is no report', async () => {
  const { status, stdout, stderr } = await debug('uname -r; ls /sys/kernel/debug/provoke-crash')
  expect(stderr.toString()).toBe('')
  expect(stdout.toString()).toMatch(/^6\.12\.\d+-uring-spawn-debug\n.*DIRECT/s)
  expect(status).toBe(0)
})

test.each([
  ['a warning', provoke('WARNING'), /WARNING: CPU: \d+ PID: \d+ at drivers\/misc\/lkdtm/],
  ['a bug check', provoke('BUG'), /kernel BUG at drivers\/misc\/lkdtm/],
  ['an exception', provoke('EXCEPTION'), /Oops: /],
  ['a corrupt list', provoke('CORRUPT_LIST_ADD'), /list_add corruption/],
  ['a use after free', provoke('READ_AFTER_FREE'), /BUG: KASAN: slab-use-after-free in lkdtm/],
  ['an underflow', provoke('REFCOUNT_DEC_ZERO'), /refcount_t: decrement hit 0|WARNING: /],
  ['a leak', insert('kmemleak-test.ko'), /unreferenced object 0x[\s\S]*kmemleak_test/],
])('%s fails the run and is printed', async (_what, script, message) => {
  const { status, signal, stderr } = await debug(`${script} 2>/dev/null; exit 0`)
  expect({ status, signal }).toEqual({ status: 99, signal: null })
  expect(stderr.toString()).toMatch(/^lab: the kernel reported:\n/)
  expect(stderr.toString()).toMatch(message)
})

test('locking and sleeping in an interrupt are reported', async () => {
  const own = scratch()
  const log = join(own.path, 'log')
  const { status, signal, stderr } = await debug(
    'echo EXEC_KMALLOC >/sys/kernel/debug/provoke-crash/INT_HW_IRQ_EN; sleep 60',
    ['--log', log],
  )
  expect({ status, signal }).toEqual({ status: 99, signal: null })
  expect(stderr.toString()).toMatch(/WARNING: inconsistent lock state/)
  const lines = readFileSync(log, 'utf8').split('\n')
  const sleeping = lines.filter((line) => line.includes('BUG: sleeping function called from'))
  expect(sleeping).toHaveLength(1)
  expect(kernelReport(sleeping[0] ?? '')).toEqual(sleeping)
  own.remove()
})

test('an injected fault is not a report', async () => {
  // fail-nth makes one of this task's next fallible operations fail: an allocation,
  // or the copy of what it writes here to turn fail-nth off again.
  const { status, stdout, stderr } = await debug(`
    echo N >/sys/kernel/debug/failslab/ignore-gfp-wait
    python3 -c '
import os
control = os.open("/proc/thread-self/fail-nth", os.O_RDWR)
failed = 0
for nth in range(1, 20):
    os.pwrite(control, str(nth).encode(), 0)
    try:
        os.close(os.memfd_create("test"))
    except OSError:
        failed += 1
    try:
        os.pwrite(control, b"0", 0)
    except OSError:
        os.pwrite(control, b"0", 0)
print("some failed" if failed else "none failed")'
    dmesg | grep -q "FAULT_INJECTION: forcing a failure" && echo logged`)
  expect(stderr.toString()).toBe('')
  expect(stdout.toString()).toBe('some failed\nlogged\n')
  expect(status).toBe(0)
})
