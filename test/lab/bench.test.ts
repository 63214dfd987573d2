import { expect, test } from 'vitest'
import { plan as agentTools } from '../../bench/agent-tools/run.mjs'
import { plan as awaited } from '../../bench/awaited/run.mjs'
import { plan as designs } from '../../bench/designs/run.mjs'
import { makeResult } from '../../bench/lib/result.mjs'

/** The result of all of a benchmark's steps. */
async function measure(benchmark: string, plan: Awaited<ReturnType<typeof designs>>) {
  const found = []
  for (const step of plan.steps) found.push(await step.run(() => {}))
  return makeResult({ benchmark, command: `npm run bench -- ${benchmark}`, ...plan.result(found) })
}

test('counts and phases of launch methods', async () => {
  const methods = ['vfork', 'chain_fds', 'chain_batch']
  const options = { quick: true, methods, children: ['static'] }
  const result = await measure('designs', await designs(options))
  expect(result.lab.clock).toBe('instructions')
  const of = (method: string) =>
    result.results.find(
      (one: { child: string; method: string }) => one.child === 'static' && one.method === method,
    )
  for (const method of methods) {
    // No process costs less, and none of these methods copies the parent.
    expect(of(method).total).toBeGreaterThan(50_000)
    expect(of(method).total).toBeLessThan(150_000)
    expect(of(method).call).toBeLessThan(of(method).total / 2)
  }
  for (const { child, method, phases, total } of result.phases) {
    const parts: number[] = Object.values(phases).flatMap((part) => Object.values(part as object))
    expect(parts.reduce((sum, one) => sum + one, 0) / total, method).toBeCloseTo(1, 2)
    for (const name of ['exec: open', 'exec: map', 'exit']) {
      expect(phases.child[name], `${child} ${method} ${name}`).toBeGreaterThan(5000)
    }
    expect(phases.submitter.clone, method).toBeGreaterThan(5000)
  }
})

test('counts of an awaited process', async () => {
  const options = { calls: ['ignored'], backends: ['uring'], withoutEventLoop: false }
  const result = await measure('awaited', await awaited(options))
  expect(result.results).toHaveLength(1)
  const [{ thread, program, total, switches }] = result.results
  expect(thread).toBeGreaterThan(20_000)
  expect(program).toBeGreaterThanOrEqual(thread)
  // What the child takes itself, though it has only three instructions.
  expect(total - program).toBeGreaterThan(20_000)
  expect(total).toBeLessThan(1_000_000)
  // The thread waits for the process once at least.
  expect(switches).toBeGreaterThan(0.9)
})

test("agents' calls, as chains on the patched kernel", async () => {
  const options = { calls: 48, rounds: 3, splits: ['2x8'], columns: ['child_process', 'uring'] }
  const result = await measure('agent-tools', await agentTools(options))
  expect(result.absent).toEqual({})
  expect(
    result.results.map(({ column, calls, wrong }: Record<string, unknown>) => ({
      column,
      calls,
      wrong,
    })),
  ).toEqual([
    { column: 'child_process', calls: 48, wrong: 0 },
    { column: 'uring', calls: 48, wrong: 0 },
  ])
})
