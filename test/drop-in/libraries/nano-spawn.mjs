// Commands with input, lines and pipes.
import spawn from 'nano-spawn'
import { pick, rejection, say } from './result.mjs'

const fields = ['message', 'exitCode', 'signalName', 'stdout', 'stderr']
say(
  'output',
  pick(await spawn('sh', ['-c', 'echo out; echo err >&2']), 'stdout', 'stderr', 'output'),
)
say('input', (await spawn('sort', { stdin: { string: 'b\na\n' } })).stdout)
say('status', pick(await rejection(spawn('sh', ['-c', 'echo no >&2; exit 5'])), ...fields))
const missing = await rejection(spawn('no-such-program'))
say('missing', [pick(missing, ...fields), missing.cause?.code])
say('timeout', pick(await rejection(spawn('sleep', ['60'], { timeout: 100 })), 'signalName'))
say('pipeline', (await spawn('seq', ['9']).pipe('tail', ['-n', '2']).pipe('sort', ['-r'])).stdout)
const lines = []
for await (const line of spawn('seq', ['4'])) lines.push(line)
say('lines', lines)
const child = await spawn('cat', { stdin: 'pipe' }).nodeChildProcess
say('child', [typeof child.pid, child.spawnfile])
child.stdin.end()
say('node', (await spawn('node', ['--version'])).stdout === process.version)
say(
  'many',
  (await Promise.all(Array.from({ length: 30 }, (_, n) => spawn('echo', [`${n}`])))).map(
    (r) => r.stdout,
  ),
)
