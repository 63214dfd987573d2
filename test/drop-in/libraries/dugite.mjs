// The git client of a desktop application, with the git of this machine.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import dugite from 'dugite'
import { dir } from './repository.mjs'
import { say } from './result.mjs'

const { exec, spawn, parseError } = dugite
// Both are where Debian has them.
process.env.GIT_EXEC_PATH = execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim()
process.env.LOCAL_GIT_DIRECTORY = '/usr'

const git = (...args) => exec(args, dir)
const said = ({ exitCode, stdout, stderr }) => ({ exitCode, stdout, stderr: stderr !== '' })
say('init', (await git('init', '--initial-branch', 'main')).exitCode)
writeFileSync(join(dir, 'file'), 'text\n'.repeat(100_000))
say('add', said(await git('add', '.')))
const message = await exec(['commit', '--quiet', '-F', '-'], dir, {
  stdin: 'a message\n\nof two parts',
})
say('commit', said(message))
say('log', said(await git('log', '--format=%H %s')))
say('large', (await git('show', 'HEAD:file')).stdout.length)
const missing = await git('checkout', 'no-such-branch')
say('failure', [missing.exitCode, parseError(missing.stderr)])
const nowhere = await exec(['status'], join(dir, 'nowhere')).catch((error) => error)
say('no directory', [nowhere.name, nowhere.code])
const child = spawn(['hash-object', '--stdin'], dir)
child.stdout.setEncoding('utf8').on('data', (line) => say('hash', line))
child.stdin.end('x')
await new Promise((resolve) => child.on('close', resolve))
const many = Array.from({ length: 10 }, () => git('rev-parse', 'HEAD'))
say(
  'many',
  (await Promise.all(many)).map(({ stdout }) => stdout),
)
