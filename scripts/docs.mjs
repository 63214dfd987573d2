// `npm run docs`: builds the documentation site. TypeDoc's output is in out/log.
import { relative } from 'node:path'
import process from 'node:process'
import { orFail, quietly } from '../tools/command.mjs'
import { logFile, root } from '../tools/paths.mjs'
import { duration, say } from '../tools/progress.mjs'
import { siteCommand } from './site.mjs'

await orFail(async () => {
  const { seconds } = await quietly(siteCommand(root, process.argv.slice(2)), {
    ...{ title: 'docs: building the site', log: logFile('docs'), seconds: 20 },
  })
  const page = relative(process.cwd(), `${root}out/docs/index.html`)
  say(`docs: built the site (${duration(seconds)}): ${page}`)
})
