// What `npm run` does for a package with scripts before and after.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import runScript from '@npmcli/run-script'
import { pick, rejection, say } from './result.mjs'

const path = mkdtempSync(join(tmpdir(), 'libraries-'))
const scripts = {
  prebuild: 'echo before > steps',
  build: 'echo "$npm_lifecycle_event $npm_package_name $1" | tee -a steps',
  postbuild: 'echo after >> steps; cat steps',
  node: `node -e "console.log(1 + 1, process.env.npm_package_version)"`,
  bad: 'echo sorry >&2; exit 7',
  loud: 'echo to our output',
}
writeFileSync(
  join(path, 'package.json'),
  JSON.stringify({ name: 'example', version: '1.2.3', scripts }),
)
const run = (event, more) => runScript({ event, path, stdio: 'pipe', ...more })
const fields = ['code', 'signal', 'stdout', 'stderr', 'event', 'script']
for (const event of ['prebuild', 'build', 'postbuild', 'node']) {
  say(event, pick(await run(event, { args: ['x y'] }), ...fields))
}
say('bad', pick(await rejection(run('bad')), ...fields, 'message'))
say('loud', pick(await run('loud', { stdio: 'inherit', banner: false }), 'code', 'signal'))
say(
  'many',
  (await Promise.all(Array.from({ length: 8 }, () => run('node')))).map((r) => r.stdout),
)
rmSync(path, { recursive: true })
