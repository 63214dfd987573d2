// Programs, scripts and those that do not exist.
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import spawn from 'cross-spawn'
import { pick, say } from './result.mjs'

const dir = mkdtempSync(join(tmpdir(), 'libraries-'))
const script = join(dir, 'script')
// A #! line ends at a blank, which Node's own path may have.
writeFileSync(script, '#!/bin/sh\nIFS="|"\necho "$*"\n')
chmodSync(script, 0o755)

async function run(...call) {
  const child = spawn(...call)
  const [out, err, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { out, err, code, signal }
}
say('output', await run('echo', ['a', 'b c', '"d"', '$e', '*']))
say('script', await run(script, ['a', 'b c']))
say(
  'in PATH',
  await run('script', ['x'], { env: { ...process.env, PATH: `${dir}:${process.env.PATH}` } }),
)
say('shell', await run('echo $0; exit 4', { shell: true }))
const missing = spawn('no-such-program', ['x'])
const [error] = await once(missing, 'error')
say('missing', [
  pick(error, 'code', 'errno', 'syscall', 'path', 'spawnargs', 'message'),
  missing.pid,
])
const inherited = spawn('echo', ['to our output'], { stdio: 'inherit' })
say('inherited', await once(inherited, 'exit'))
say(
  'many',
  (await Promise.all(Array.from({ length: 30 }, (_, n) => run('echo', [`${n}`])))).map(
    (r) => r.out,
  ),
)
const { stdout, status } = spawn.sync('echo', ['x'], { encoding: 'utf8' })
say('sync', { stdout, status })
rmSync(dir, { recursive: true })
