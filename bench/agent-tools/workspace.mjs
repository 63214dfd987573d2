// A workspace like those agents work in: sources, data, a history, work in progress.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const subjects = ['parser', 'cache', 'router', 'session', 'queue', 'report', 'search', 'billing']

const capitalised = (word) => word[0].toUpperCase() + word.slice(1)

/** A Python module; the same text for the same number. */
function source(subject, number) {
  const lines = [
    `"""The ${subject}, part ${number}."""`,
    'from log import log',
    '',
    '',
    `class ${capitalised(subject)}Options:`,
    `    limit = ${number}`,
    '',
  ]
  for (let line = 0; line < 20 + ((number * 7) % 40); line++) {
    if (line % 11 === 3) lines.push(`# TODO: ${subject} ${number} must handle case ${line}`)
    else lines.push(`def ${subject}${number}x${line}(n): return n * ${line + number}`)
  }
  return `${lines.join('\n')}\n`
}

/** What the first commit holds: text by path. */
function committed() {
  const all = {
    'README.md': '# A workspace\n\nMade up, to have something to search.\n',
    'package.json': '{ "name": "workspace", "version": "1.2.3" }\n',
    'src/log.py': 'def log(text): print(text)\n',
    'tools/sum.py': 'import json, sys\nprint(sum(json.load(open(sys.argv[1]))["values"]))\n',
    'tools/count.mjs':
      "import { readFileSync } from 'node:fs'\n" +
      "console.log(readFileSync(process.argv[2], 'utf8').split('\\n').length)\n",
    'data/values.json': JSON.stringify({ values: Array.from({ length: 500 }, (_, at) => at) }),
    'data/log.csv': Array.from(
      { length: 3000 },
      (_, at) =>
        `2024-01-${String((at % 28) + 1).padStart(2, '0')},${subjects[at % 8]},${at * 37}\n`,
    ).join(''),
  }
  for (const subject of subjects) {
    for (let number = 0; number < 25; number++) {
      all[`src/${subject}/${subject}${number}.py`] = source(subject, number)
    }
  }
  return all
}

/** What was edited since. */
const edited = () => ({
  'src/parser/parser3.py': `${source('parser', 3)}ADDED = True\n`,
  'src/cache/cache7.py': source('cache', 8),
  'notes.txt': 'not yet committed\n',
})

/** The workspace's files as the calls find them: text by path. */
export const workspaceFiles = () => ({ ...committed(), ...edited() })

/**
 * The environment of the calls: the user's, without what would change a tool's
 * answer (git's and ripgrep's configuration, the language of messages).
 */
export function workspaceEnv(env = process.env) {
  const kept = Object.entries(env).filter(
    ([name]) => !/^(GIT_|LC_|LANGUAGE$|LANG$|RIPGREP_CONFIG_PATH$|GREP_|NODE_OPTIONS$)/.test(name),
  )
  return {
    ...Object.fromEntries(kept),
    LC_ALL: 'C',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
  }
}

/**
 * Makes a workspace in a new folder of the system's folder for temporary files.
 * @returns {{ dir: string, remove: () => void }} the folder; `remove` deletes it,
 *   as does the end of this process
 */
export function makeWorkspace() {
  const dir = mkdtempSync(join(tmpdir(), 'uring-spawn-workspace-'))
  const remove = () => {
    rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 })
    process.off('exit', remove)
  }
  process.once('exit', remove)
  const write = (files) => {
    for (const [name, text] of Object.entries(files)) {
      const file = join(dir, name)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text)
    }
  }
  const git = (...args) =>
    execFileSync('git', ['-c', 'user.name=Demo', '-c', 'user.email=demo@example.com', ...args], {
      cwd: dir,
      env: workspaceEnv(),
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  try {
    write(committed())
    git('init', '-q')
    git('add', '.')
    git('commit', '-q', '-m', 'Begin')
    write(edited())
  } catch (error) {
    remove()
    throw error
  }
  return { dir, remove }
}
