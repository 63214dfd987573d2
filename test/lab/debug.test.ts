// The debug kernel reports bugs, and a report fails the run whatever the
// command's own status is.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lab, project } from './lab.ts'

const image = execFileSync('node', ['kernel/lab', 'build', '--kernel', 'debug'], {
  cwd: project,
  encoding: 'utf8',
}).trim()

const debug = (script: string) => lab(['--kernel', 'debug', '--', 'sh', '-c', script])

/** finit_module(2), by the one interpreter that every Debian has. */
const insert = (module: string) =>
  `perl -e 'open F, "<", shift or die; syscall(313, fileno(F), "", 0) == 0 or warn $!' ` +
  join(image, module)
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
  ['an exception', provoke('EXCEPTION'), /Oops: |BUG: kernel NULL pointer dereference/],
  ['a corrupt list', provoke('CORRUPT_LIST_ADD'), /list_add corruption/],
  ['a use after free', provoke('READ_AFTER_FREE'), /BUG: KASAN: slab-use-after-free in lkdtm/],
  ['an underflow', provoke('REFCOUNT_DEC_ZERO'), /refcount_t: decrement hit 0|WARNING: /],
  ['a leak', insert('kmemleak-test.ko'), /unreferenced object 0x[\s\S]*kmemleak_test/],
])('%s fails the run and is printed', async (_what, script, message) => {
  const { status, stderr } = await debug(`${script} 2>/dev/null; exit 0`)
  expect(stderr.toString()).toMatch(/^lab: the kernel reported:\n/)
  expect(stderr.toString()).toMatch(message)
  expect(status).toBe(99)
})

test('a fault that was injected is no report', async () => {
  // fail-nth makes the next allocations of this very task fail, one by one.
  const { status, stdout, stderr } = await debug(`
    echo N >/sys/kernel/debug/failslab/ignore-gfp-wait
    python3 -c '
import os
failed = 0
for nth in range(1, 20):
    with open("/proc/thread-self/fail-nth", "w") as file:
        file.write(str(nth))
        file.flush()
        try:
            os.close(os.memfd_create("test"))
        except OSError:
            failed += 1
        os.pwrite(file.fileno(), b"0", 0)
print("some failed" if failed else "none failed")'
    dmesg | grep -q "FAULT_INJECTION: forcing a failure" && echo logged`)
  expect(stderr.toString()).toBe('')
  expect(stdout.toString()).toBe('some failed\nlogged\n')
  expect(status).toBe(0)
})
