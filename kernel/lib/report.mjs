// SPDX-License-Identifier: GPL-2.0
// Finds the lines of a kernel log that report a bug of the kernel.
//
// The patterns are anchored at the message's beginning: a program's name or path in
// the middle of a line is no report. Left out on purpose, because fault injection
// and ordinary tests cause them: "FAULT_INJECTION: forcing a failure" with its call
// trace, "page allocation failure", the OOM killer, and "traps: prog[1] general
// protection fault ip:…", which is the program's own fault.
import { isRaceOfOthers } from './races.mjs'

const STAMP = String.raw`(?:\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? )?`

const MESSAGES = [
  // WARN(), lockdep ("WARNING: possible circular locking…"), RCU's usage checks.
  'WARNING: ',
  // Page faults, KASAN, atomic sleeps, "watchdog: BUG: soft lockup".
  String.raw`(?:[\w/-]+: )*BUG: `,
  // SLUB: "BUG kmalloc-64 (Not tainted): Poison overwritten".
  String.raw`BUG \S+ \(`,
  'kernel BUG at ',
  // Since 6.10 the first line of die() starts like this, whatever the trap.
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

/** How many lines are shown from the first match on: enough for the stack. */
const CONTEXT = 60

/**
 * @param {string} log the machine's serial console
 * @param {Set<string>} [functions] data races of these count, and of no others
 * @returns {string[]} the first report and the lines after it; empty if there is none
 */
export function kernelReport(log, functions = new Set()) {
  const lines = log.split(/\r?\n/)
  const first = lines.findIndex((line) => REPORT.test(line) && !isRaceOfOthers(line, functions))
  return first < 0 ? [] : lines.slice(first, first + CONTEXT)
}
