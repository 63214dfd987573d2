import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runSteps } from '../../bench/lib/steps.mjs'

let root: string
let folder: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bench-steps-'))
  folder = join(root, 'out')
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=T', '-c', 'user.email=t@example.com', ...args], {
      cwd: root,
    })
  writeFileSync(join(root, 'code'), 'one\n')
  git('init', '-q')
  git('add', 'code')
  git('commit', '-qm', 'Begin')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** Runs two benchmarks; the step called `broken` fails. */
async function measure({ broken = '', fresh = false } = {}) {
  const ran: string[] = []
  const finished: Record<string, unknown[]> = {}
  let said = ''
  const step = (name: string) => ({
    ...{ name, seconds: 60 },
    async run() {
      if (name === broken) throw new Error(`${name} is broken`)
      ran.push(name)
      return { name }
    },
  })
  const benchmarks = [
    { name: 'first', key: 'first', steps: [step('a'), step('b')] },
    { name: 'second', key: 'second', steps: [step('c')] },
  ]
  const error = await runSteps(benchmarks, {
    ...{ folder, root, fresh },
    finished: async (name: string, data: unknown[]) => {
      finished[name] = data
    },
    stream: { isTTY: false, write: (text: string) => (said += text) },
  }).catch((error: Error) => error)
  return { ran, finished, said, error }
}

test('prints how long it will take, then what it does', async () => {
  const { said, finished, error } = await measure()
  expect(error).toBeUndefined()
  expect(said).toMatch(/^bench: 3 steps, about 3 minutes on two quiet cores\n/)
  expect(said).toContain('bench: second: c (about 60 seconds to go)')
  expect(finished).toEqual({ first: [{ name: 'a' }, { name: 'b' }], second: [{ name: 'c' }] })
})

test('resumes an interrupted run', async () => {
  const interrupted = await measure({ broken: 'c' })
  expect(interrupted.error?.message).toBe('c is broken')
  expect(interrupted.ran).toEqual(['a', 'b'])

  const rest = await measure()
  expect(rest.ran).toEqual(['c'])
  expect(rest.said).toContain('bench: 1 steps')
  expect(rest.said).toContain('2 steps were done before')
  expect(rest.finished).toEqual({ first: [{ name: 'a' }, { name: 'b' }], second: [{ name: 'c' }] })
})

test('measures everything again after a complete run', async () => {
  await measure()
  expect(readdirSync(folder)).toEqual([])
  expect((await measure()).ran).toEqual(['a', 'b', 'c'])
})

test('starts over when asked to, and when the code has changed', async () => {
  await measure({ broken: 'c' })
  expect((await measure({ broken: 'c', fresh: true })).ran).toEqual(['a', 'b'])
  writeFileSync(join(root, 'code'), 'two\n')
  expect((await measure()).ran).toEqual(['a', 'b', 'c'])
})
