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
  /** Each backend, the best first, and why it does not work. */
  backends: { name: BackendName; available: boolean; why: string | undefined }[]
  /** The one that is used where none is asked for. */
  auto: BackendName
  /** How exits are waited for. */
  poller: 'io_uring' | 'epoll'
}

/** What works here, and why other things do not. */
export function probe(): Probe {
  const { info } = getEnvironment()
  return {
    kernel: release(),
    ioUring: {
      available: info.ringErrno === 0,
      why: info.ringErrno === 0 ? undefined : errnoName(info.ringErrno),
    },
    backends: backends.map((backend) => {
      const why = backend.missing(info)
      return { name: backend.name, available: why === undefined, why }
    }),
    auto: selectBackend(info, 'auto').name,
    poller: info.poller,
  }
}
