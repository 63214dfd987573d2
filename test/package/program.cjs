// A CommonJS program, into which something has imported the package as well: there are
// two copies of the library, which share the core and know each other's objects.
const { readdirSync, readFileSync } = require('node:fs')
const { subscribe } = require('node:diagnostics_channel')
const { promisify } = require('node:util')
const { run, SpawnError, template } = require('uring-spawn')
const { compile, exec, clone, Ring } = require('uring-spawn/chain')
const drop = require('uring-spawn/child_process')

/** How many threads wait for the children of this process. */
const loops = () =>
  readdirSync('/proc/self/task').filter((id) => {
    try {
      return readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim() === 'uring-loop'
    } catch {
      return false
    }
  }).length

async function main() {
  const said = {}
  const ids = []
  subscribe('uring-spawn:launch', ({ id, event }) => event === 'start' && ids.push(id))
  said.run = (await run('cat', [], { input: 'hello' })).stdout
  const imported = await import('uring-spawn')
  const chains = await import('uring-spawn/chain')
  said.imported = (await imported.run('echo', ['there'])).stdout
  said.loops = loops()
  said.ids = new Set(ids).size
  said.error = await imported
    .run('no-such')
    .catch((error) => [error.code, error instanceof SpawnError, error instanceof TypeError])
  const sh = await template('sh')
  said.template = (await imported.run('sh', ['-c', 'exit 3'], { template: sh })).exitCode
  sh.close()
  const compiled = compile({ file: 'true', stdio: 'ignore' })
  const running = new chains.Ring().submit(compiled)
  said.chain = [(await running).length > 0, (await running.exited).code]
  const two = [clone(), exec('/bin/true')]
  said.ring = (await new Ring().submit(two).exited).code
  said.exec = (await promisify(drop.exec)('echo dropped in')).stdout
  said.names = typeof drop.spawn + typeof drop.default.spawn
  console.log(JSON.stringify(said))
}

main()
