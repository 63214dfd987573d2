import type { BackendName } from '../backend/backends.js'
import { opcodes } from '../chain/layout.js'
import { type Probe, probe } from '../probe.js'

const operations = Object.keys(opcodes).map((name) => name.toUpperCase())

const reasons: Readonly<Record<string, string>> = {
  ENOSYS: 'this kernel lacks it, or a seccomp filter hides it',
  EPERM:
    'the sysctl kernel.io_uring_disabled or a seccomp filter, such as that of a container, forbids it',
  ENOMEM: 'out of memory, or RLIMIT_MEMLOCK is too low',
  EMFILE: 'too many open files',
}

function ioUring({ available, why = '' }: Probe['ioUring']): string {
  if (available) return 'works'
  const reason = reasons[why]
  return `does not work: ${why}${reason === undefined ? '' : ` (${reason})`}`
}

const backend = ({ backends }: Probe, wanted: BackendName) =>
  backends.find(({ name }) => name === wanted)

const templates = (found: Probe): string =>
  found.templates.available ? 'made by the kernel' : `no: ${backend(found, 'spawn_template')?.why}`

const by = (found: Probe): string =>
  backend(found, 'uring')?.available
    ? 'by the kernel, as operations of io_uring'
    : 'by a native thread: this kernel lacks them as operations of io_uring'

/** The result of probe(), for a terminal or as JSON. */
export function doctor(json: boolean): string {
  const found = probe()
  if (json) return `${JSON.stringify(found, null, 2)}\n`
  const lines = [
    `kernel      ${found.kernel} on ${process.arch}`,
    `io_uring    ${ioUring(found.ioUring)}`,
    `exits       waited for through ${found.poller}`,
    `operations  ${operations.join(', ')}`,
    `            run ${by(found)}`,
    `templates   ${templates(found)}`,
    'backends',
    ...found.backends.map(
      ({ name, available, why }) => `  ${name.padEnd(9)} ${available ? 'works' : `no: ${why}`}`,
    ),
    `auto picks  ${found.auto}`,
  ]
  return `${lines.join('\n')}\n`
}
