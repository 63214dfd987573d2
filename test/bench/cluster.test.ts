import { execFileSync, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test, vi } from 'vitest'
import { plan, print } from '../../bench/cluster/run.mjs'
import { makeResult } from '../../bench/lib/result.mjs'
import { pageOf } from '../../bench/report/page.mjs'
import { chaptersOf } from '../../bench/report/write.mjs'
import { RedisServer } from '../../tools/redis.mjs'

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url))

test('each side runs all of its commands, and prints how many per second', async () => {
  const redis = await new RedisServer().start()
  const queue = 'bench'
  const words = ['worker', '--queue', queue, '--redis', redis.url, '--allow', '/bin/true']
  const worker = spawn(process.execPath, [path('dist/cli/main.js'), ...words], { stdio: 'ignore' })
  try {
    for (const side of ['local', 'cluster']) {
      const job = { side, file: '/bin/true', args: [], count: 20, concurrency: 2 }
      const all = JSON.stringify({ ...job, connection: redis.url, queue })
      const out = execFileSync(process.execPath, [path('bench/cluster/side.mjs'), all])
      expect(Number(out)).toBeGreaterThan(0)
    }
  } finally {
    worker.kill('SIGKILL')
    await redis.remove()
  }
})

test('the result: ratios of rounds, printed, drawn and in a table', async () => {
  const { steps, result } = await plan({ rounds: 3, concurrency: 4 })
  expect(steps.map(({ name }: { name: string }) => name)).toEqual(['/bin/true', 'sleep 0.05'])
  const measured = (command: string, ratioOfRounds: number[]) => ({
    ...{ command, concurrency: 4, local: 2000, cluster: 1200, ratio: 0.6 },
    ...{ low: 0.5, high: 0.7, ratioOfRounds },
  })
  const made = makeResult({
    ...{ benchmark: 'cluster', command: 'npm run bench -- cluster' },
    ...result([measured('/bin/true', [0.5, 0.6, 0.7]), measured('sleep 0.05', [0.5, 0.6, 0.7])]),
  })
  expect(made.versions).toMatchObject({ bullmq: '6.7.0', redis: expect.stringMatching(/^\d/) })

  const log = vi.spyOn(console, 'log').mockImplementation(() => {})
  print(made)
  const lines = log.mock.calls.flatMap(([text]) => String(text).split('\n'))
  log.mockRestore()
  expect(lines).toContain('  /bin/true, 4 at once: 0.60 (0.50 to 0.70 in 3 rounds)')
  expect(lines.filter((line) => line.length > 80)).toEqual([])

  const [chapter] = chaptersOf({ cluster: made })
  expect(chapter?.plots.map(({ name }: { name: string }) => name)).toEqual(['cluster'])
  expect(chapter?.plots[0]?.table.rows[0]).toEqual([
    ...['/bin/true', '4', '2000', '1200', '0.60 (0.50 to 0.70)'],
  ])
  expect(pageOf([chapter])).toContain('<figure id="cluster">')
})
