// `npm run lint [-- --fix]`: format and lint of everything people edit, the layers
// of ts/, and the links of the documents.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { brokenLinksOfClone } from './links.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const fix = process.argv.includes('--fix')

function sh(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (error) throw error
  return status === 0
}

const git = spawnSync(
  'git',
  ['-c', 'safe.directory=*', 'ls-files', '-co', '--exclude-standard', '--', '*.c', '*.h', '*.cc'],
  {
    cwd: root,
    encoding: 'utf8',
  },
)
if (git.status !== 0) throw new Error(`git ls-files: ${git.stderr}`)
const c = git.stdout.split('\n').filter((file) => file !== '')

const broken = brokenLinksOfClone(root)
for (const message of broken) console.error(`lint: broken link: ${message}`)

const ok = [
  broken.length === 0,
  sh('node_modules/.bin/biome', 'check', ...(fix ? ['--write'] : []), '.'),
  sh('node_modules/.bin/depcruise', '--output-type', 'err', 'ts'),
  c.length === 0 || sh('clang-format', ...(fix ? ['-i'] : ['--dry-run', '--Werror']), ...c),
]
process.exit(ok.every(Boolean) ? 0 : 1)
