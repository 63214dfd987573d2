// SPDX-License-Identifier: GPL-2.0
// QEMU's arguments for the machine, and QEMU as a process that leaves nothing
// behind: it dies with the lab, and restores the terminal's mode.
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { LabError, project } from './paths.mjs'
import { ports } from './streams.mjs'

const QEMU = 'qemu-system-x86_64'
/** Time for QEMU to end by itself and restore the terminal. */
const GRACE_MS = 2000

/** Seconds without progress after which the kernel reports a stall. */
const PATIENCE = 120

/** A path within an option of QEMU, whose parts are separated by commas. */
const quoted = (path) => path.replaceAll(',', ',,')

const share = (tag, path, readonly) => [
  '-fsdev',
  `local,id=${tag},path=${quoted(path)},security_model=none,multidevs=remap,readonly=${readonly}`,
  '-device',
  `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`,
]

const port = (dir, name, number) => [
  '-chardev',
  `socket,id=${name},path=${quoted(join(dir, name))}`,
  '-device',
  `virtserialport,chardev=${name},name=lab.${name},nr=${number}`,
]

/**
 * @param {import('./machine.mjs').Run} run
 * @param {'kvm' | 'tcg'} accel
 * @param {string} dir  the run's folder
 * @param {boolean} tty the command gets a terminal instead of three streams
 */
export function qemuArguments(run, accel, dir, tty) {
  // `max` has RDRAND, which seeds the random generator. With erms the kernel would
  // use `rep stosb`, which TCG counts as one instruction per byte. After cmpxchg16b
  // QEMU 7.2 can have an operand in EFLAGS. A processor that QEMU stops just then
  // keeps it: the direction flag is set from then on, or the next interrupt is a
  // double fault. Without the instruction SLUB would count more than on real
  // machines, so --icount takes the risk.
  const emulated = ['max', '-erms', '-fsrm', ...(run.icount ? [] : ['-cx16'])]
  const cpu = accel === 'kvm' ? 'host' : emulated.join(',')
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-machine', `q35,accel=${accel}`, '-cpu', cpu],
    ...['-smp', String(run.smp), '-m', run.memory],
    ...(run.icount ? ['-icount', 'shift=0,sleep=off'] : []),
    ...['-kernel', join(run.image, 'bzImage'), '-initrd', join(run.image, 'initrd')],
    '-append',
    [
      // Level 5: errors and warnings reach the console that the lab reads.
      'console=ttyS0 loglevel=5 printk.time=1 panic=-1 rdinit=/init',
      // kernel/guest/init.c brings up the other processors.
      'tsc=reliable random.trust_cpu=on no_timer_check maxcpus=1',
      // A busy or suspended host starves the machine for longer than any real
      // machine. What hangs for good still exceeds these limits.
      `rcupdate.rcu_cpu_stall_timeout=${PATIENCE} workqueue.watchdog_thresh=${PATIENCE}`,
      `watchdog_thresh=${PATIENCE / 2}`,
      // A clock that counts instructions leaps from timer to timer while the machine
      // waits for a file of the host: whatever waits then seems to hang.
      `sysctl.kernel.hung_task_timeout_secs=${run.icount ? 0 : PATIENCE}`,
      // A debugger has to know where the functions are.
      ...(run.icount || run.gdb ? ['nokaslr'] : []),
      ...run.append,
    ].join(' '),
    ...[
      '-chardev',
      `file,id=log,path=${quoted(join(dir, 'console.log'))}`,
      '-serial',
      'chardev:log',
    ],
    ...share('host', '/', 'on'),
    ...share('control', dir, 'off'),
    ...share('out', join(project, 'out'), 'off'),
    ...(run.gdb ? ['-S', '-gdb', `unix:${quoted(join(dir, 'gdb'))},server=on,wait=off`] : []),
    ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci'],
    ...(tty
      ? ['-chardev', 'stdio,id=tty,signal=on', '-device', 'virtconsole,chardev=tty']
      : ports.flatMap((name, index) => port(dir, name, index + 1))),
  ]
}

/**
 * Runs QEMU until it ends or `stop` is called.
 * @returns {{ stop: () => void, ended: Promise<{ code: number | null, complaint: string }> }}
 */
export function startQemu(argv, tty) {
  const terminal = tty ? saveTerminal() : undefined
  // The kernel kills QEMU if this process dies by a signal it cannot catch.
  const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', QEMU, ...argv], {
    stdio: [tty ? 'inherit' : 'ignore', tty ? 'inherit' : 'pipe', 'pipe'],
  })
  let complaint = ''
  const listen = (data) => {
    complaint += data
  }
  qemu.stdout?.on('data', listen)
  qemu.stderr.on('data', listen)
  let grace
  const ended = new Promise((resolve, reject) => {
    qemu.once('error', (error) => reject(new LabError(`cannot run ${QEMU}: ${error.message}`)))
    qemu.once('close', (code) => {
      clearTimeout(grace)
      terminal?.restore()
      resolve({ code, complaint })
    })
  })
  const stop = () => {
    qemu.kill('SIGTERM')
    grace ??= setTimeout(() => qemu.kill('SIGKILL'), GRACE_MS)
  }
  return { stop, ended }
}

function saveTerminal() {
  const stty = (...args) =>
    spawnSync('stty', args, { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' })
  const mode = stty('-g').stdout?.trim()
  return { restore: () => mode && stty(mode) }
}
