// `npm run test:fresh [-- --release NAME] [--only SCRIPT]`: the README's own commands,
// each in a bare Debian system of its own, where only its own set-up can help it.
// Then the same with a package struck from the set-up, which has to fail.
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs, stripVTControlCharacters } from 'node:util'
import { attempt, failureOf, orFail, QuietError } from '../../tools/command.mjs'
import { logFile, root as project } from '../../tools/paths.mjs'
import { duration, say } from '../../tools/progress.mjs'
import { demoProblem } from './demo.mjs'
import { commandOf, readReadme, scriptOf } from './readme.mjs'
import { commandIn, makeSystem, releases, removeSystem } from './roots.mjs'

const readme = readReadme(readFileSync(join(project, 'README.md'), 'utf8'))

/** Runs a script in a system. What it must print is looked for in all its output. */
async function runIn(system, { name, script, seconds, prints, ...options }) {
  const title = `fresh: ${system.release.name}, ${name}`
  const log = logFile(title)
  const found = await attempt(await commandIn(system, script, options), { title, log, seconds })
  if (found.status !== 0) throw new QuietError(failureOf(title, found, { title, log }))
  // On a terminal a line ends with \r\n, and a bar begins with \r.
  const output = stripVTControlCharacters(`${found.stdout}${found.stderr}`).replaceAll(
    /\r\n?/g,
    '\n',
  )
  if (prints && !prints.test(output)) {
    throw new QuietError(`${title}: its output has no ${prints}\n  (the whole log: ${log})`)
  }
}

/** Packs the package, installs it as the README says, and runs the README's first program. */
async function installPacked(system, name) {
  const program = `cat > first.mjs <<'END'\n${readme.program}\nEND\nnode first.mjs`
  const script = `set -e\n${readme.install}\n${program}`
  await runIn(system, { name, script, seconds: 120, prints: readme.prints })
  // Where nothing was built, no compiler is there to help.
  const other = await makeSystem(system.release)
  try {
    const clone = join(system.root, system.clone)
    const tarball = readdirSync(clone).find((file) => file.endsWith('.tgz'))
    if (!tarball) throw new QuietError(`fresh: the README's install leaves no tarball in the clone`)
    copyFileSync(join(clone, tarball), join(other.root, 'var/tmp', tarball))
    await runIn(other, {
      name: `${name}, with no compiler`,
      script: `set -e\nmkdir app\ncd app\nnpm init --yes\nnpm install /var/tmp/${tarball}\n${program}`,
      cwd: other.home,
      seconds: 20,
      prints: readme.prints,
    })
  } finally {
    removeSystem(other)
  }
}

/** Runs the demo, and looks at what it leaves in its folder. */
async function runDemo(system, name) {
  await runIn(system, {
    ...{ name, script: commandOf(readme, 'npm run demo'), seconds: 400, onTerminal: true },
    // A bar that has just been erased may be in the same line.
    prints: /Patched kernel .*, in an emulator[\s\S]*^calls per second +chains +[\d.]+ █/m,
  })
  const out = join(system.root, system.clone, 'out/demo')
  const problem = demoProblem(readdirSync(out), (file) => readFileSync(join(out, file), 'utf8'))
  if (problem) throw new QuietError(`fresh: ${system.release.name}, ${name}: ${problem}`)
}

/** What is run, by npm script; on a terminal where a user would look at one. */
const jobs = {
  demo: runDemo,
  lab: (system, name) =>
    runIn(system, {
      ...{ name, script: commandOf(readme, 'npm run lab -- -- uname -r'), seconds: 120 },
      prints: /^6\.12\.\d+-uring-spawn$/m,
    }),
  'test:host': (system, name) =>
    runIn(system, {
      ...{ name, script: commandOf(readme, 'npm run test:host'), seconds: 300 },
      prints: /^\d+ passed, 0 failed, \d+ skipped$/m,
    }),
  pack: installPacked,
}

/** By script: a package that its set-up must have, and what has to be said without it. */
const broken = {
  demo: ['qemu-system-x86', /qemu/],
  lab: ['linux-source-6.12', /linux-source-6\.12/],
  'test:host': ['liburing-dev', /liburing/],
  pack: ['liburing-dev', /liburing/],
}

/** Runs one job in a system of its own; returns why it failed, if it did. */
async function failureIn(release, script, without) {
  const system = await makeSystem(release, without)
  try {
    await jobs[script](system, without ? `${script} without ${without}` : script)
  } catch (error) {
    if (error instanceof QuietError) return error.message
    throw error
  } finally {
    removeSystem(system)
  }
}

async function expectSuccess(release, script) {
  return await failureIn(release, script)
}

async function expectFailure(release, script) {
  const [without, said] = broken[script]
  const failure = await failureIn(release, script, without)
  if (failure === undefined) return `fresh: ${script} works without ${without} in its set-up`
  if (said.test(failure)) return undefined
  return `fresh: ${script} without ${without} fails, but its last lines do not say so:\n${failure}`
}

const { values } = parseArgs({
  options: {
    release: { type: 'string', multiple: true, default: Object.keys(releases) },
    only: { type: 'string', multiple: true, default: Object.keys(jobs) },
    help: { type: 'boolean', default: false },
  },
})

function check(kind, given, known) {
  const unknown = given.find((name) => !Object.hasOwn(known, name))
  if (unknown === undefined) return
  throw new QuietError(
    `fresh: no ${kind} called ${unknown}; there are ${Object.keys(known).join(', ')}`,
  )
}

/** Every npm script that the README names has to exist. */
function checkReadme() {
  const { scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
  const builtIn = new Set(['pack', 'install', 'init'])
  const unknown = readme.commands.find((command) => {
    const script = scriptOf(command)
    return script !== undefined && !builtIn.has(script) && !Object.hasOwn(scripts, script)
  })
  if (unknown) throw new QuietError(`README: package.json has no script for "${unknown}"`)
}

const counts = { passed: 0, failed: 0 }

async function report(title, work) {
  const start = Date.now()
  const failure = await work()
  counts[failure === undefined ? 'passed' : 'failed']++
  const time = duration((Date.now() - start) / 1000)
  const line = failure === undefined ? `fresh: ${title} (${time})` : `${title} failed:\n${failure}`
  say(line, process.stdout)
}

/**
 * Runs a release's jobs. What must fail, fails in one release: the set-up is the
 * same in all, which take turns, so that they take about as long.
 */
async function runRelease(name) {
  const release = releases[name]
  for (const [at, script] of values.only.entries()) {
    await report(`${name}: ${script} works`, () => expectSuccess(release, script))
    if (name !== values.release[at % values.release.length]) continue
    const title = `${name}: ${script} notices that ${broken[script][0]} is missing`
    await report(title, () => expectFailure(release, script))
  }
}

if (values.help) {
  console.log(`usage: npm run test:fresh -- [--release NAME]… [--only SCRIPT]…

  --release NAME  one of ${Object.keys(releases).join(', ')}; all by default
  --only SCRIPT   one of ${Object.keys(jobs).join(', ')}; all by default`)
} else {
  await orFail(async () => {
    check('release', values.release, releases)
    check('script', values.only, jobs)
    checkReadme()
    mkdirSync(join(project, 'out'), { recursive: true })
    // One release after the other would leave a processor idle while packages come.
    await Promise.all(values.release.map(runRelease))
  })
  console.log(`${counts.passed} passed, ${counts.failed} failed`)
  process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1
}
