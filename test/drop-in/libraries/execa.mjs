// Pipelines, messages, time limits and many at once. The argument is the package to import.
import { pick, rejection, say } from './result.mjs'

const { $, execa, execaNode, parseCommandString } = await import(process.argv[2])

const { stdout, stderr, exitCode } = await execa('sh', ['-c', 'echo out; echo err >&2'])
say('output', { stdout, stderr, exitCode })
say('input', (await execa('sort', ['-r'], { input: 'a\nb\nc', lines: true })).stdout)
say(
  'large',
  (await execa('head', ['-c', '5000000', '/dev/zero'], { encoding: 'buffer' })).stdout.length,
)
say('pipeline', (await $`printf ${'b\na\nc\n'}`.pipe`sort`.pipe`head -n 2`).stdout)
say('all', (await execa('sh', ['-c', 'echo 1; sleep 0.1; echo 2 >&2'], { all: true })).all)
say(
  'environment',
  (await execa('sh', ['-c', 'echo $A; pwd'], { env: { A: 'x' }, cwd: '/usr' })).stdout,
)
say(
  'command',
  (await execa(...Object.values({ a: 'echo', b: parseCommandString('a b\\ c') }))).stdout,
)
say('shell', (await execa('echo $0 | tr a-z A-Z', { shell: '/bin/sh' })).stdout)

const fields = [
  'name',
  'shortMessage',
  'exitCode',
  'signal',
  'code',
  'timedOut',
  'isCanceled',
  'isTerminated',
]
const failure = async (promise) => pick(await rejection(promise), ...fields)
say('status', await failure(execa('sh', ['-c', 'exit 3'])))
say('missing', await failure(execa('no-such-program')))
say('no directory', await failure(execa('true', { cwd: '/no/such' })))
say('killed', await failure(execa('sh', ['-c', 'kill -9 $$'])))
say('timeout', await failure(execa('sleep', ['60'], { timeout: 50 })))
const controller = new AbortController()
const aborted = failure(execa('sleep', ['60'], { cancelSignal: controller.signal }))
setTimeout(() => controller.abort(), 50)
say('aborted', await aborted)
const killed = execa('sleep', ['60'])
say('pid', killed.pid > 0)
say('kill', [killed.kill(), await failure(killed)])
say('too much', pick(await rejection(execa('yes', { maxBuffer: 1000 })), 'isMaxBuffer'))

const lines = []
for await (const line of execa('seq', ['5'])) lines.push(line)
say('lines', lines)

const child = execaNode('talk.mjs', { cwd: import.meta.dirname, ipc: true })
await child.sendMessage({ hello: [1, 'two'] })
say('message', await child.getOneMessage())
await child.sendMessage('end')
say('talker', (await child).exitCode)

const many = Array.from({ length: 40 }, (_, index) => execa('echo', [`${index}`]))
say(
  'many',
  (await Promise.all(many)).map((one) => one.stdout),
)
