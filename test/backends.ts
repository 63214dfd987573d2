/** The backends the behaviour suite runs for: URING_SPAWN_TEST_BACKENDS, else what the kernel at hand has. */
import { type BackendName, probe } from '../dist/index.js'

const named = process.env.URING_SPAWN_TEST_BACKENDS?.split(',') as BackendName[] | undefined

export const testedBackends: BackendName[] =
  named ??
  probe()
    .backends.filter(({ available }) => available)
    .map(({ name }) => name)
