import { release } from 'node:os'
import { type BackendName, backends } from './backend/backends.js'
import { selectBackend } from './backend/select.js'
import { getCore } from './core/core.js'
import { errnoName } from './model/errno.js'

/** What works on this machine. */
export interface Probe {
  /** The kernel's release. */
  kernel: string
  /** io_uring itself, with or without the operations that make processes. */
  ioUring: {
    /** Whether it can be used. */
    available: boolean
    /** Why not: 'EPERM', 'ENOSYS', … */
    why: string | undefined
  }
  /** Executable templates, from which the kernel starts programs. */
  templates: {
    /** Whether the kernel has them. */
    available: boolean
    /** Why not: 'ENOTSUP' if the kernel lacks them. */
    why: string | undefined
  }
  /** Every backend, best first. */
  backends: {
    /** Its name, for the option `backend`. */
    name: BackendName
    /** Whether it works. */
    available: boolean
    /** Why it does not work. */
    why: string | undefined
  }[]
  /** The backend that is used if none is named. */
  auto: BackendName
  /** How the library's thread waits for output and exits. */
  poller: 'io_uring' | 'epoll'
}

const works = (errno: number) => ({
  available: errno === 0,
  why: errno === 0 ? undefined : errnoName(errno),
})

/**
 * Finds out what works on this machine, and why the rest does not. Starts nothing.
 * Throws if the platform is not Linux on x64 or arm64, or if the addon does not
 * load.
 */
export function probe(): Probe {
  const { info } = getCore()
  return {
    kernel: release(),
    ioUring: works(info.ringErrno),
    templates: works(info.templateErrno),
    backends: backends.map((backend) => {
      const why = backend.missing(info)
      return { name: backend.name, available: why === undefined, why }
    }),
    auto: selectBackend(info, 'auto').name,
    poller: info.poller,
  }
}
