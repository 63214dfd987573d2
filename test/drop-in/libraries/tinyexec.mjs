// One-line commands.
import { exec, x } from 'tinyexec'
import { pick, rejection, say } from './result.mjs'

say(
  'output',
  pick(await x('sh', ['-c', 'echo out; echo err >&2; exit 2']), 'stdout', 'stderr', 'exitCode'),
)
say('throws', pick(await rejection(exec('false', [], { throwOnError: true })), 'exitCode', 'name'))
say('missing', pick(await rejection(x('no-such-program')), 'code', 'syscall'))
say('pipeline', (await x('seq', ['10']).pipe('sort', ['-nr']).pipe('head', ['-n', '3'])).stdout)
const lines = []
for await (const line of x('seq', ['4'])) lines.push(line)
say('lines', lines)
const slow = x('sleep', ['60'])
say('pid', slow.pid > 0)
say('kill', slow.kill('SIGKILL'))
await slow
say('killed', pick(slow, 'killed', 'exitCode'))
const controller = new AbortController()
const aborted = x('sleep', ['60'], { signal: controller.signal })
setTimeout(() => controller.abort(), 50)
await aborted.then(
  () => {},
  () => {},
)
say('aborted', aborted.aborted)
say('options', (await x('pwd', [], { nodeOptions: { cwd: '/usr' } })).stdout)
say(
  'many',
  (await Promise.all(Array.from({ length: 30 }, (_, n) => x('echo', [`${n}`])))).map(
    (r) => r.stdout,
  ),
)
