// `npm test`, `npm run test:host`, `npm run test:lab`: every test, or one half
// of them. Prints a line for each step as it ends, then every failure, then the
// sum of all counts. What the steps print is in out/test.
//
//   node scripts/test.mjs [host] [lab]      both, if neither is given
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { stripVTControlCharacters } from 'node:util'
import { image } from '../kernel/lib/build.mjs'
import { attempt, QuietError } from '../tools/command.mjs'
import { root } from '../tools/paths.mjs'
import { programFiles, quoted } from '../tools/programs.mjs'
import { duration, isVerbose, say } from '../tools/progress.mjs'
import { build } from './build.mjs'
import { schedule } from './schedule.mjs'

const results = join(root, 'out/test')

const node = (script, ...args) => [process.execPath, script, ...args]
const lab = (...args) => node('kernel/lab', ...args)
const vitest = (...args) =>
  node('node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json', ...args)

/** Programs that most tests start. */
const programs = ['true', 'false', 'echo', 'cat', 'sleep', 'sh', 'bash', 'env', 'id', 'ls']

/**
 * A shell command that runs its arguments, with the files in the machine's own
 * memory that every start reads: opening one of the host's is a request to the
 * host, and half of the time. A change of mode makes the machine's overlay copy
 * a file.
 */
function inMemory() {
  const read = [...programFiles(programs, process.env.PATH ?? ''), '/etc/ld.so.cache']
  const ours = ['dist', 'build/Release/uring_spawn.node'].map((path) => join(root, path))
  const files = [...new Set([...read, ...ours])].map(quoted).join(' ')
  return ['sh', '-c', `chmod -R u+r ${files} && exec "$@"`, 'sh']
}

/**
 * The behaviour suite in the lab. What it writes stays in the machine, except in
 * `out/`. Sizes are for an emulated processor.
 */
const inLab = (backend, ...files) => [
  ...inMemory(),
  ...['env', `URING_SPAWN_TEST_BACKENDS=${backend}`, 'URING_SPAWN_TEST_MANY=500'],
  ...vitest('--typecheck.enabled=false', '--testTimeout=240000', ...files),
]
// Not the pairs of examples, which do the same by any backend.
const byChains = [
  ...['test/behaviour', 'test/core'],
  ...['documents', 'examples'].map((name) => `test/examples/${name}.test.ts`),
]
// The tests of what a launcher does. The layers above are the same for all launchers.
const byTemplates = [
  ...['spawn', 'stdio', 'options', 'failures', 'ending'],
  ...['place', 'hanging', 'search', 'inherit'],
  ...['spawn-template-backend', 'kernel-template'],
].map((name) => `test/behaviour/${name}.test.ts`)
// Less: where it is as `vfork`, that is tested on the running kernel.
const byEmbryos = [
  ...['spawn', 'stdio', 'options', 'failures', 'search', 'inherit', 'hanging', 'builder-backend'],
].map((name) => `test/behaviour/${name}.test.ts`)
// Twice what the longest takes beside another step: a test that hangs ends by its own limit.
const timeLimit = ['--timeout', '5400']
const labLimits = ['--smp', '2', '--memory', '3G', ...timeLimit]

// Not `fault` and `stress`, which take many minutes there:
// `npm run lab -- selftest --kernel debug fault stress`.
const onDebug = [
  ...['features', 'clone', 'fds', 'exec', 'links', 'task_set', 'cqe', 'reap'],
  ...['cancel', 'ptrace', 'fdinfo', 'mm', 'fuzz'],
  ...['exec_stack', 'create', 'spawn', 'stale', 'chain', 'semantics', 'audit', 'many', 'confined'],
  'pidfd_spawn',
]

const none = { passed: 0, failed: 0, skipped: 0 }
const resultFile = (title, type) => join(results, `${title.replaceAll(/\W+/g, '-')}.${type}`)

/**
 * @typedef {object} Step
 * @property {string} title
 * @property {number} [seconds]  about how long it takes on two cores
 * @property {string[]} [after]  titles of steps that must succeed first
 * @property {string} [group]    one step of a group runs at a time
 * @property {() => Promise<unknown>} [work]  in this process; throws a QuietError
 * @property {() => string[]} [command]  made when the step begins
 * @property {(ok: boolean, output: string) => typeof none} counts
 * @property {(output: string) => string[]} [failures]  each failed test and why
 * @property {() => string[]} [skipped]  what could not be tested and why, if that can be helped
 * @property {() => (line: string) => { share?: number, note: string } | undefined} [read]
 *   makes a reader of the command's output, which tells how far it is
 */

/** A step whose tests are others: it only has to succeed. */
const work = (title, seconds, run) => ({ title, seconds, work: run, counts: () => none })

/** Building a kernel uses all processors, and both kernels are made of one source tree. */
const kernel = (name, seconds) => ({
  ...work(`${name} kernel`, seconds, () => image(name)),
  group: 'kernel',
})

/** A step that is one test. */
const check = (title, seconds, command) => ({
  ...{ title, seconds, command },
  counts: (ok) => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 }),
})

/** Test files in these folders, or these files. */
const testFiles = (...paths) =>
  paths.flatMap((path) =>
    path.endsWith('.ts')
      ? [path]
      : readdirSync(join(root, path), { recursive: true }).filter((name) =>
          /\.test(-d)?\.ts$/.test(name),
        ),
  )

/** Counts files as vitest reports them: ' ✓ test/cli/cli.test.ts (12 tests | 1 failed) 34ms'. */
function readVitest(total) {
  let files = 0
  let tests = 0
  let failed = 0
  return (line) => {
    const [, count, more = ''] = /^ [✓❯↓×] .*\((\d+) tests?\b([^)]*)\)/u.exec(line) ?? []
    if (count === undefined) return undefined
    files++
    tests += Number(count)
    failed += Number(/(\d+) failed/.exec(more)?.[1] ?? 0)
    return { share: files / total, note: `${tests} tests${failed > 0 ? `, ${failed} failed` : ''}` }
  }
}

function vitestStep(title, seconds, command, files) {
  const file = resultFile(title, 'json')
  return {
    ...{ title, seconds },
    command: () => [...command(), `--outputFile.json=${file}`],
    read: () => readVitest(files().length),
    counts() {
      const json = JSON.parse(readFileSync(file, 'utf8'))
      const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = json
      return {
        passed: numPassedTests,
        failed: numFailedTests,
        skipped: numPendingTests + numTodoTests,
      }
    },
    /** A test that lacks something says so in its title: '(skipped: no chromium: …)'. */
    skipped() {
      const { testResults } = JSON.parse(readFileSync(file, 'utf8'))
      const counts = new Map()
      for (const { fullName, status } of testResults.flatMap((one) => one.assertionResults)) {
        const why = /\(skipped: ([^)]+)\)/.exec(fullName)?.[1]
        if (why && status !== 'passed') counts.set(why, (counts.get(why) ?? 0) + 1)
      }
      return [...counts].map(([why, count]) => `${title}: ${count} skipped: ${why}`)
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

function ctestStep(title, seconds) {
  const file = resultFile(title, 'xml')
  return {
    ...{ title, seconds },
    command: () => [
      ...['ctest', '--test-dir', 'build', '--output-on-failure', '--output-junit', file],
    ],
    read: () => (line) => {
      const [, done, total] = /^ *(\d+)\/(\d+) Test +#/.exec(line) ?? []
      return done && { share: done / total, note: `${done}/${total} tests` }
    },
    counts() {
      const head = /<testsuite\b[^>]*>/.exec(readFileSync(file, 'utf8'))[0]
      const number = (name) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0)
      const [all, failed] = [number('tests'), number('failures')]
      const skipped = number('skipped') + number('disabled')
      return { passed: all - failed - skipped, failed, skipped }
    },
  }
}

function selftestStep(title, seconds, kernel, ...programs) {
  return {
    ...{ title, seconds },
    command: () => lab('selftest', '--kernel', kernel, ...timeLimit, ...programs),
    read() {
      let tests = 0
      let program = ''
      return (line) => {
        program = /^# selftest: (\S+)$/.exec(line)?.[1] ?? program
        if (/^(not )?ok \d/.test(line)) tests++
        return { note: `${tests} tests, ${program}` }
      }
    },
    counts(_ok, output) {
      const last = /(\d+) passed, (\d+) failed, (\d+) skipped\n$/.exec(output)
      if (!last) return none
      const [passed, failed, skipped] = last.slice(1).map(Number)
      return { passed, failed, skipped }
    },
    failures: (output) => output.match(/^not ok .*$/gm) ?? [],
  }
}

const after = (titles, step) => ({ ...step, after: titles })

const inLabStep = (title, seconds, backend, files) =>
  after(
    ['build', 'patched kernel'],
    vitestStep(
      ...[title, seconds, () => lab(...labLimits, '--', ...inLab(backend, ...files))],
      () => testFiles(...files),
    ),
  )

const hostTests = [
  ctestStep('C', 90),
  vitestStep(...['TypeScript', 850, () => vitest()], () =>
    testFiles('test').filter((name) => !name.startsWith('lab/')),
  ),
].map((step) => ({ ...after(['build'], step), group: 'host' }))

const labTests = [
  after(
    ['build', 'patched kernel', 'debug kernel'],
    vitestStep(...['lab', 900, () => vitest('--config', 'test/lab/vitest.config.ts')], () =>
      testFiles('test/lab'),
    ),
  ),
  after(
    ['build', 'patched kernel'],
    check('C, by chains', 100, () => lab(...labLimits, '--', 'build/test_direct', 'chains')),
  ),
  inLabStep('TypeScript, by chains', 2400, 'uring', byChains),
  inLabStep('TypeScript, by templates', 650, 'spawn_template', byTemplates),
  inLabStep('TypeScript, by embryos', 330, 'builder', byEmbryos),
  after(['patched kernel'], selftestStep('selftests, patched', 300, 'patched')),
  after(['debug kernel'], selftestStep('selftests, debug', 2000, 'debug', ...onDebug)),
  // It builds kernels, too.
  {
    ...after(
      ['patched kernel'],
      check('series', 170, () => lab('check')),
    ),
    group: 'kernel',
  },
]

/** Seconds of the kernels are those of cold builds: then most has to wait for them. */
const steps = {
  host: [work('build', 60, build), ...hostTests],
  lab: [
    work('build', 60, build),
    kernel('patched', 600),
    after(['patched kernel'], kernel('debug', 1200)),
    ...labTests,
  ],
}

/**
 * How many steps run at a time. One uses little more than one processor, and a
 * machine of the lab has 3 GB. All of the output of two would be hard to read.
 */
const PLACES = isVerbose() ? 1 : 2

/** Runs a step; resolves to how it went and what it printed. */
async function run({ title, seconds, command, work, read }) {
  if (work) {
    try {
      await work()
      return { ok: true, output: '', said: '' }
    } catch (error) {
      const said = error instanceof QuietError ? error.message : String(error?.stack ?? error)
      return { ok: false, output: '', said }
    }
  }
  const log = resultFile(title, 'log')
  const argv = command()
  const { status, signal, error, stdout, stderr } = await attempt(argv, {
    ...{ title: `test: ${title}`, log, seconds, read: read?.(), show: process.stdout },
  })
  const how = error
    ? `cannot run ${argv[0]}: ${error.message}`
    : signal
      ? `${argv[0]} was killed by ${signal}`
      : ''
  return { ok: status === 0, output: stdout, said: how ? `${stderr}\n${how}` : stderr, log }
}

/** The counts of a step; `why` if it has none to give. */
function count({ counts }, ok, output) {
  let found = none
  let why
  try {
    found = counts(ok, output)
  } catch (error) {
    why = `no counts: ${error.message}`
  }
  // A failure that no test stands for counts as one, or it would not show.
  const failed = (!ok || why) && found.failed === 0 ? 1 : found.failed
  return { counts: { ...found, failed }, why }
}

/** The end of a text, from what the kernel reported on if it did: that begins with what matters. */
function end(text) {
  const lines = text.trimEnd().split('\n')
  const report = lines.indexOf('lab: the kernel reported:')
  return lines.slice(report < 0 ? -20 : report).join('\n')
}

/** What to read first about a step that failed: its failures, or the end of its output. */
function told({ title, failures }, { output, said, log }, why) {
  let found = []
  try {
    found = failures?.(output) ?? []
  } catch {
    // No results: the output is all there is.
  }
  const lines = found.length > 0 ? found : [end(output), end(said), why ?? '']
  return [
    ...lines
      .filter((line) => line !== '')
      .map((line) => `${title}: ${stripVTControlCharacters(line).slice(0, 8000)}`),
    ...(log ? [`${title}: the whole log: ${log}`] : []),
  ]
}

const sum = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !Object.hasOwn(steps, name))
if (unknown.length > 0) {
  console.error(
    `test: no tests called ${unknown.join(', ')}: there are ${Object.keys(steps).join(', ')}`,
  )
  process.exit(2)
}

rmSync(results, { recursive: true, force: true })
mkdirSync(results, { recursive: true })
const total = { ...none }
const failures = []
const skipped = []

/** Runs a step, unless it is after one that failed, and prints its line. */
async function report(step, lacking) {
  const start = Date.now()
  const ended = lacking
    ? { ok: false, output: '', said: `not run, because this failed: ${lacking}` }
    : await run(step)
  const { counts, why } = lacking
    ? { counts: { ...none, failed: 1 } }
    : count(step, ended.ok, ended.output)
  for (const key of Object.keys(total)) total[key] += counts[key]
  if (counts.failed > 0) failures.push(...told(step, ended, why))
  if (ended.ok) skipped.push(...(step.skipped?.() ?? []))
  // Work has lines of its own about what it did.
  if (!step.work || counts.failed > 0) {
    const time = duration((Date.now() - start) / 1000)
    say(`test: ${step.title}: ${sum(counts)} (${time})`, process.stdout)
  }
  return ended.ok
}

const all = (wanted.length > 0 ? wanted : Object.keys(steps)).flatMap((name) => steps[name])
const byTitle = new Map(all.map((step) => [step.title, step]))
await schedule([...byTitle.values()], PLACES, report)
for (const line of skipped) console.log(line)
// Last, so that they are found in a log of which only the end was kept.
for (const failure of failures) console.log(`\n${failure}`)
if (failures.length > 0) console.log('')
console.log(sum(total))
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1
