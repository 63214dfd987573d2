/** The C core's own tests on a kernel that supports all launchers, where ctest does not run. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { probe } from '../../dist/index.js'

const build = fileURLToPath(new URL('../../build', import.meta.url))

test.runIf(probe().templates.available)('launchers', () => {
  const program = join(build, 'test_launch')
  expect(existsSync(program)).toBe(true)
  execFileSync(program, { stdio: ['ignore', 'ignore', 'inherit'] })
})
