// SPDX-License-Identifier: GPL-2.0
// The selftests of mm, as the source has them, on a kernel without the series and on two
// with it: nothing that passes without it may fail with it.
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sh } from '../../tools/sh.mjs'
import { runInMachine } from './machine.mjs'
import { LabError, project } from './paths.mjs'
import { installHeaders, SELFTESTS, showingOutput, variablesFor } from './selftests.mjs'

const SUITE = 'mm'
const PAGE = join(project, 'kernel/mm-selftests.md')

/**
 * Builds the suite into `dir`/mm. A program that does not build here is left out, as the
 * suite's own makefile does for one that needs 32-bit libraries.
 */
export async function buildMmSelftests({ tree, output, dir }) {
  const source = join(tree, SELFTESTS, SUITE)
  const target = join(dir, SUITE)
  mkdirSync(target, { recursive: true })
  await installHeaders(tree, output)
  await sh({ cwd: source, nothrow: true })`make -k -s ${[
    ...variablesFor(target, output),
    // khugepaged.c of 6.12 uses it without its header.
    'EXTRA_CFLAGS=-DKSFT_SKIP=4',
  ]}`
  const scripts = readdirSync(source).filter((name) => name.endsWith('.sh'))
  for (const name of scripts) copyFileSync(join(source, name), join(target, name))
}

/** `ok 12 name`, `not ok 12 name # exit=1`, `ok 12 name # SKIP`; inside a test `# ok 3 …`. */
const RESULT = /^(# )?(not )?ok \d+(?: (?!# )(.*?))?(?: # (.*))?$/

/**
 * @param {string} output of kernel/guest/mm-selftests.sh
 * @returns {Map<string, { end: string, passed: number, cases: number }>} how each test
 *   ended, and how many of its own cases passed, in the order in which they ran
 */
export function readResults(output) {
  const results = new Map()
  let passed = 0
  let cases = 0
  for (const line of output.split('\n')) {
    const [match, inside, not, name = '', note = ''] = RESULT.exec(line) ?? []
    if (!match) continue
    const skipped = /^SKIP/i.test(note)
    if (inside) {
      cases++
      if (!not && !skipped) passed++
      continue
    }
    const end = not ? 'failed' : skipped ? 'skipped' : 'passed'
    results.set(name, { end, passed, cases })
    passed = cases = 0
  }
  return results
}

/** What passes on `stock` and not on a kernel with the series, a line each. */
export function worse(stock, patched) {
  const lines = []
  for (const [name, before] of stock) {
    const after = patched.get(name)
    if (!after) lines.push(`${name} did not run`)
    else if (before.end !== 'failed' && after.end === 'failed') lines.push(`${name} failed`)
    else if (after.passed < before.passed) {
      lines.push(`${name}: ${after.passed} cases passed instead of ${before.passed}`)
    }
  }
  return lines
}

const cell = (result) => {
  if (!result) return 'did not run'
  return result.cases === 0 ? result.end : `${result.end}, ${result.passed} of ${result.cases}`
}

const row = (cells) => `| ${cells.join(' | ')} |`

/**
 * The page that lists how each test ended.
 * @param {Record<string, ReturnType<typeof readResults>>} kernels  by the head of their column
 */
export function page(kernels) {
  const columns = Object.values(kernels)
  const names = [...new Set(columns.flatMap((results) => [...results.keys()]))]
  const rows = names.map((name) =>
    row([name, ...columns.map((results) => cell(results.get(name)))]),
  )
  return `# The selftests of mm, with and without the series

\`tools/testing/selftests/mm\` of the same source, run as its \`run_vmtests.sh\` does, and then the programs that it
leaves out, on kernels of one configuration (\`config/mm.config\`: huge pages, userfaultfd, KSM, and checks of
pages and page tables); the last also has everything in \`config/debug.config\`. After the comma: how many of
a test's own cases passed. Written by \`kernel/lab mm-selftests --save\`.

${row(['test', ...Object.keys(kernels)])}
${row(['---', ...columns.map(() => '---')])}
${rows.join('\n')}
`
}

/** The head of each kernel's column. The first is what the others are compared with. */
const KERNELS = {
  'stock-mm': 'stock',
  'patched-mm': 'with the series',
  'debug-mm': 'with the series, debug',
}

/**
 * Runs the suite on all kernels and compares.
 * @param {(flavour: string) => Promise<Omit<import('./machine.mjs').Run, 'argv' | 'cwd'>>} machineOf
 * @param {{ save: boolean }} options  save: also write the page
 * @returns {Promise<{ status: number, signal?: string }>}
 */
export async function compareMmSelftests(machineOf, { save }) {
  const results = {}
  for (const [flavour, head] of Object.entries(KERNELS)) {
    const machine = await machineOf(flavour)
    const chunks = []
    const folder = join(machine.image, 'selftests', SUITE)
    console.log(`# the selftests of mm on ${flavour}`)
    const result = await runInMachine({
      ...machine,
      argv: ['bash', join(project, 'kernel/guest/mm-selftests.sh'), folder],
      cwd: '/',
      stdout: showingOutput((data) => chunks.push(data)),
    })
    if (result.interrupted || result.status !== 0) return result
    results[head] = readResults(Buffer.concat(chunks).toString())
  }
  const [[, stock], ...others] = Object.entries(results)
  // What fails on all is no worse: without this, it might be all of them.
  if (![...stock.values()].some(({ end }) => end === 'passed')) {
    throw new LabError('no selftest of mm passed on the stock kernel')
  }
  if (save) writeFileSync(PAGE, page(results))
  const lines = others.flatMap(([head, other]) =>
    worse(stock, other).map((line) => `${line} ${head}`),
  )
  for (const line of lines) console.error(`lab: ${line}`)
  console.log(`${stock.size} tests on each kernel, ${lines.length} worse with the series`)
  return { status: lines.length > 0 ? 1 : 0 }
}
