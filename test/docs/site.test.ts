/** The documentation site can be made: no broken link in a comment, nothing exported without one. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'vitest'

test('TypeDoc has no complaint', () => {
  const project = fileURLToPath(new URL('../..', import.meta.url))
  // Warnings are errors by typedoc.json; nothing is written.
  execFileSync(process.execPath, ['node_modules/typedoc/bin/typedoc', '--emit', 'none'], {
    cwd: project,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}, 600_000)
