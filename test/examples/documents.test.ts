/** Runs the programs in the documents: they must print what the documents show. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { run } from '../../dist/index.js'
import { testedBackends } from '../backends.js'

const project = fileURLToPath(new URL('../..', import.meta.url))
// An empty folder outside the project, like a user's.
const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-'))
mkdirSync(join(dir, 'node_modules'))
symlinkSync(project, join(dir, 'node_modules/uring-spawn'))
// A recipe uses it.
symlinkSync(join(project, 'node_modules/zx'), join(dir, 'node_modules/zx'))
afterAll(() => rmSync(dir, { recursive: true }))

interface Program {
  /** Document, heading and place under it. */
  name: string
  code: string
  /** Of the file that it is run from. */
  ending: 'mjs' | 'cjs'
  /**
   * What it prints; `…` stands for anything on a line. Undefined if the document
   * does not show it.
   */
  output: string | undefined
}

/** Blocks of JavaScript, each with the text block that follows it directly. */
function programsOf(document: string): Program[] {
  const text = readFileSync(join(project, document), 'utf8')
  const blocks =
    /^#+ (?<heading>.*)$|^```(?<kind>c?js)\n(?<code>[\s\S]*?)^```\n(?:\n```text\n(?<output>[\s\S]*?)^```)?/gm
  const programs: Program[] = []
  let heading = ''
  for (const { groups } of text.matchAll(blocks)) {
    if (groups?.code === undefined) {
      heading = groups?.heading ?? ''
      continue
    }
    const name = `${document}, ${heading}, ${programs.length}`
    const ending = groups.kind === 'cjs' ? 'cjs' : 'mjs'
    programs.push({ name, code: groups.code, ending, output: groups.output })
  }
  return programs
}

const pattern = (output: string): RegExp =>
  new RegExp(
    `^${output
      .split('…')
      .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
      .join('[^\\n]*')}$`,
  )

const documents = ['README.md', ...readdirSync(join(project, 'docs')).map((name) => `docs/${name}`)]
const programs = documents.filter((name) => name.endsWith('.md')).flatMap(programsOf)

test('finds the programs of every document that has some', () => {
  const having = new Set(programs.map(({ name }) => name.split(',')[0]))
  for (const name of ['README.md', 'docs/guide.md', 'docs/recipes.md', 'docs/chains.md']) {
    expect(having).toContain(name)
  }
  // Nothing between the fences is lost.
  const fences = documents
    .filter((name) => name.endsWith('.md'))
    .map((name) => readFileSync(join(project, name), 'utf8').split(/\n```c?js\n/).length - 1)
  expect(programs).toHaveLength(fences.reduce((all, count) => all + count, 0))
})

test('compares output, except where a document has …', () => {
  expect('version 2.39\nb\n').toMatch(pattern('version …\nb\n'))
  expect('version 2.39\nc\n').not.toMatch(pattern('version …\nb\n'))
  expect('a.b\n').toMatch(pattern('a.b\n'))
  expect('axb\n').not.toMatch(pattern('a.b\n'))
  expect('a\nb\n').not.toMatch(pattern('a…\n'))
})

describe.each(testedBackends)('by %s', (backend) => {
  test.each(programs)('$name', async ({ code, ending, output }) => {
    const file = join(dir, `program.${ending}`)
    writeFileSync(file, code)
    const { stdout, stderr, exitCode } = await run(process.execPath, [file], {
      cwd: dir,
      env: { ...process.env, URING_SPAWN_BACKEND: backend },
    })
    expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' })
    if (output !== undefined) expect(stdout).toMatch(pattern(output))
  })
})
