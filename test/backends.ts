/**
 * The backends that the behaviour suite tests: URING_SPAWN_TEST_BACKENDS, or all
 * that work on this kernel.
 */
import { type BackendName, probe } from '../dist/index.js'

const named = process.env.URING_SPAWN_TEST_BACKENDS?.split(',') as BackendName[] | undefined

export const testedBackends: BackendName[] =
  named ??
  probe()
    .backends.filter(({ available }) => available)
    .map(({ name }) => name)
