// SPDX-License-Identifier: GPL-2.0
// What in a kernel log means that something is wrong with the kernel.

const REPORTS = [
  /\bWARNING: /,
  /\bBUG: /,
  /\bkernel BUG at /,
  /\bINFO: (task .* blocked|possible |rcu|suspicious|trying to register|lockdep)/,
  /\b(Oops|general protection fault|stack segment|invalid opcode|divide error)\b.*[:#]/,
  /\bKernel panic - /,
  /\bKASAN: /,
  /\bUBSAN: /,
  /\bunreferenced object 0x/,
  /\bsuspicious RCU usage\b/,
  /\b(possible circular locking|inconsistent lock state|possible recursive locking|bad unlock balance|held lock freed)\b/i,
  /\b(list_add|list_del) corruption\b/,
  /\brefcount_t: /,
  /\bODEBUG: /,
  /\bstack-protector: /,
  /\bscheduling while atomic\b/,
  /\bsleeping function called from invalid context\b/,
  /\bself-detected stall|detected stalls\b/,
  /\bVFS: Busy inodes\b/,
  /\bSlab .* objects? remaining\b/i,
  /^lab: init: /,
]

/** Lines shown after the first that matched, to have the stack with it. */
const CONTEXT = 60

/**
 * @param {string} log the machine's serial console
 * @returns {string[]} the first report and what follows it; empty if all is well
 */
export function kernelReport(log) {
  const lines = log.split(/\r?\n/)
  const first = lines.findIndex((line) => REPORTS.some((pattern) => pattern.test(line)))
  return first < 0 ? [] : lines.slice(first, first + CONTEXT)
}
