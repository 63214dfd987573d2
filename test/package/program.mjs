// Uses a bit of everything in a program that has the package installed.
import { batch, probe, run, spawn, template } from 'uring-spawn'
import { clone, exec, explain, Ring } from 'uring-spawn/chain'

const said = {}
said.auto = probe().auto
said.run = (await run('cat', [], { input: 'hello' })).stdout
const child = await spawn('sh', ['-c', 'read line; echo got $line; exit 3'])
child.stdin.end('it\n')
const big = await spawn('cat')
let echoed = 0
big.stdin.end(Buffer.alloc(3e6))
for await (const { length } of big.stdout) echoed += length
said.big = echoed
let out = ''
for await (const chunk of child.stdout) out += chunk
said.spawn = [out, (await child.exited).code]
const destroyed = await spawn('cat')
destroyed.stdin.destroy()
said.destroyed = (await destroyed.exited).code
const deaf = await spawn('sh', ['-c', 'exec 0<&-; echo; exec sleep 1000'])
for await (const _ of deaf.stdout) break
said.deaf = await new Promise((resolve) => {
  deaf.stdin.once('error', ({ code }) => resolve(code))
  deaf.stdin.write('x')
})
deaf.kill('SIGKILL')
said.error = await run('no-such').catch(({ code, step }) => [code, step])
const commands = Array.from({ length: 50 }, (_, index) => ['echo', String(index)])
said.batch = (await batch(commands).all()).filter(
  ({ result }, at) => result.stdout === `${at}\n`,
).length
const ls = await template('ls')
said.template = (await ls.run(['/proc/self/fd'])).stdout
ls.close()
said.explain = explain({ file: '/bin/true' }).links.length
const running = new Ring().submit([clone(), exec('/bin/true')])
said.chain = (await running).map(({ op, res }) => [op, res >= 0])
said.exited = (await running.exited).code
console.log(JSON.stringify(said))
