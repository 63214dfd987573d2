/** killGrace: its default, and how to have none. */
import { expect, test } from 'vitest'
import { run } from '../../dist/index.js'
import { inTime } from '../support.js'

const deaf = "trap '' TERM; echo up"
const up = ({ stdout }: { stdout: string }) => stdout !== ''

test('SIGKILL comes 5 seconds after a timeout; with false it never does', async () => {
  const [byDefault, never] = await Promise.all([
    inTime((timeout) => run('sh', ['-c', `${deaf}; while :; do sleep 0.1; done`], { timeout }), up),
    inTime(
      (timeout) => run('sh', ['-c', `${deaf}; sleep 7; exit 3`], { timeout, killGrace: false }),
      up,
    ),
  ])
  expect(byDefault).toMatchObject({ timedOut: true, signal: 'SIGKILL' })
  expect(byDefault.durationMs).toBeGreaterThan(5000)
  expect(never).toMatchObject({ timedOut: true, signal: null, exitCode: 3 })
})

test('a group is left alone as well', async () => {
  const line = `(${deaf}; exec sleep 0.5 >/dev/null) & sleep 60`
  const begin = performance.now()
  const options = { killTarget: 'group', killGrace: false } as const
  const result = await inTime((timeout) => run('sh', ['-c', line], { ...options, timeout }), up)
  expect(result).toMatchObject({ timedOut: true, signal: 'SIGTERM' })
  expect(performance.now() - begin).toBeLessThan(60_000)
})
