import { release } from 'node:os'
import type { BackendName } from './backend/backend.js'
import { backends, selectBackend } from './backend/select.js'
import { getEnvironment } from './environment.js'
import { errnoName } from './errors.js'

export interface Probe {
  /** The kernel's release. */
  kernel: string
  ioUring: {
    available: boolean
    /** Why not: 'EPERM', 'ENOSYS', … */
    why: string | undefined
  }
  /** Executable templates, which the kernel starts programs from. */
  templates: {
    available: boolean
    /** Why not: 'ENOTSUP' where the kernel lacks them. */
    why: string | undefined
  }
  /** Each backend, the best first, and why it does not work. */
  backends: { name: BackendName; available: boolean; why: string | undefined }[]
  /** The one that is used where none is asked for. */
  auto: BackendName
  /** How exits are waited for. */
  poller: 'io_uring' | 'epoll'
}

const works = (errno: number) => ({
  available: errno === 0,
  why: errno === 0 ? undefined : errnoName(errno),
})

/** What works here, and why other things do not. */
export function probe(): Probe {
  const { info } = getEnvironment()
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
