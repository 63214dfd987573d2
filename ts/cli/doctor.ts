import { opcodes } from '../chain/pack.js'
import { type Probe, probe } from '../probe.js'

const operations = Object.keys(opcodes).map((name) => name.toUpperCase())

function ioUring({ available, why }: Probe['ioUring']): string {
  if (available) return 'works'
  if (why === 'ENOSYS') return 'does not work: ENOSYS (the kernel has it not, or a filter hides it)'
  if (why === 'EPERM') {
    return 'does not work: EPERM (kernel.io_uring_disabled, or a container forbids it)'
  }
  return `does not work: ${why}`
}

const templates = ({ available, why }: Probe['templates']): string => {
  if (available) return 'made by the kernel'
  return why === 'EOPNOTSUPP' ? 'no: this kernel has none' : `no: ${why}`
}

const by = ({ backends }: Probe): string =>
  backends.some(({ name, available }) => name === 'uring' && available)
    ? 'by the kernel, as operations of io_uring'
    : 'by a native thread: the kernel has no such operations of io_uring'

/** What probe() found, for a terminal or as JSON. */
export function doctor(json: boolean): string {
  const found = probe()
  if (json) return `${JSON.stringify(found, null, 2)}\n`
  const lines = [
    `kernel      ${found.kernel} on ${process.arch}`,
    `io_uring    ${ioUring(found.ioUring)}`,
    `exits       waited for through ${found.poller}`,
    `operations  ${operations.join(', ')}`,
    `            run ${by(found)}`,
    `templates   ${templates(found.templates)}`,
    'backends',
    ...found.backends.map(
      ({ name, available, why }) => `  ${name.padEnd(9)} ${available ? 'works' : `no: ${why}`}`,
    ),
    `auto picks  ${found.auto}`,
  ]
  return `${lines.join('\n')}\n`
}
