/** The documentation site builds: no broken link in a comment, no export without a comment. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'vitest'

test('TypeDoc reports no problem', () => {
  const project = fileURLToPath(new URL('../..', import.meta.url))
  // typedoc.json makes warnings errors; nothing is written.
  execFileSync(process.execPath, ['node_modules/typedoc/bin/typedoc', '--emit', 'none'], {
    cwd: project,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}, 600_000)
