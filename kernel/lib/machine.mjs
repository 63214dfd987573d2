// SPDX-License-Identifier: GPL-2.0
// One run: boots an image, runs a command in it, and passes on its streams and
// how it ended.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { Writable } from 'node:stream'
import { cache, cached, project } from './paths.mjs'
import { qemuArguments, startQemu } from './qemu.mjs'
import { kernelReport } from './report.mjs'
import { connectStreams } from './streams.mjs'

/** Exit status of a run that took too long: that of timeout(1). */
const TIMED_OUT = 124
/** Exit status of a run in which the kernel reported a bug or died. */
const KERNEL_REPORT = 99
const KVM_PROBE_SECONDS = 10
/** The longest folder for sockets: sun_path has 108 bytes, their names are short. */
const LONGEST_FOLDER = 90
const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * @typedef {object} Run
 * @property {string} image    folder with bzImage and initrd
 * @property {string[]} argv   the command
 * @property {string} cwd      the folder it runs in, which the machine must see
 * @property {number} smp      virtual CPUs
 * @property {string} memory   as QEMU's -m, '2G'
 * @property {boolean} icount  each instruction takes a nanosecond
 * @property {boolean} [gdb]   wait for a debugger before the first instruction
 * @property {number} timeout  seconds, 0 for none
 * @property {string[]} append what is added to the kernel's command line
 * @property {boolean} [leakScan] look for leaks after the command, if the kernel can
 * @property {string} [log]    the file that gets the kernel's log
 * @property {NodeJS.WritableStream} [stdout] gets the command's output instead of
 *   this process's; the command then has no terminal and no standard input
 * @property {boolean} [quiet] for a probe: no streams and no messages
 */

/**
 * Boots, runs, waits.
 * @param {Run} run
 * @returns {Promise<{ status: number, signal?: string }>} how the command ended
 */
export async function runInMachine(run) {
  const { accel, interrupted } = run.icount ? { accel: 'tcg' } : await accelerator(run)
  if (interrupted) return interrupted
  const result = await boot(run, accel)
  if (run.icount && result.usage) {
    const { cpu, elapsed } = result.usage
    console.error(
      `lab: icount: ${cpu} thousand instructions in the command, ${elapsed} until it ended`,
    )
  }
  return result
}

/** KVM if a machine has booted with it here, otherwise TCG. */
async function accelerator({ image, memory }) {
  if (!existsSync('/dev/kvm')) return { accel: 'tcg' }
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  const memo = cached(`accelerator-${bootId}`)
  if (existsSync(memo)) return { accel: readFileSync(memo, 'utf8') }
  const probe = {
    ...{ image, memory, argv: ['true'], cwd: '/', smp: 1, icount: false, append: [] },
    ...{ timeout: KVM_PROBE_SECONDS, quiet: true },
  }
  const result = await boot(probe, 'kvm')
  if (result.interrupted) return { interrupted: result }
  const accel = result.status === 0 ? 'kvm' : 'tcg'
  for (const name of readdirSync(cache)) {
    if (name.startsWith('accelerator-')) rmSync(cached(name), { force: true })
  }
  writeFileSync(memo, accel)
  return { accel }
}

const nulTerminated = (strings) => strings.map((text) => `${text}\0`).join('')

function environment() {
  // TMPDIR names a folder of the host; the machine has a /tmp of its own.
  const { TMPDIR, ...rest } = process.env
  return Object.entries(rest).map(([key, value]) => `${key}=${value}`)
}

function writeControl(dir, run, tty) {
  const put = (name, text) => writeFileSync(join(dir, name), text)
  put('argv', nulTerminated(run.argv))
  put('env', nulTerminated(environment()))
  put('cwd', run.cwd)
  put('project', project)
  put('visible', nulTerminated([project, run.image]))
  if (tty) put('terminal', `${process.stdout.rows} ${process.stdout.columns}`)
  if (run.leakScan) put('leaks', '')
}

function makeFolder() {
  const parent = tmpdir().length > LONGEST_FOLDER ? '/tmp' : tmpdir()
  return mkdtempSync(join(parent, 'lab-'))
}

const nowhere = () => new Writable({ write: (_data, _encoding, done) => done() })

function hostStreams({ quiet, stdout }) {
  if (quiet) return { stdin: false, stdout: nowhere(), stderr: nowhere() }
  return { stdin: !stdout, stdout: stdout ?? process.stdout, stderr: process.stderr }
}

/** Calls `stop` when a signal asks this process to end, and records which. */
function onInterrupt(stop) {
  const seen = {}
  const handler = (signal) => {
    seen.signal ??= signal
    stop()
  }
  // Node ignores SIGPIPE and emits an error instead.
  const closed = () => handler('SIGPIPE')
  for (const signal of INTERRUPTS) process.on(signal, handler)
  process.stdout.on('error', closed)
  return {
    seen,
    off() {
      for (const signal of INTERRUPTS) process.off(signal, handler)
      process.stdout.off('error', closed)
    },
  }
}

async function boot(run, accel) {
  mkdirSync(join(project, 'out'), { recursive: true })
  const tty = !run.quiet && !run.stdout && process.stdin.isTTY && process.stdout.isTTY
  let qemu
  let timer
  let streams
  let timedOut = false
  const interrupt = onInterrupt(() => qemu?.stop())
  const dir = makeFolder()
  try {
    writeControl(dir, run, tty)
    if (!tty) streams = await connectStreams(dir, hostStreams(run))
    qemu = startQemu(qemuArguments(run, accel, dir, tty), tty)
    if (interrupt.seen.signal) qemu.stop()
    if (run.gdb) tellDebugger(run.image, dir)
    if (run.timeout > 0) {
      timer = setTimeout(() => {
        timedOut = true
        qemu.stop()
      }, run.timeout * 1000)
    }
    const { code, complaint } = await qemu.ended
    await streams?.drained()
    return verdict({ run, dir, complaint, code, interrupted: interrupt.seen.signal, timedOut })
  } finally {
    clearTimeout(timer)
    streams?.close()
    rmSync(dir, { recursive: true, force: true })
    interrupt.off()
  }
}

/** Says how to attach. The machine stands still until then. */
function tellDebugger(image, dir) {
  const quoted = (path) => `'${path.replaceAll("'", "'\\''")}'`
  const remote = `target remote ${join(dir, 'gdb')}`
  console.error(
    `lab: the machine waits for a debugger. In another terminal:\n` +
      `  gdb ${quoted(join(image, 'vmlinux'))} -ex ${quoted(remote)}\n` +
      `  (gdb) hbreak io_clone\n  (gdb) continue`,
  )
}

function verdict({ run, dir, complaint, code, interrupted, timedOut }) {
  const read = (name) => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : '')
  const say = (text) => run.quiet || console.error(text)
  const log = read('console.log')
  if (run.log) writeFileSync(run.log, read('dmesg') || log)

  if (interrupted) {
    return { status: 128 + constants.signals[interrupted], signal: interrupted, interrupted: true }
  }
  const functions = join(run.image, 'functions')
  const ours = existsSync(functions) ? readFileSync(functions, 'utf8').split('\n') : []
  const report = kernelReport(log, new Set(ours))
  if (report.length > 0) {
    say(`lab: the kernel reported:\n${report.join('\n')}`)
    return { status: KERNEL_REPORT }
  }
  if (timedOut) {
    say(`lab: stopped after ${run.timeout} s; the end of the console:\n${tail(log)}`)
    return { status: TIMED_OUT }
  }
  const [how, number, cpu, elapsed] = read('status').trim().split(' ')
  if (!how) {
    const detail = complaint.trim() || tail(log) || `QEMU ended with status ${code}`
    say(`lab: the machine ended before the command did:\n${detail}`)
    return { status: KERNEL_REPORT }
  }
  const usage = { cpu: Number(cpu), elapsed: Number(elapsed) }
  if (how === 'exit') return { status: Number(number), usage }
  const signal = Object.keys(constants.signals).find(
    (name) => constants.signals[name] === Number(number),
  )
  return { status: 128 + Number(number), signal, usage }
}

const tail = (text) => text.trimEnd().split('\n').slice(-40).join('\n')
