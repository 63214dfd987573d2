/** What children find in their environment: what they find with Node, which reads process.env. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { childProcess, programs, register } from './programs.js'

const { dir, node, registered } = programs()

/** Prints what a call gives its child, or the error that it throws. */
const show = `
  async function seen(start) {
    try {
      const child = start()
      let text = ''
      child.on('error', () => {})
      for await (const data of child.stdout) text += data
      return text.split('\\n').filter((line) => !/^((SHLVL|_|NODE_CHANNEL_FD)=|$)/.test(line)).sort()
    } catch (error) {
      return [error.code, error.message]
    }
  }
  const show = async (...starts) => {
    for (const start of starts) console.log(JSON.stringify(await seen(start)))
  }
`

const calls: [name: string, code: string][] = [
  [
    'no options',
    "await show(() => spawn('env'), () => spawn('env', []), () => spawn('env', null))",
  ],
  [
    'options in either place',
    "await show(() => spawn('env', {}), () => spawn('env', null, {}), () => spawn('env', undefined, {}), () => spawn('env', ['A=1'], {}))",
  ],
  [
    'an env that counts as none',
    "await show(...[null, undefined, '', 0, false].map((env) => () => spawn('env', { env })))",
  ],
  [
    'an env of its own',
    "await show(() => spawn('env', { env: { A: '1' } }), () => spawn('env', { env: {} }))",
  ],
  [
    'an environment that changes',
    "await show(() => spawn('env')); process.env.A = '1'; await show(() => spawn('env')); process.env.A = '2'; await show(() => spawn('env')); delete process.env.A; await show(() => spawn('env'))",
  ],
  [
    'variables with odd names and values',
    "Object.assign(process.env, { 'a b': 'c=d', __proto__: 1, ÄÖ: 'ü€😀', EMPTY: '' }); process.env['__proto__'] = 'x'; await show(() => spawn('env'), () => spawn('env'))",
  ],
  [
    'another object for process.env',
    "process.env = { A: '1', PATH: process.env.PATH }; await show(() => spawn('env')); process.env = Object.create({ B: '2' }); await show(() => spawn('/usr/bin/env'))",
  ],
  [
    'variables in Object.prototype',
    "Object.prototype.A = 'everywhere'; await show(() => spawn('env', [], { stdio: 'pipe' }))",
  ],
  [
    'a channel',
    "await show(() => spawn('env', { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] }), () => spawn('env'))",
  ],
  ['a shell', "await show(() => spawn('env; echo $A', { shell: true }))"],
  [
    'a path that is searched as at the call',
    "process.env.PATH = '/no/such'; await show(() => spawn('env')); delete process.env.PATH; await show(() => spawn('env'))",
  ],
  [
    'bad arguments',
    "await show(...[[], [1], [''], ['a\\0'], ['env', 1], ['env', 'x'], ['env', [], null], ['env', [], []], ['env', [], () => {}], ['env', {}, 5], ['env', [], { cwd: 5 }], ['env', [], { env: 5 }], ['env', [1n, Symbol()]]].map((given) => () => spawn(...given)))",
  ],
  [
    'getters, called as often',
    "let calls = 0; const options = { get cwd() { calls++; return '/' }, get env() { calls++ } }; await show(() => spawn('env', options)); console.log(calls)",
  ],
  [
    'getters that throw, inherited options, frozen ones',
    "await show(() => spawn('env', { get stdio() { throw new TypeError('no') } }), () => spawn('env', Object.create({ env: { A: '1' } })), () => spawn('env', Object.freeze({ cwd: '/' })))",
  ],
  [
    'a program that has wrapped the method before',
    "const theirs = cp.ChildProcess.prototype.spawn; cp.ChildProcess.prototype.spawn = function (options) { options.envPairs = options.envPairs.map((pair) => pair.replace(/^A=/, 'B=')); return theirs.call(this, options) }; process.env.A = '1'; await show(() => spawn('env'), () => cp.execFile('env'))",
  ],
  [
    'a program that has wrapped the function',
    "const theirs = cp.spawn; cp.spawn = (file, args, options) => theirs(file, args, { ...options, env: { WRAPPED: '1' } }); await show(() => cp.spawn('env')); cp.spawn = theirs; await show(() => cp.spawn('env'))",
  ],
]

test.each(calls)('%s', (_name, code) => {
  const env = { A: 'from outside', NODE_V8_COVERAGE: '' }
  const plain = node(show + code, [], env)
  expect(plain.stderr).toBe('')
  expect(registered(show + code, env)).toEqual(plain)
  const own = `const { spawn, default: cp } = await import('${childProcess}')`
  // Here the program's cp is ours, and its own imports are not.
  const marked = node(`{ ${own}\n${show}${code} }`, [], env)
  expect(marked).toEqual(plain)
})

test('coverage reaches children that get variables of their own', () => {
  const code = `${show} await show(() => spawn('env', { env: { A: '1' } }), () => spawn('env'))`
  const [given, inherited] = registered(code, { NODE_V8_COVERAGE: '/tmp/no such' }).lines
  expect(given).toContain('NODE_V8_COVERAGE=/tmp/no such')
  expect(inherited).toContain('NODE_V8_COVERAGE=/tmp/no such')
})

test('Node does not read process.env', () => {
  const { stderr } = registered("spawn('true')", { NODE_DEBUG: 'child_process' })
  expect(stderr).toMatch(/env: InheritedEnv/)
})

test('the function looks like the one of Node, and is given back', () => {
  const { lines } = node(`
    const before = cp.spawn
    const { register, unregister } = await import('${register}')
    const call = cp.spawn, { name, length } = call
    console.log(call === before, call === spawn, name, length, Object.keys(call).length)
    unregister()
    console.log(cp.spawn === before, spawn === before)
    register()
    const theirs = () => {}
    cp.spawn = theirs
    unregister()
    console.log(cp.spawn === theirs)
  `)
  expect(lines).toEqual(['false true spawn 3 0', 'true true', 'true'])
})

test('bytes that process.env does not show as they are', () => {
  const inner = join(dir, 'inner.mjs')
  writeFileSync(
    inner,
    "import { spawn } from 'node:child_process'\nspawn('env', { stdio: ['ignore', 'inherit', 'inherit'] })",
  )
  const seen = (...args: string[]) => {
    const line = 'exec env "$(printf "ODD=\\377")" A=1 A=2 "$@"'
    const given = ['-c', line, 'sh', process.execPath, ...args, inner]
    return execFileSync('/bin/sh', given, { encoding: 'latin1' }).split('\n').sort()
  }
  expect(seen('--import', register)).toEqual(seen())
})

test('in a worker, which has an environment of its own', () => {
  const code = `
    import { isMainThread, Worker } from 'node:worker_threads'
    import { fileURLToPath } from 'node:url'
    ${show}
    process.env.A = isMainThread ? 'main' : 'worker'
    await show(() => spawn('printenv', ['A']))
    if (isMainThread) new Worker(fileURLToPath(import.meta.url))
  `
  expect(registered(code).lines).toEqual(['["main"]', '["worker"]'])
})
