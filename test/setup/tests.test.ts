/** `npm test` itself: its output, its exit status, and its log files. */
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Clone } from './clone.js'

let clone: Clone

/** A stand-in for vitest that writes these results, prints this, and exits with this status. */
function vitestGives(results: unknown, { output = '', status = 0 } = {}) {
  clone.write(
    'node_modules/vitest/vitest.mjs',
    `import { writeFileSync } from 'node:fs'
const file = process.argv.find((word) => word.startsWith('--outputFile.json=')).split('=')[1]
const results = ${JSON.stringify(results)}
if (results) writeFileSync(file, JSON.stringify(results))
console.log(${JSON.stringify(output)})
process.exitCode = ${status}`,
  )
}

const passing = { numPassedTests: 7, numFailedTests: 0, numPendingTests: 2, numTodoTests: 0 }

beforeEach(() => {
  clone = new Clone('ts', 'tsconfig.json', 'kernel')
  clone.link('zx', 'tap-parser')
  // Stand-ins that build nothing and succeed.
  clone.write('node_modules/cmake-js/bin/cmake-js', '')
  clone.write('scripts/library.mjs', '')
  clone.write('test/some.test.ts', '')
  clone.write('test/lab/other.test.ts', '')
  clone.program(
    'ctest',
    `for word; do file=$word; done
echo '<testsuite name="C" tests="5" failures="0" disabled="0" skipped="1">' > "$file"`,
  )
  vitestGives({ ...passing, testResults: [] })
})
afterEach(() => clone.remove())

const run = (...args: string[]) => clone.run(['node', 'scripts/test.mjs', ...args])

test('a line for each step, the longest first, and the total alone in the last line', async () => {
  const { status, stdout } = await run('host')
  expect(stdout).toMatch(
    /^test: TypeScript: 7 passed, 0 failed, 2 skipped \(\d+ s\)\ntest: C: 4 passed, 0 failed, 1 skipped \(\d+ s\)\n11 passed, 0 failed, 3 skipped\n$/,
  )
  expect(status).toBe(0)
})

test("the steps' output is in files", async () => {
  vitestGives({ ...passing, testResults: [] }, { output: 'a thousand lines' })
  const { stdout, stderr } = await run('host')
  expect(stdout + stderr).not.toContain('a thousand lines')
  expect(clone.read('out/test/TypeScript.log')).toContain('a thousand lines')
})

test('failures are printed in full, before the total', async () => {
  const failed = {
    ...{ fullName: 'a thing does what it should', status: 'failed' },
    failureMessages: ['AssertionError: expected 1 to be 2\n    at thing.test.ts:3:5'],
  }
  const testResults = [{ name: 'thing.test.ts', status: 'failed', assertionResults: [failed] }]
  vitestGives({ ...passing, numFailedTests: 1, testResults }, { status: 1 })
  const { status, stdout } = await run('host')
  expect(status).toBe(1)
  const lines = stdout.trimEnd().split('\n')
  expect(lines.at(-1)).toBe('11 passed, 1 failed, 3 skipped')
  expect(stdout).toContain(
    'TypeScript: a thing does what it should: AssertionError: expected 1 to be 2\n    at thing.test.ts:3:5\n',
  )
  expect(stdout).toContain(join(clone.root, 'out/test/TypeScript.log'))
})

test("a kernel's report is printed from its first line", async () => {
  const trace = Array.from({ length: 50 }, (_, line) => `[    1.${line}] a line of the trace`)
  const report = ['lab: the kernel reported:', '[    1.0] BUG: kernel NULL pointer', ...trace]
  clone.write(
    'node_modules/vitest/vitest.mjs',
    `console.error(${JSON.stringify(['before it', ...report].join('\n'))}); process.exitCode = 1`,
  )
  const { stdout } = await run('host')
  expect(stdout).toContain(`TypeScript: ${report.join('\n')}\n`)
})

test('what is skipped for want of something is told before the total', async () => {
  const skipped = (name: string) => ({ fullName: name, status: 'skipped' })
  const because = 'in a browser (skipped: no chromium: apt install chromium)'
  const assertionResults = [
    skipped(`${because} one`),
    skipped(`${because} two`),
    skipped('as root'),
    { fullName: 'a title (skipped: no)', status: 'passed' },
  ]
  const testResults = [{ name: 'page.test.ts', status: 'passed', assertionResults }]
  vitestGives({ ...passing, testResults })
  const { status, stdout } = await run('host')
  expect(status).toBe(0)
  expect(stdout).toMatch(
    /\nTypeScript: 2 skipped: no chromium: apt install chromium\n11 passed, 0 failed, 3 skipped\n$/,
  )
  expect(stdout.match(/ skipped: /g)).toHaveLength(1)
})

test('a step that ends with no results counts as a failure, with the end of its output', async () => {
  vitestGives(undefined, { output: 'Error: vitest broke', status: 1 })
  const { status, stdout } = await run('host')
  expect(status).toBe(1)
  expect(stdout).toContain('Error: vitest broke')
  expect(stdout).toMatch(/\n4 passed, 1 failed, 1 skipped\n$/)
})

test('so does a step that fails although every test has passed', async () => {
  vitestGives({ ...passing, testResults: [] }, { output: 'Unhandled rejection', status: 1 })
  const { status, stdout } = await run('host')
  expect(status).toBe(1)
  expect(stdout).toContain('Unhandled rejection')
  expect(stdout).toMatch(/\n11 passed, 1 failed, 3 skipped\n$/)
})

test('a build that fails shows its last lines and counts, too', async () => {
  clone.write(
    'node_modules/cmake-js/bin/cmake-js',
    "console.log('no such header'); process.exit(1)",
  )
  const { status, stdout } = await run('host')
  expect(status).toBe(1)
  expect(stdout).toContain('no such header')
  expect(stdout).toContain(join(clone.root, 'out/log/build-addon.log'))
  // What was not built is not tested.
  expect(stdout).toContain('\nC: not run, because this failed: build\n')
  expect(stdout).toMatch(/\n0 passed, 3 failed, 0 skipped\n$/)
})

test('a program that is missing is named', async () => {
  clone.program('ctest', 'exec /nowhere/ctest')
  const { status, stdout } = await run('host')
  expect(status).toBe(1)
  expect(stdout).toContain('/nowhere/ctest')
})

test('--verbose shows everything', async () => {
  vitestGives({ ...passing, testResults: [] }, { output: 'a thousand lines' })
  const { stdout } = await clone.run(['node', 'scripts/test.mjs', 'host'], {
    env: { URING_SPAWN_VERBOSE: '1' },
  })
  expect(stdout).toContain('a thousand lines')
  expect(stdout).toMatch(/\n11 passed, 0 failed, 3 skipped\n$/)
})

test('tests that do not exist are named, with those that do', async () => {
  const { status, stderr } = await run('hsot')
  expect(status).toBe(2)
  expect(stderr).toBe('test: no tests called hsot: there are host, lab\n')
})
