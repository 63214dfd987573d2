/**
 * The backends that the behaviour suite tests: URING_SPAWN_TEST_BACKENDS, or all
 * that work on this kernel.
 */
import { type BackendName, probe } from '../dist/index.js'

const named = process.env.URING_SPAWN_TEST_BACKENDS?.split(',') as BackendName[] | undefined

const { backends } = probe()
const unknown = named?.find((name) => !backends.some((backend) => backend.name === name))
if (unknown) throw new Error(`URING_SPAWN_TEST_BACKENDS: there is no backend ${unknown}`)

export const testedBackends: BackendName[] =
  named ?? backends.filter(({ available }) => available).map(({ name }) => name)
