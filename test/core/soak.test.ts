/** A short soak: what `npm run test:soak` does for long. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { testedBackends } from '../backends.js'
import { inNode, isRoot, text, withoutCredentials } from '../support.js'

/** Some thousand processes; an emulated machine starts some tens of them per second. */
const COUNT = Math.min(3_000, Number(process.env.URING_SPAWN_TEST_MANY ?? 10_000) / 2)
const LONG = 600_000
const main = fileURLToPath(new URL('../soak/main.mjs', import.meta.url))

/** What cannot be done everywhere: without root, as no debugger, where files have no leases. */
const mayLack = ['hanging.debugged', 'hanging.leased', 'hanging.released']

/** The last line of what the soak prints, and its status. */
async function soak(...args: string[]) {
  const command = ['--expose-gc', main, ...args]
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise((resolve) => child.once('close', resolve))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const status = await ended
  return { status, stderr, ...JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') }
}

describe.each(testedBackends)('a soak of %s', (backend) => {
  test('every operation is right, and nothing is left', { timeout: LONG }, async () => {
    const { status, stderr, failed, result } = await soak(
      ...['--backend', backend, '--count', `${COUNT}`],
    )
    expect({ status, stderr, failed }).toEqual({ status: 0, stderr: '', failed: undefined })
    expect(result.processes).toBeGreaterThanOrEqual(COUNT)
    for (const [name, { operations }] of Object.entries<{ operations: number }>(result.kinds)) {
      expect(operations, name).toBeGreaterThan(0)
    }
    const mayChange = isRoot && withoutCredentials() === ''
    const lacking = mayChange ? mayLack : [...mayLack, 'place.setgid']
    expect(result.without.filter((name: string) => !lacking.includes(name))).toEqual([])
    for (const name of ['timeouts', 'aborts', 'EMFILE', 'workers that were terminated']) {
      expect(result.counts[name], name).toBeGreaterThan(0)
    }
  })
})

test('a seed gives the same operations again, and a part of them', async () => {
  const part = ['--seed', '7', '--first', '200', '--last', '260']
  const [one, two] = [await soak(...part), await soak(...part)]
  expect([one.status, one.failed]).toEqual([0, undefined])
  const operations = ({ result }: typeof one) =>
    Object.entries<{ operations: number }>(result.kinds).map(([name, kind]) => [
      name,
      kind.operations,
    ])
  expect(operations(two)).toEqual(operations(one))
  expect(operations(one).reduce((sum, [, number]) => sum + Number(number), 0)).toBe(61)
})

describe('the soak notices', () => {
  test('a program that does not do what it is told', async () => {
    const { status, failed } = await soak('--last', '60', '--witness', '/bin/true')
    expect(status).toBe(1)
    expect(failed).toMatch(/exit is \[ 0, null \], not \[ \d+, null \]/)
  })

  const state = new URL('../soak/state.mjs', import.meta.url).href
  test.each([
    ['a descriptor that is left', `openSync('/dev/zero')`, '/dev/zero: 1, now 2'],
    ['a descriptor that is lost', 'closeSync(given)', '/dev/zero: 1, now 0'],
    ['a child that is left', `globalThis.child = await spawn('sleep', ['60'])`, 'sleep 60'],
    ['a thread too many', `new Worker('setInterval(() => {}, 1000)', { eval: true })`, 'threads'],
  ])('%s', (_, leave, why) => {
    const said = inNode(`
      import { closeSync, openSync } from 'node:fs'
      import { Worker } from 'node:worker_threads'
      import { descriptors, quiescence, threads } from '${state}'
      const given = openSync('/dev/zero')
      const before = descriptors()
      const most = threads()
      ${leave}
      await quiescence(before, most, 1_000).catch(({ message }) => console.log(JSON.stringify(message)))
      globalThis.child?.kill()
      process.exit()`)
    expect(said).toContain(why)
  })
})
