// SPDX-License-Identifier: GPL-2.0
// The series' own tests: they are built with the image they belong to, and run in
// one boot.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { Writable } from 'node:stream'
import { sh } from '../../tools/sh.mjs'
import { runInMachine } from './machine.mjs'
import { LabError, project } from './paths.mjs'
import { Summary } from './tap.mjs'

export const SELFTESTS = 'tools/testing/selftests'
/** Seconds a program may take unless its folder's `settings` says otherwise. */
const TIME_LIMIT = 300

/** The folders of selftests that the series adds to or changes. */
async function suites(repo, tree, commit) {
  const { stdout } = await sh({
    cwd: repo,
  })`git diff --name-only --diff-filter=d base ${commit} -- ${SELFTESTS}`
  const names = stdout.split('\n').map((path) => path.slice(SELFTESTS.length + 1).split('/')[0])
  return [...new Set(names)].filter(
    (name) => name !== '' && existsSync(join(tree, SELFTESTS, name, 'Makefile')),
  )
}

/** Runs make in a folder; `title` begins the error's message. */
export async function makeIn(title, cwd, ...args) {
  const result = await sh({ cwd, nothrow: true })`make -s ${args}`
  if (result.exitCode !== 0) throw new LabError(`${title}:\n${result.stderr.trim()}`)
  return result.stdout
}

export const installHeaders = (tree, output) =>
  makeIn("the kernel's headers cannot be installed", tree, `O=${output}`, 'headers')

/** What make needs to build a suite into the folder `target`. */
export const variablesFor = (target, output) => [
  `OUTPUT=${target}`,
  `KHDR_INCLUDES=-isystem ${output}/usr/include`,
  // The host's libraries may have changed when the image is booted.
  'USERLDFLAGS=-static',
]

/** A stream that shows what a machine prints, and hands it to `read` first. */
export const showingOutput = (read) =>
  new Writable({
    write(data, _encoding, done) {
      read(data)
      process.stdout.write(data, done)
    },
  })

/**
 * Builds the selftests into `dir`, a folder for each suite, and writes the names of
 * their programs to `dir`/list. A kernel whose selftests do not build can still be
 * tried by hand, so the error is kept for whoever runs the selftests.
 */
export async function buildSelftests(build) {
  const { dir } = build
  mkdirSync(dir, { recursive: true })
  try {
    const list = await buildSuites(build)
    writeFileSync(join(dir, 'list'), list.map((name) => `${name}\n`).join(''))
  } catch (error) {
    if (!(error instanceof LabError)) throw error
    console.error(`lab: ${error.message}`)
    writeFileSync(join(dir, 'error'), error.message)
  }
}

/**
 * Builds the selftests that the series has added or changed up to `commit`.
 * @returns {Promise<string[]>} the names of their programs, with their suites
 * @throws {LabError} if one does not build
 */
export async function buildSuites({ repo, commit, tree, output, dir }) {
  const list = []
  await installHeaders(tree, output)
  for (const suite of await suites(repo, tree, commit)) {
    const source = join(tree, SELFTESTS, suite)
    const target = join(dir, suite)
    mkdirSync(target)
    const variables = variablesFor(target, output)
    await makeIn(`the selftests of ${suite} do not build`, source, ...variables)
    const names = await makeIn(suite, source, ...variables, `COLLECTION=${suite}`, 'emit_tests')
    for (const line of names.split('\n').filter((text) => text !== '')) {
      const name = line.slice(suite.length + 1)
      // Some tests are scripts, which are not built.
      if (!existsSync(join(target, name))) copyFileSync(join(source, name), join(target, name))
      list.push(`${suite}/${name}`)
    }
    const settings = join(source, 'settings')
    if (existsSync(settings)) copyFileSync(settings, join(target, 'settings'))
  }
  return list
}

function programs(dir) {
  const error = join(dir, 'error')
  if (existsSync(error)) throw new LabError(readFileSync(error, 'utf8'))
  return readFileSync(join(dir, 'list'), 'utf8').split('\n').slice(0, -1)
}

function select(list, wanted) {
  if (wanted.length === 0) return list
  for (const name of wanted) {
    if (!list.some((entry) => matches(entry, name))) {
      throw new LabError(`no selftest is called ${name}; there are:\n${list.join('\n')}`)
    }
  }
  return list.filter((entry) => wanted.some((name) => matches(entry, name)))
}

/** A program is selected by its name, its suite's name, or suite/program. */
const matches = (entry, name) => entry === name || entry.split('/').includes(name)

function timeLimit(dir, name) {
  const settings = join(dir, name.split('/')[0], 'settings')
  const text = existsSync(settings) ? readFileSync(settings, 'utf8') : ''
  return /^timeout=(\d+)$/m.exec(text)?.[1] ?? TIME_LIMIT
}

/**
 * Runs selftests in one boot. Their TAP goes to standard output, followed by a line
 * with the counts.
 * @param {Omit<import('./machine.mjs').Run, 'argv' | 'cwd'>} machine
 * @param {string[]} wanted programs, suites or suite/program; all if empty
 * @returns {Promise<{ status: number, signal?: string }>}
 */
export async function runSelftests(machine, wanted) {
  const dir = join(machine.image, 'selftests')
  const names = select(programs(dir), wanted)
  const summary = new Summary(names)
  const result = await runInMachine({
    ...machine,
    argv: [
      'sh',
      join(project, 'kernel/guest/selftests.sh'),
      dir,
      ...names.flatMap((name) => [timeLimit(dir, name), name]),
    ],
    cwd: '/',
    stdout: showingOutput((data) => summary.write(data)),
  })
  if (result.interrupted) return result
  summary.end()
  for (const problem of summary.problems) console.error(`lab: ${problem}`)
  console.log(String(summary))
  return result.status !== 0 || summary.ok ? result : { status: 1 }
}
