// SPDX-License-Identifier: GPL-2.0
// What in a kernel log means that something is wrong with the kernel.
//
// The patterns are anchored at the message: a program's name or path in the
// middle of a line is no report. Not here on purpose, because fault injection
// and ordinary tests cause them: "FAULT_INJECTION: forcing a failure" and the
// call trace after it, "page allocation failure", the OOM killer, and "traps:
// prog[1] general protection fault ip:…", which is the program's own.

const STAMP = String.raw`(?:\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? )?`

const MESSAGES = [
  // WARN(), lockdep ("WARNING: possible circular locking…"), RCU's usage checks.
  'WARNING: ',
  // Page faults, KASAN, atomic sleeps, "watchdog: BUG: soft lockup".
  String.raw`(?:[\w/-]+: )*BUG: `,
  // SLUB: "BUG kmalloc-64 (Not tainted): Poison overwritten".
  String.raw`BUG \S+ \(`,
  'kernel BUG at ',
  // Since 6.10 each first line of die() starts so, whatever the trap.
  String.raw`Oops\b`,
  'Kernel panic - ',
  'INFO: (?:task .* blocked|possible |inconsistent |suspicious|trying to register|lockdep)',
  String.raw`(?:rcu: )?INFO: \w+ (?:self-)?detected `,
  '(?:KASAN|KFENCE|UBSAN|ODEBUG): ',
  'unreferenced object 0x',
  String.raw`(?:list_add|list_del|plist)\w* corruption`,
  'refcount_t: ',
  'usercopy: Kernel memory ',
  'VFS: Busy inodes',
  'unregister_netdevice: waiting',
  // The lab's own process 1.
  'lab: init: ',
]

const REPORT = new RegExp(`^${STAMP}(?:${MESSAGES.join('|')})`)

/** Lines shown from the first that matched, to have the stack with it. */
const CONTEXT = 60

/**
 * @param {string} log the machine's serial console
 * @returns {string[]} the first report and what follows it; empty if all is well
 */
export function kernelReport(log) {
  const lines = log.split(/\r?\n/)
  const first = lines.findIndex((line) => REPORT.test(line))
  return first < 0 ? [] : lines.slice(first, first + CONTEXT)
}
