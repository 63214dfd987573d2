// `npm run lint [-- --fix]`: format and lint of everything people edit, the layers
// of ts/, and the links of the documents.
import process from 'node:process'
import { clonedFiles, sh } from '../tools/sh.mjs'
import { brokenLinksOfClone } from './links.mjs'

const fix = process.argv.includes('--fix')
const shown = sh({ stdio: 'inherit', nothrow: true })

const broken = await brokenLinksOfClone()
for (const message of broken) console.error(`lint: broken link: ${message}`)

const c = await clonedFiles('*.c', '*.h', '*.cc')
const ended = [
  await shown`node_modules/.bin/biome check ${fix ? ['--write'] : []} .`,
  await shown`node_modules/.bin/depcruise --output-type err ts`,
  ...(c.length > 0
    ? [await shown`clang-format ${fix ? ['-i'] : ['--dry-run', '--Werror']} ${c}`]
    : []),
]
process.exit(broken.length === 0 && ended.every(({ exitCode }) => exitCode === 0) ? 0 : 1)
