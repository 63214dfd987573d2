// Every npm script: installs what it needs, builds, then runs its module with
// the arguments that are left.
//
//   node scripts/run.mjs SCRIPT [--verbose] [ARGS…]     SCRIPT: a key of `scripts`
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { orFail } from '../tools/command.mjs'
import { root } from '../tools/paths.mjs'
import { beVerbose } from '../tools/progress.mjs'
import { scripts } from './needs.mjs'
import { setUp } from './setup.mjs'

const [name, ...words] = process.argv.slice(2)
if (!Object.hasOwn(scripts, name ?? '')) {
  console.error(`run: no script ${name}: there are ${Object.keys(scripts).join(', ')}`)
  process.exit(2)
}
const script = scripts[name]

// What follows `--` is not ours, nor, without one, what follows the lab's command.
const end = words.indexOf('--')
const command = name === 'lab' ? words.findIndex((word) => !word.startsWith('-')) : -1
const limit = [end, command, words.length].find((at) => at >= 0)
const own = words.slice(0, limit)
const at = own.indexOf('--verbose')
if (at >= 0) {
  words.splice(at, 1)
  beVerbose()
}
const asksForHelp = script.help && own.some((word) => word === '--help' || word === '-h')
const needs = asksForHelp ? (script.build ? ['native'] : []) : script.needs(words)

await orFail(async () => {
  await setUp(needs)
  if (script.build) await (await import('./build.mjs')).build()
})
if (script.main) {
  const main = join(root, script.main)
  process.argv = [process.execPath, main, ...(script.args ?? []), ...words]
  await import(pathToFileURL(main).href)
}
