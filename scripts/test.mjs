// `npm test`, `npm run test:host`, `npm run test:lab`: every test, or one half
// of them, then a table of what ran and a last line with the sum of all counts.
//
//   node scripts/test.mjs [host] [lab]      both, if neither is given
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const results = join(root, 'out/test')

const node = (script, ...args) => [process.execPath, script, ...args]
const lab = (...args) => node('kernel/lab', ...args)
const vitest = (...args) =>
  node('node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json', ...args)

/**
 * The behaviour suite in the lab. What it writes stays in the
 * machine, but for `out/`. Sizes are for an emulated processor.
 */
const inLab = (backend, ...files) => [
  ...['env', `URING_SPAWN_TEST_BACKENDS=${backend}`, 'URING_SPAWN_TEST_MANY=1000'],
  ...vitest('--typecheck.enabled=false', '--testTimeout=240000', ...files),
]
const byChains = inLab('uring', 'test/behaviour', 'test/core', 'test/examples')
// What a launcher has a part in; what is above it is the same for all.
const byTemplates = inLab(
  'template',
  ...[
    ...['spawn', 'stdio', 'options', 'failures', 'ending'],
    ...['template-backend', 'kernel-template'],
  ].map((name) => `test/behaviour/${name}.test.ts`),
)
// Far more than it takes: a test that hangs ends by its own limit.
const ofLab = ['--smp', '2', '--memory', '3G', '--timeout', '2700']

/** A step whose success is all it has to say. */
const step = (title, command) => ({ title, command, counts: () => none })
/** A step that is one test. */
const check = (title, command) => ({
  ...{ title, command },
  counts: (ok) => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 }),
})

function vitestStep(title, command) {
  const file = resultFile(title, 'json')
  return {
    title,
    command: [...command, `--outputFile.json=${file}`],
    counts() {
      const json = JSON.parse(readFileSync(file, 'utf8'))
      const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = json
      return {
        passed: numPassedTests,
        failed: numFailedTests,
        skipped: numPendingTests + numTodoTests,
      }
    },
    failures() {
      const { testResults } = JSON.parse(readFileSync(file, 'utf8'))
      return testResults.flatMap(({ assertionResults, name, message, status }) => {
        const failed = assertionResults.filter((test) => test.status === 'failed')
        // A file that could not be loaded has a message, and no tests.
        if (failed.length === 0) return status === 'failed' ? [`${name}: ${message}`] : []
        return failed.map((test) => `${test.fullName}: ${test.failureMessages.join('\n')}`)
      })
    },
  }
}

function ctestStep(title) {
  const file = resultFile(title, 'xml')
  return {
    title,
    command: ['ctest', '--test-dir', 'build', '--output-on-failure', '--output-junit', file],
    counts() {
      const head = /<testsuite\b[^>]*>/.exec(readFileSync(file, 'utf8'))[0]
      const number = (name) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0)
      const [all, failed] = [number('tests'), number('failures')]
      const skipped = number('skipped') + number('disabled')
      return { passed: all - failed - skipped, failed, skipped }
    },
  }
}

function selftestStep(title, kernel, ...programs) {
  return {
    title,
    command: lab('selftest', '--kernel', kernel, ...programs),
    counts(_ok, output) {
      const last = /(\d+) passed, (\d+) failed, (\d+) skipped\n$/.exec(output)
      if (!last) return none
      const [passed, failed, skipped] = last.slice(1).map(Number)
      return { passed, failed, skipped }
    },
    failures: (output) => output.match(/^not ok .*$/gm) ?? [],
  }
}

const none = { passed: 0, failed: 0, skipped: 0 }
const resultFile = (title, type) => join(results, `${title.replaceAll(/\W+/g, '-')}.${type}`)

// Not `fault` and `stress`, which take many minutes there:
// `npm run lab -- selftest --kernel debug fault stress`.
const onDebug = [
  ...['features', 'clone', 'fds', 'exec', 'links', 'task_set', 'cqe', 'reap'],
  ...['cancel', 'ptrace', 'fdinfo', 'mm', 'fuzz'],
  ...['exec_stack', 'create', 'spawn', 'stale', 'chain', 'semantics', 'audit', 'many'],
]

const steps = {
  host: [
    step('build', ['npm', 'run', '--silent', 'build']),
    ctestStep('C'),
    vitestStep('TypeScript', vitest()),
  ],
  lab: [
    step('build', ['npm', 'run', '--silent', 'build']),
    step('patched kernel', lab('build')),
    step('debug kernel', lab('build', '--kernel', 'debug')),
    vitestStep('lab', vitest('--config', 'test/lab/vitest.config.ts')),
    vitestStep('TypeScript, by chains', lab(...ofLab, '--', ...byChains)),
    vitestStep('TypeScript, by templates', lab(...ofLab, '--', ...byTemplates)),
    selftestStep('selftests, patched', 'patched'),
    selftestStep('selftests, debug', 'debug', ...onDebug),
    check('series', lab('check')),
  ],
}

/**
 * Runs a command with its output passed through; resolves to how it went, what
 * it printed, and what it said on stderr.
 */
function run([command, ...args]) {
  return new Promise((resolve) => {
    let output = ''
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    child.stdout.on('data', (data) => {
      output += data
      process.stdout.write(data)
    })
    child.stderr.on('data', (data) => {
      said += data
      process.stderr.write(data)
    })
    child.once('error', (error) => {
      console.error(`test: cannot run ${command}: ${error.message}`)
      resolve({ ok: false, output, said })
    })
    child.once('close', (status, signal) => {
      if (signal) console.error(`test: ${command} died of ${signal}`)
      resolve({ ok: status === 0, output, said })
    })
  })
}

function count({ counts }, ok, output) {
  let found = none
  try {
    found = counts(ok, output)
  } catch (error) {
    console.error(`test: no counts: ${error.message}`)
    ok = false
  }
  // A failure that no test stands for counts as one, or it would not show.
  return ok || found.failed > 0 ? found : { ...found, failed: 1 }
}

/** What of a step that failed has to be read first: its failures, or its end. */
function told({ title, failures }, output, said) {
  let found = []
  try {
    found = failures?.(output) ?? []
  } catch {
    // No results: the output is all there is.
  }
  const end = (text) => text.trimEnd().split('\n').slice(-20).join('\n')
  const lines = found.length > 0 ? found : [end(output), end(said)]
  return lines.map((line) => `${title}: ${stripVTControlCharacters(line).slice(0, 2000)}`)
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in steps))
if (unknown.length > 0) {
  console.error(`test: no tests called ${unknown.join(', ')}: there are ${Object.keys(steps)}`)
  process.exit(2)
}

rmSync(results, { recursive: true, force: true })
mkdirSync(results, { recursive: true })
const total = { ...none }
const table = []
const failures = []
for (const name of wanted.length > 0 ? wanted : Object.keys(steps)) {
  for (const one of steps[name]) {
    if (table.some(({ step }) => step === one.title)) continue
    console.log(`\n== ${one.title}`)
    const start = Date.now()
    const { ok, output, said } = await run(one.command)
    const counts = count(one, ok, output)
    for (const key of Object.keys(total)) total[key] += counts[key]
    if (counts.failed > 0) failures.push(...told(one, output, said))
    table.push({
      step: one.title,
      ...counts,
      seconds: Math.round((Date.now() - start) / 1000),
    })
  }
}
console.log('')
console.table(table)
// Last, so that they are found in a log of which only the end was kept.
for (const failure of failures) console.log(`\n${failure}\n`)
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1
