/** A backend was renamed; its older name still works. */
import { expect, test } from 'vitest'
import { probe, run } from '../../dist/index.js'
import { inNode, library, rejection } from '../support.js'

const works = probe().backends.find(({ name }) => name === 'spawn_template')?.available

/** What a start by this name of a backend gives: the backend, or the message. */
const given = async (start: Promise<{ backend: string }>) => {
  const error = await rejection(start)
  return error?.message ?? (await start).backend
}

test.each(['spawn_template', 'template'] as const)('the option: %s', async (backend) => {
  const said = await given(run('true', [], { backend }))
  if (works) expect(said).toBe('spawn_template')
  else expect(said).toMatch(/^backend spawn_template does not work: /)
})

test.each(['spawn_template', 'template'])('the variable: %s', (name) => {
  const said = inNode(`
    process.env.URING_SPAWN_BACKEND = '${name}'
    const started = run('true')
    console.log(JSON.stringify(await started.then(({ backend }) => backend, (e) => e.message)))`)
  if (works) expect(said).toBe('spawn_template')
  else expect(said).toMatch(/^URING_SPAWN_BACKEND spawn_template does not work: /)
})

test.each(['the main thread', 'a worker'])('the variable counts at each call, in %s', (where) => {
  const found = inNode(`
    import { Worker } from 'node:worker_threads'
    const asked = async () => {
      const seen = []
      for (const name of ['fork', 'vfork', 'vfork', 'fork', '', 'no such', 'fork', undefined]) {
        if (name === undefined) delete process.env.URING_SPAWN_BACKEND
        else process.env.URING_SPAWN_BACKEND = name
        for (const options of [{}, {}, { env: {} }, { env: { URING_SPAWN_BACKEND: 'x' } }, {}]) {
          const { backend } = await run('/bin/true', [], options).catch(() => ({ backend: 'none' }))
          seen.push(backend)
        }
      }
      process.env = { URING_SPAWN_BACKEND: 'fork' }
      for (const options of [{}, { env: {} }]) seen.push((await run('/bin/true', [], options)).backend)
      return JSON.stringify(seen)
    }
    if ('${where}' === 'the main thread') {
      console.log(await asked())
    } else {
      const code = "import { parentPort } from 'node:worker_threads'; " +
        "import { run } from '${library}'; parentPort.postMessage(await (" + asked + ')())'
      new Worker(code, { eval: true }).on('message', (said) => console.log(said))
    }`) as string[]
  const best = probe().auto
  const names = ['fork', 'vfork', 'vfork', 'fork', best, 'none', 'fork', best]
  expect(found).toEqual([...names.flatMap((name) => Array(5).fill(name)), 'fork', 'fork'])
})

test('messages name only the current name', async () => {
  const { message } = await rejection(run('true', [], { backend: 'templates' as 'template' }))
  const names = ['auto', ...probe().backends.map(({ name }) => name)]
  expect(names).not.toContain('template')
  const known = names.map((name) => JSON.stringify(name)).join(', ')
  expect(message).toBe(`backend must be one of ${known}, not "templates"`)
})
