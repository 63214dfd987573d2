// The calls that an agent makes while it works on a workspace, and the answer
// each must give, computed here from the workspace's files.
import { workspaceFiles } from '../bench/agent-tools/workspace.mjs'

const files = workspaceFiles()
const text = (path) => files[path]
const linesOf = (path) => text(path).split('\n').slice(0, -1)
const joined = (lines) => lines.map((line) => `${line}\n`).join('')
/** Paths below a folder, in the order of their bytes. */
const pathsIn = (folder) =>
  Object.keys(files)
    .filter((path) => path.startsWith(`${folder}/`))
    .sort()
const csv = linesOf('data/log.csv').map((line) => line.split(','))

/** `path:line` for the lines of a folder's files that match, as grep prints them. */
const matches = (folder, pattern, numbered = (path, at, line) => `${path}:${at + 1}:${line}`) =>
  pathsIn(folder).flatMap((path) =>
    linesOf(path).flatMap((line, at) => (pattern.test(line) ? [numbered(path, at, line)] : [])),
  )
const countOf = (path, pattern) => linesOf(path).filter((line) => pattern.test(line)).length

/**
 * @typedef {object} Call
 * @property {string} tool
 * @property {string[]} args
 * @property {string} [input] its standard input; default: none
 * @property {number} exitCode  the one it must end with
 * @property {string | RegExp} answer  what it must print, or a pattern of it
 * @property {boolean} anyOrder  its lines come in the order of a folder's entries
 */
const call = (tool, args, answer, options = {}) => ({
  ...{ tool, args, exitCode: 0, answer, anyOrder: false },
  ...options,
})
const anyOrder = { anyOrder: true }

/** @type {Call[]} */
export const calls = [
  call('rg', ['--sort', 'path', '-n', 'TODO', 'src'], joined(matches('src', /TODO/))),
  call('rg', ['--sort', 'path', '--files', 'src'], joined(pathsIn('src'))),
  call(
    'rg',
    ['--sort', 'path', '-c', '^def ', 'src/router'],
    joined(pathsIn('src/router').map((path) => `${path}:${countOf(path, /^def /)}`)),
  ),
  call('rg', ['nothing that is there', 'src'], '', { exitCode: 1 }),
  call('grep', ['-rn', 'class', 'src/parser'], joined(matches('src/parser', /class/)), anyOrder),
  call('grep', ['-c', 'billing', 'data/log.csv'], `${countOf('data/log.csv', /billing/)}\n`),
  call(
    'sed',
    ['-n', '1,20p', 'src/session/session4.py'],
    joined(linesOf('src/session/session4.py').slice(0, 20)),
  ),
  call(
    'sed',
    ['s/limit/bound/g', 'src/queue/queue9.py'],
    text('src/queue/queue9.py').replaceAll('limit', 'bound'),
  ),
  call(
    'awk',
    ['-F,', '{ sum[$2] += $3 } END { print sum["cache"] }', 'data/log.csv'],
    `${csv.filter(([, subject]) => subject === 'cache').reduce((sum, row) => sum + Number(row[2]), 0)}\n`,
  ),
  call('cat', ['README.md', 'package.json'], text('README.md') + text('package.json')),
  call('cat', [], 'through a pipe\n', { input: 'through a pipe\n' }),
  call('head', ['-n', '5', 'data/log.csv'], joined(linesOf('data/log.csv').slice(0, 5))),
  call('tail', ['-n', '5', 'data/log.csv'], joined(linesOf('data/log.csv').slice(-5))),
  call(
    'find',
    ['src', '-name', '*1.py', '-size', '+1k'],
    joined(pathsIn('src').filter((path) => path.endsWith('1.py') && text(path).length > 1024)),
    anyOrder,
  ),
  call(
    'find',
    ['.', '-maxdepth', '2', '-type', 'd', '-not', '-path', './.git*'],
    joined([
      ...['.', './data', './src', './tools'],
      ...new Set(pathsIn('src').flatMap((path) => /^src\/\w+(?=\/)/.exec(path) ?? [])),
    ]).replaceAll(/^src/gm, './src'),
    anyOrder,
  ),
  call(
    'stat',
    ['-c', '%s %n', 'src/report/report2.py', 'data/values.json'],
    joined(
      ['src/report/report2.py', 'data/values.json'].map((path) => `${text(path).length} ${path}`),
    ),
  ),
  call(
    'ls',
    ['-1', 'src/search'],
    joined(pathsIn('src/search').map((path) => path.slice('src/search/'.length))),
  ),
  call('ls', ['nowhere'], '', { exitCode: 2 }),
  call(
    'git',
    ['status', '--short'],
    ' M src/cache/cache7.py\n M src/parser/parser3.py\n?? notes.txt\n',
  ),
  call(
    'git',
    ['diff', '--stat'],
    /^ src\/cache\/cache7\.py +\| .*\n src\/parser\/parser3\.py +\| +1 \+\n 2 files changed, \d+ insertions\(\+\), \d+ deletions\(-\)\n$/,
  ),
  call('python3', ['-S', 'tools/sum.py', 'data/values.json'], `${(499 * 500) / 2}\n`),
  call('node', ['tools/count.mjs', 'data/log.csv'], `${csv.length + 1}\n`),
  call(
    'sh',
    ['-c', 'cut -d, -f2 data/log.csv | sort | uniq -c'],
    joined(
      [...new Set(csv.map(([, subject]) => subject))]
        .sort()
        .map(
          (name) =>
            `${String(csv.filter(([, subject]) => subject === name).length).padStart(7)} ${name}`,
        ),
    ),
  ),
  call(
    'bash',
    ['-c', 'for f in src/*/; do echo "$f"; done; [[ -d data ]]'],
    joined([...new Set(pathsIn('src').flatMap((path) => /^src\/\w+\//.exec(path) ?? []))].sort()),
  ),
]

/** Programs that those shells start. */
export const alsoStarted = ['cut', 'sort', 'uniq']

export const nameOf = ({ tool, args }) => [tool, ...args].join(' ')

const byLine = (lines) => lines.split('\n').sort().join('\n')

/**
 * What is wrong with a result, in words; undefined if nothing is.
 * @param {Call} call
 * @param {{ exitCode: number | null, stdout: string, stderr: string, error?: Error }} result
 */
export function fault({ tool, exitCode, answer, anyOrder }, result) {
  if (result.error?.code === 'ENOENT') return `${tool} is not in PATH (ENOENT)`
  if (result.error) return result.error.message
  if (result.exitCode !== exitCode) {
    const said = result.stderr.trim().split('\n')[0]
    return `exited with ${result.exitCode}, not ${exitCode}${said === '' ? '' : `: ${said}`}`
  }
  const order = anyOrder ? byLine : (lines) => lines
  const right =
    typeof answer === 'string' ? order(result.stdout) === order(answer) : answer.test(result.stdout)
  return right ? undefined : `wrong answer: ${JSON.stringify(result.stdout.slice(0, 60))}`
}

/** Interpreters, which take as long to start as ten of the others. */
const slow = new Set(['node', 'python3'])

/** A round of calls: each once, but the short ones `times` times, as agents call them more often. */
export const roundOf = (times) => [
  ...calls.filter(({ tool }) => slow.has(tool)),
  ...Array.from({ length: times }, () => calls.filter(({ tool }) => !slow.has(tool))).flat(),
]
