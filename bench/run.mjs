// `npm run bench [-- NAME [options]]`: runs a benchmark, or all of them.
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'

const here = fileURLToPath(new URL('.', import.meta.url))
const names = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(`${here}${entry.name}/run.mjs`))
  .map((entry) => entry.name)

const program = new Command('bench').description('Measures; each benchmark says what and how.')
for (const name of names) {
  const { describe, main } = await import(`./${name}/run.mjs`)
  const command = program.command(name).action((options) => main(options))
  describe(command)
}
program.action(async () => {
  for (const name of names) await program.parseAsync([name], { from: 'user' })
})
await program.parseAsync()
