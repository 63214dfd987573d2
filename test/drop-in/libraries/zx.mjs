// A shell script in JavaScript.
import { $, cd, chalk, which, within } from 'zx'
import { pick, rejection, say } from './result.mjs'

$.verbose = false
say('output', (await $`echo ${'a b'} ${['c', '$d']}`).stdout)
say('lines', (await $`printf 'a\nb\n'`).lines())
say('status', pick(await rejection($`exit 3`), 'exitCode', 'signal', 'stderr'))
say('nothrow', (await $({ nothrow: true })`ls /no/such`).exitCode)
say('missing', pick(await rejection($`no-such-program`), 'exitCode'))
say('pipeline', (await $`seq 10`.pipe($`sort -nr`).pipe($`head -n 3`)).text())
say('input', (await $({ input: 'x\ny\n' })`wc -l`).text().trim())
say(
  'timeout',
  pick(await rejection($({ timeout: 200, timeoutSignal: 'SIGKILL' })`sleep 60`), 'signal'),
)
const long = $`echo ready; exec sleep 60`
long.nothrow()
// Until then the signal would reach a shell that is still getting ready.
await new Promise((ready) => long.stdout.once('data', ready))
await long.kill('SIGTERM')
say('killed', pick(await long, 'exitCode', 'signal'))
await within(async () => {
  cd('/usr')
  $.prefix += 'A=1;'
  say('within', (await $`pwd; echo $A`).stdout)
})
say('after', (await $`printenv A || echo unset`).stdout)
say('which', typeof (await which('sh')))
const loud = []
for await (const line of $`seq 3`) loud.push(line)
say('iterated', loud)
const process_ = $({ stdio: ['pipe', 'pipe', 'pipe'] })`cat`
process_.stdin.end('typed')
say('typed', (await process_).stdout)
say('many', (await Promise.all(Array.from({ length: 30 }, (_, n) => $`echo ${n}`))).map(String))
say('chalk', typeof chalk.red)
