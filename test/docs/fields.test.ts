/** The guide must list every field that users see, so that its tables match the types. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from 'vitest'

const project = fileURLToPath(new URL('../..', import.meta.url))
const entry = `${project}dist/index.d.ts`
const cluster = `${project}dist/cluster/index.d.ts`
const program = ts.createProgram([entry, cluster], {
  module: ts.ModuleKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  types: ['node'],
  typeRoots: [`${project}node_modules/@types`],
})
const checker = program.getTypeChecker()

/** The public properties of an exported class or interface that this package declares. */
function fieldsOf(name: string, file = entry): string[] {
  const source = program.getSourceFile(file)
  const module = source && checker.getSymbolAtLocation(source)
  const exported = module && checker.getExportsOfModule(module).find((one) => one.name === name)
  if (!exported) throw new Error(`nothing of the name ${name} is exported`)
  const symbol =
    exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
  return checker
    .getDeclaredTypeOfSymbol(symbol)
    .getProperties()
    .filter(({ declarations = [], name }) => {
      const own = declarations.some((one) => one.getSourceFile().fileName.includes('/dist/'))
      // Members named by a symbol begin with __, private ones with #.
      return own && !/^(__|#)/.test(name)
    })
    .map(({ name }) => name)
}

const guide = readFileSync(`${project}docs/guide.md`, 'utf8')

/** Names in the first column of the tables below `heading`, up to the next heading of its level. */
function rowsOf(heading: string): string[] {
  const start = guide.indexOf(`\n${heading}\n`)
  expect(start, `heading ${heading}`).toBeGreaterThanOrEqual(0)
  const rank = /^#+/.exec(heading)?.[0].length ?? 1
  const rest = guide.slice(start + heading.length + 1)
  const end = rest.search(new RegExp(`\\n#{1,${rank}} `))
  return (end < 0 ? rest : rest.slice(0, end))
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...(line.split(' | ')[0] ?? '').matchAll(/`\.?(\w+)[^`]*`/g)])
    .map(([, name]) => name as string)
}

test.each([
  ['SpawnOptions', '### Every call'],
  ['RunOptions', '## Options'],
  ['BatchOptions', '## Options'],
  ['TemplateOptions', '### template() only'],
  ['Running', '### Running'],
  ['RunResult', '### RunResult'],
  ['Child', '### Child'],
  ['Exit', '### Exit'],
  ['BatchSuccess', '### Batch'],
  ['BatchFailure', '### Batch'],
  ['BatchProgress', '### Batch'],
  ['Template', '### Template'],
  ['Probe', '### Probe'],
  ['ResourceUsage', '### ResourceUsage'],
  ['SpawnError', '### SpawnError'],
  ['RunError', '### RunError'],
])('the guide has every field of %s', (name, heading) => {
  const fields = fieldsOf(name)
  expect(fields.length).toBeGreaterThan(0)
  const known = new Set(rowsOf(heading))
  expect(fields.filter((field) => field !== 'name' && !known.has(field))).toEqual([])
})

test('the guide names every error class, and its fields', () => {
  for (const name of ['AbortError', 'RunError', 'BatchError']) {
    const text = guide.slice(guide.indexOf(`\n### ${name}\n`))
    for (const field of fieldsOf(name)) {
      if (field !== 'name') expect(text.split('\n### ')[1], name).toContain(`\`${field}\``)
    }
  }
})

test.each(['ClusterBatchOptions', 'WorkerOptions', 'WorkerLimits', 'LiveOutput', 'WorkerName'])(
  'docs/cluster.md has every field of %s',
  (name) => {
    const page = readFileSync(`${project}docs/cluster.md`, 'utf8')
    const fields = fieldsOf(name, cluster)
    expect(fields.length).toBeGreaterThan(0)
    // In a table, or in a list between braces.
    expect(fields.filter((field) => !new RegExp(`[\`, {]${field}[\`, }]`).test(page))).toEqual([])
  },
)
