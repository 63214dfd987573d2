/**
 * Libraries that start programs do the same work with and without the drop-in. Their
 * versions are pinned in libraries/packages; docs/drop-in.md has a table of them.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { installed } from '../installed.js'
import { HANG } from '../support.js'
import { register } from './programs.js'

const here = fileURLToPath(new URL('libraries', import.meta.url))
const packages = installed(join(here, 'packages'))
const dir = mkdtempSync(join(tmpdir(), 'libraries-'))
afterAll(() => rmSync(dir, { recursive: true }))
// Imports find packages from where the programs lie.
const at = mkdtempSync(join(packages, 'programs-'))
afterAll(() => rmSync(at, { recursive: true }))
cpSync(here, at, { recursive: true, filter: (path) => !path.startsWith(join(here, 'packages')) })

const versions: Record<string, string> = JSON.parse(
  readFileSync(join(here, 'packages/package.json'), 'utf8'),
).dependencies

interface Library {
  program: string
  /** The package, as package.json has it. */
  name: string
  /** How many programs it starts at least. */
  starts: number
  /** Whether it reads the pid of each start at once, and so waits for it. */
  waits?: true
  /** The oldest Node that it supports. */
  node?: number
}

const libraries: Library[] = [
  { program: 'execa', name: 'execa-9', starts: 50 },
  { program: 'execa', name: 'execa-10', starts: 50, waits: true, node: 22 },
  { program: 'zx', name: 'zx', starts: 40 },
  { program: 'cross-spawn', name: 'cross-spawn', starts: 30 },
  { program: 'tinyexec', name: 'tinyexec', starts: 30 },
  { program: 'nano-spawn', name: 'nano-spawn', starts: 30 },
  { program: 'simple-git', name: 'simple-git', starts: 20 },
  { program: 'dugite', name: 'dugite', starts: 15 },
  { program: 'run-script', name: '@npmcli/run-script', starts: 14 },
  { program: 'jest-worker', name: 'jest-worker', starts: 3 },
  { program: 'mcp', name: '@modelcontextprotocol/sdk', starts: 4 },
]

const nodes = [
  { node: process.execPath, version: process.versions.node },
  {
    node: join(packages, 'node_modules/node-26/bin/node'),
    version: versions['node-26']?.replace(/.*@/, '') as string,
  },
]

interface Seen {
  started: number
  failed: number
  waited: number
  delegated: string[]
}

/** Runs a program; returns what it printed, and how the processes of all of it were started. */
function run(node: string, { program, name }: Library, imports: string[]) {
  const witness = mkdtempSync(join(dir, 'witness-'))
  const flags = imports.map((url) => `--import=${url}`)
  const out = execFileSync(node, [...flags, join(at, `${program}.mjs`), name], {
    encoding: 'utf8',
    timeout: HANG,
    // What they say there is in the error if they fail.
    stdio: ['ignore', 'pipe', 'pipe'],
    // A shell reads no start-up file of the user's, whose output would be in the results.
    env: { ...process.env, BASH_ENV: '', ENV: '', HOME: dir, LIBRARIES_WITNESS: witness },
  })
  const seen = { started: 0, failed: 0, waited: 0, delegated: [] as string[] }
  for (const file of readdirSync(witness)) {
    const one: Seen = JSON.parse(readFileSync(join(witness, file), 'utf8'))
    seen.started += one.started
    seen.failed += one.failed
    seen.waited += one.waited
    seen.delegated.push(...one.delegated)
  }
  return { lines: out.split('\n'), seen }
}

describe.each(nodes)('on Node $version', ({ node, version }) => {
  const major = Number.parseInt(version, 10)
  const fit = libraries.filter(({ node: oldest = 0 }) => major >= oldest)

  test.each(fit)('$name', (library) => {
    const without = run(node, library, [])
    expect(without.lines.length).toBeGreaterThan(5)
    const witness = new URL('libraries/witness.mjs', import.meta.url).href
    const { lines, seen } = run(node, library, [register, witness])
    expect(lines).toEqual(without.lines)
    expect(seen.delegated).toEqual([])
    expect(seen.started).toBeGreaterThanOrEqual(library.starts)
    // A program that is ended before it has started is waited for, too, as here and there
    // on a busy machine.
    const all = seen.started + seen.failed
    if (library.waits) expect(seen.waited).toBe(all)
    else expect(seen.waited).toBeLessThan(all)
  })
})

test('the newest Node runs all of them', () => {
  const newest = Math.max(...nodes.map(({ version }) => Number.parseInt(version, 10)))
  expect(libraries.filter(({ node = 0 }) => node > newest)).toEqual([])
})

test('the documentation names them, their versions, and what reads the pid', () => {
  const docs = readFileSync(new URL('../../docs/drop-in.md', import.meta.url), 'utf8')
  const rows = libraries.map(({ name, waits }) => {
    const [, alias = name, version] = /^(?:npm:)?(?:(.+)@)?(\d.*)$/.exec(versions[name] ?? '') ?? []
    return `| ${alias} ${version} | ${waits ? 'yes' : 'no'} |`
  })
  for (const row of rows) expect(docs).toContain(row)
})
