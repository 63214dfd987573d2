// SPDX-License-Identifier: GPL-2.0
// One run: boot an image, run a command in it, pass on its streams and its end.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { cached, LabError, project } from './paths.mjs'
import { kernelReport } from './report.mjs'

/** Exit status of a run that its time limit ended, as timeout(1) has it. */
const TIMED_OUT = 124
/** Exit status of a run in which the kernel reported a bug. */
const KERNEL_REPORT = 99
const KVM_PROBE_SECONDS = 10

/**
 * @typedef {object} Run
 * @property {string} image    folder with bzImage and initrd
 * @property {string[]} argv   the command
 * @property {string} cwd      where it runs; must be visible in the machine
 * @property {number} smp      virtual CPUs
 * @property {string} memory   as QEMU's -m, '2G'
 * @property {boolean} icount  one instruction a nanosecond
 * @property {number} timeout  seconds, 0 for none
 * @property {string[]} append more of the kernel's command line
 */

/**
 * Boots, runs, waits.
 * @param {Run} run
 * @returns {Promise<{ status: number, signal?: string }>} how the command ended
 */
export async function runInMachine(run) {
  const accel = run.icount ? 'tcg' : await accelerator(run.image)
  const result = await boot(run, accel)
  if (run.icount && result.ended) {
    const { cpu, elapsed } = result.ended
    console.error(
      `lab: icount: ${cpu} thousand instructions in the command, ${elapsed} until it ended`,
    )
  }
  return result
}

/** 'kvm' where a machine has been seen to boot with it, else 'tcg'. */
async function accelerator(image) {
  if (!existsSync('/dev/kvm')) return 'tcg'
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  const memo = cached(`accelerator-${bootId}`)
  if (existsSync(memo)) return readFileSync(memo, 'utf8')
  const probe = {
    image,
    argv: ['true'],
    cwd: '/',
    smp: 1,
    memory: '512M',
    icount: false,
    timeout: KVM_PROBE_SECONDS,
    append: [],
    probe: true,
  }
  const { ended } = await boot(probe, 'kvm')
  const found = ended?.status === 0 ? 'kvm' : 'tcg'
  writeFileSync(memo, found)
  return found
}

function qemuArguments(run, accel, dir, tty) {
  const cpu = accel === 'kvm' ? 'host' : 'max,-erms,-fsrm'
  const share = (tag, path, readonly) => [
    '-fsdev',
    `local,id=${tag},path=${path},security_model=none,multidevs=remap,readonly=${readonly}`,
    '-device',
    `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`,
  ]
  const port = (number, name) => [
    '-chardev',
    `socket,id=${name},path=${join(dir, name)}`,
    '-device',
    `virtserialport,chardev=${name},name=lab.${name},nr=${number}`,
  ]
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-machine', `q35,accel=${accel}`, '-cpu', cpu],
    ...['-smp', String(run.smp), '-m', run.memory],
    ...(run.icount ? ['-icount', 'shift=0,sleep=off'] : []),
    ...['-kernel', join(run.image, 'bzImage'), '-initrd', join(run.image, 'initrd')],
    '-append',
    [
      'console=ttyS0 loglevel=5 printk.time=1 panic=-1 rdinit=/init',
      'tsc=reliable random.trust_cpu=on no_timer_check',
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
      : [...port(1, 'stdin'), ...port(2, 'stdout'), ...port(3, 'stderr')]),
  ]
}

const nulTerminated = (strings) => strings.map((text) => `${text}\0`).join('')

function writeControl(dir, run, tty) {
  const put = (name, text) => writeFileSync(join(dir, name), text)
  put('argv', nulTerminated(run.argv))
  put('env', nulTerminated(Object.entries(process.env).map(([key, value]) => `${key}=${value}`)))
  put('cwd', run.cwd)
  put('project', project)
  if (tty) put('terminal', `${process.stdout.rows} ${process.stdout.columns}`)
}

/** Listens where QEMU's port `name` connects; `serve` gets the connection. */
function listen(dir, name, serve) {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      server.close()
      socket.on('error', () => socket.destroy())
      serve(socket)
    })
    server.on('error', reject)
    server.listen(join(dir, name), () => resolve(server))
  })
}

/** Sends standard input as kernel/guest/init.c expects it: length, bytes; 0 ends. */
function sendStdin(socket) {
  const frame = (data) => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(data.length)
    return Buffer.concat([length, data])
  }
  process.stdin.on('data', (data) => {
    if (!socket.write(frame(data))) process.stdin.pause()
  })
  socket.on('drain', () => process.stdin.resume())
  process.stdin.on('end', () => socket.write(frame(Buffer.alloc(0))))
  process.stdin.on('error', () => socket.write(frame(Buffer.alloc(0))))
}

async function connectStreams(dir, quiet) {
  const drained = []
  const output = (stream) => (socket) => {
    drained.push(new Promise((resolve) => socket.on('close', resolve)))
    socket.pipe(quiet ? socket : stream, { end: false })
  }
  const servers = [
    await listen(dir, 'stdin', quiet ? () => {} : sendStdin),
    await listen(dir, 'stdout', output(process.stdout)),
    await listen(dir, 'stderr', output(process.stderr)),
  ]
  return {
    async close() {
      await Promise.all(drained)
      for (const server of servers) server.close()
    },
  }
}

async function boot(run, accel) {
  mkdirSync(join(project, 'out'), { recursive: true })
  const dir = mkdtempSync(join(tmpdir(), 'lab-'))
  const tty = !run.probe && process.stdin.isTTY === true && process.stdout.isTTY === true
  try {
    writeControl(dir, run, tty)
    const streams = tty ? undefined : await connectStreams(dir, run.probe)
    const qemu = spawn('qemu-system-x86_64', qemuArguments(run, accel, dir, tty), {
      stdio: [tty ? 'inherit' : 'ignore', tty ? 'inherit' : 'pipe', 'pipe'],
    })
    let complaint = ''
    qemu.stdout?.on('data', (data) => {
      complaint += data
    })
    qemu.stderr.on('data', (data) => {
      complaint += data
    })
    const stop = () => qemu.kill('SIGKILL')
    let interrupted
    const interrupt = (signal) => {
      interrupted = signal
      stop()
    }
    process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
    let timedOut = false
    const timer =
      run.timeout > 0 &&
      setTimeout(() => {
        timedOut = true
        stop()
      }, run.timeout * 1000)
    const ended = await new Promise((resolve, reject) => {
      qemu.once('error', (error) => reject(new LabError(`cannot run QEMU: ${error.message}`)))
      qemu.once('close', (code, signal) => resolve({ code, signal }))
    })
    clearTimeout(timer || undefined)
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
    if (ended.code === 0 || ended.signal) await streams?.close()
    return verdict({ run, dir, complaint, ended, interrupted, timedOut })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const say = (run, text) => {
  if (!run.probe) console.error(text)
}

function verdict({ run, dir, complaint, ended, interrupted, timedOut }) {
  const read = (name) => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : '')
  const log = read('console.log')
  const [how, number, cpu, elapsed] = read('status').trim().split(' ')
  if (process.env.LAB_LOG) writeFileSync(process.env.LAB_LOG, read('dmesg') || log)

  if (interrupted) return { status: 128 + constants.signals[interrupted] }
  const report = kernelReport(log)
  if (report.length > 0) {
    say(run, `lab: the kernel reported:\n${report.join('\n')}`)
    return { status: KERNEL_REPORT }
  }
  if (timedOut) {
    say(run, `lab: stopped after ${run.timeout} s; the end of the console:\n${tail(log)}`)
    return { status: TIMED_OUT }
  }
  if (!how) {
    const detail = complaint.trim() || tail(log) || `QEMU ended with ${ended.code ?? ended.signal}`
    say(run, `lab: the machine ended before the command did:\n${detail}`)
    return { status: KERNEL_REPORT }
  }
  const usage = { cpu: Number(cpu), elapsed: Number(elapsed) }
  if (how === 'signal') {
    const signal = Object.keys(constants.signals).find(
      (name) => constants.signals[name] === Number(number),
    )
    return { status: 128 + Number(number), signal, ended: { ...usage, status: -1 } }
  }
  return { status: Number(number), ended: { ...usage, status: Number(number) } }
}

const tail = (text) => text.trimEnd().split('\n').slice(-40).join('\n')
