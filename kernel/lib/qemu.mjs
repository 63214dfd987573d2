// SPDX-License-Identifier: GPL-2.0
// The machine as QEMU's arguments, and QEMU as a process that leaves nothing
// behind: no process when the lab dies, no terminal in raw mode.
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { LabError, project } from './paths.mjs'
import { ports } from './streams.mjs'

const QEMU = 'qemu-system-x86_64'
/** Time QEMU has to end by itself and give the terminal back. */
const GRACE_MS = 2000

/** Seconds without progress that the kernel is to report. */
const PATIENCE = 120

const share = (tag, path, readonly) => [
  '-fsdev',
  `local,id=${tag},path=${path.replaceAll(',', ',,')},security_model=none,multidevs=remap,readonly=${readonly}`,
  '-device',
  `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`,
]

const port = (dir, name, number) => [
  '-chardev',
  `socket,id=${name},path=${join(dir, name)}`,
  '-device',
  `virtserialport,chardev=${name},name=lab.${name},nr=${number}`,
]

/**
 * @param {import('./machine.mjs').Run} run
 * @param {'kvm' | 'tcg'} accel
 * @param {string} dir  the run's folder
 * @param {boolean} tty one terminal for the command, not three streams
 */
export function qemuArguments(run, accel, dir, tty) {
  // max has RDRAND, without which the random generator is unseeded; erms would
  // make the kernel use `rep stosb`, which TCG counts an instruction per byte.
  const cpu = accel === 'kvm' ? 'host' : 'max,-erms,-fsrm'
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
      // More processors than one come later: see kernel/guest/init.c.
      'tsc=reliable random.trust_cpu=on no_timer_check maxcpus=1',
      // A host that is busy or was suspended starves the machine for longer than
      // a real one ever is; what hangs for good still runs into these.
      `rcupdate.rcu_cpu_stall_timeout=${PATIENCE} workqueue.watchdog_thresh=${PATIENCE}`,
      `watchdog_thresh=${PATIENCE / 2} sysctl.kernel.hung_task_timeout_secs=${PATIENCE}`,
      ...(run.icount ? ['nokaslr'] : []),
      ...run.append,
    ].join(' '),
    ...['-chardev', `file,id=log,path=${join(dir, 'console.log')}`, '-serial', 'chardev:log'],
    ...share('host', '/', 'on'),
    ...share('control', dir, 'off'),
    ...share('out', join(project, 'out'), 'off'),
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
  // The kernel kills it when this process dies in a way that nobody can handle.
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
