// What in a kernel log fails a run, and what must not.
import { describe, expect, test } from 'vitest'
import { changedFunctions } from '../../kernel/lib/races.mjs'
import { kernelReport } from '../../kernel/lib/report.mjs'

const reports = {
  'WARN()': `[    3.101204] ------------[ cut here ]------------
[    3.101911] WARNING: CPU: 1 PID: 61 at drivers/misc/lkdtm/bugs.c:108 lkdtm_WARNING+0x19/0x20`,
  'a bug check': `[    5.202010] ------------[ cut here ]------------
[    5.202231] kernel BUG at drivers/misc/lkdtm/bugs.c:101!
[    5.202910] Oops: invalid opcode: 0000 [#1] PREEMPT SMP KASAN NOPTI`,
  'a page fault': '[    2.719933] BUG: kernel NULL pointer dereference, address: 0000000000000008',
  'a general protection fault':
    '[    2.719933] Oops: general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#1] SMP',
  KASAN: `[    9.482012] ==================================================================
[    9.482611] BUG: KASAN: slab-use-after-free in io_spawn_put+0x3a/0x90`,
  SLUB: '[    9.482611] BUG kmalloc-64 (Not tainted): Poison overwritten',
  lockdep: `[    4.000000] ======================================================
[    4.000001] WARNING: possible circular locking dependency detected
[    4.000002] 6.12.117-uring-spawn-debug #1 Not tainted`,
  'lockdep out of its depth': '[    8.120000] BUG: MAX_LOCKDEP_CHAINS too low!',
  'lockdep turned off': '[   12.000000] INFO: lockdep is turned off.',
  'a lock without a name': '[    1.1] INFO: trying to register non-static key.',
  RCU: '[    4.000001] WARNING: suspicious RCU usage',
  'an RCU stall':
    '[   26.000001] rcu: INFO: rcu_preempt self-detected stall on CPU\n[   26.1] rcu: \t1-....: (5249 ticks this GP)',
  'an expedited RCU stall':
    '[   26.000001] rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 0-.... }',
  'an atomic sleep':
    '[    3.3] BUG: sleeping function called from invalid context at include/linux/sched/mm.h:337',
  'atomic scheduling': '[    3.3] BUG: scheduling while atomic: test/77/0x00000002',
  'a lost task': '[  125.001] INFO: task iou-wrk-88:90 blocked for more than 60 seconds.',
  'a soft lockup': '[   52.000001] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [sh:61]',
  'a workqueue lockup':
    '[   52.000001] BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!',
  'a list': '[    2.100000] list_del corruption. prev->next should be ffff888, but was ffff889.',
  'a reference count': '[    2.100000] refcount_t: underflow; use-after-free.',
  'a debug object':
    '[    2.1] ODEBUG: free active (active state 0) object: 0 object type: work_struct',
  'a user copy':
    "[    2.1] usercopy: Kernel memory exposure attempt detected from SLUB object 'x'!",
  'a leak': 'unreferenced object 0xffff888005a1c400 (size 192):\n  comm "features", pid 71',
  'a panic': '[    2.1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100',
  'a busy file system': '[    2.1] VFS: Busy inodes after unmount of tmpfs (tmpfs)',
  'a report with its caller': '[    2.1][   T61] WARNING: CPU: 0 PID: 61 at fs/file.c:1',
  'process 1 of the lab': 'lab: init: mount host on /host: Invalid argument',
}

const harmless = {
  'fault injection': `[    7.100203] FAULT_INJECTION: forcing a failure.
[    7.100203] name failslab, interval 1, probability 0, space 0, times 1
[    7.100610] CPU: 0 UID: 0 PID: 66 Comm: features Not tainted 6.12.117-uring-spawn-debug #1
[    7.101402] Call Trace:
[    7.101633]  <TASK>
[    7.101850]  dump_stack_lvl+0x9a/0xd0
[    7.102203]  should_fail_ex+0x2f7/0x3a0`,
  'an allocation that failed on purpose':
    '[    7.1] features: page allocation failure: order:0, mode:0xcc0(GFP_KERNEL), nodemask=(null)',
  'a program with a fault of its own':
    '[    3.2] traps: sh[61] general protection fault ip:40113a sp:7ffd error:0 in sh[401000+1000]',
  'a program that crashes': '[    3.2] crash[62]: segfault at 0 ip 0000000000401136 sp 00007ffe',
  'the out-of-memory killer':
    '[   12.2] Memory cgroup out of memory: Killed process 88 (node) total-vm:999kB',
  'a program with a telling name': '[    3.2] process `BUG: WARNING: ` did not claim interface 0',
  'advice about an old interface':
    "[    3.2] warning: `probe' uses 32-bit capabilities (legacy support in use)",
  'a slow work item':
    '[    3.2] workqueue: console_callback hogged CPU for >10000us 4 times, consider switching',
  'lkdtm at its work': '[    3.2] lkdtm: Performing direct entry WARNING',
  'a path in a command line': '[    0.0] Command line: console=ttyS0 lab.test=WARNING: BUG: Oops',
}

describe('fails the run:', () => {
  test.each(Object.entries(reports))('%s', (_name, log) => {
    expect(kernelReport(log)).not.toEqual([])
    expect(kernelReport(log.replaceAll('\n', '\r\n'))).not.toEqual([])
  })
})

describe('does not fail the run:', () => {
  test.each(Object.entries(harmless))('%s', (_name, log) => {
    expect(kernelReport(log)).toEqual([])
  })
})

test('a report is shown from its first line, with what follows', () => {
  const trace = Array.from({ length: 200 }, (_, i) => `[    1.1]  function_${i}+0x1/0x2`)
  const lines = kernelReport(['[    1.0] fine', '[    1.1] BUG: bad', ...trace].join('\n'))
  expect(lines[0]).toBe('[    1.1] BUG: bad')
  expect(lines).toHaveLength(60)
})

describe('a data race', () => {
  const race = (what: string) =>
    `[    3.1] ==================================================================\n[    3.1] BUG: KCSAN: data-race in ${what}`
  const ours = new Set(['io_spawn_put', 'exec_reopen', 'copy_process'])

  test.each([
    'io_spawn_put / io_spawn_start',
    'do_exit / io_spawn_put',
    'exec_reopen.isra.0 / exec_reopen.constprop.0',
    'exec_reopen',
  ])('with a function of the series fails the run: %s', (what) => {
    expect(kernelReport(race(what), ours)[0]).toContain(what)
  })

  test.each([
    'do_exit / tick_sched_timer',
    'io_spawn_putter / my_io_spawn_put',
    'copy_process / ptrace_attach',
  ])('of others, or known in the base, does not: %s', (what) => {
    expect(kernelReport(race(what), ours)).toEqual([])
    const later = [race(what), '[    3.2] BUG: unable to handle page fault'].join('\n')
    expect(kernelReport(later, ours)[0]).toContain('page fault')
  })
})

test('the functions of a diff are those it changes, and those it adds', () => {
  const diff = `diff --git a/fs/exec.c b/fs/exec.c
@@ -250,0 +252,5 @@ static void flush_arg_page(struct linux_binprm *bprm, unsigned long pos,
+static int place_stack(struct linux_binprm *bprm)
+{
+	return called(bprm);
@@ -9 +14 @@ struct without_a_function {
+	int nr;
-static int gone(void)
@@ -20,2 +25 @@ int changed(void)
`
  expect([...changedFunctions(diff)]).toEqual(['flush_arg_page', 'place_stack', 'changed'])
})
