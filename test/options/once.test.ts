/** Options are read once, at the call, and only own properties count. */
import { expect, test } from 'vitest'
import { clone, compile, exec, groups, Ring } from '../../dist/chain/index.js'
import { batch, run, spawn, template } from '../../dist/index.js'
import { inNode, rejection } from '../support.js'

/** A property with another value each time it is read. */
function changing<T>(...values: T[]): { get: () => T; reads: () => number; enumerable: true } {
  let reads = 0
  return {
    enumerable: true,
    get: () => values[Math.min(reads++, values.length - 1)] as T,
    reads: () => reads,
  }
}

const bag = (properties: PropertyDescriptorMap): object => Object.defineProperties({}, properties)

test('properties of Object.prototype are not options', () => {
  const found = inNode(`
    const { batch, template } = await import(${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)})
    const { clone, compile, exec, Ring } = await import(${JSON.stringify(new URL('../../dist/chain/index.js', import.meta.url).href)})
    const bad = {
      shell: true, cwd: '/nowhere', argv0: 'x', stdio: 'ignore', timeout: 1, killSignal: 'x',
      killGrace: 'x', killTarget: 'x', onParentExit: 'x', signal: 'x', detached: true, processGroup: 'x', uid: 'x', gid: 'x', groups: 'x',
      noNewPrivs: 'x', umask: 'x', nice: 'x', rlimits: 'x', cgroup: 'x', inheritFds: 'x', template: 'x', backend: 'x',
      input: 'x', encoding: 'hex', maxBuffer: 0, overflow: 'x', settle: 'x', drainGrace: 'x', check: 'x', concurrency: 'x',
      bail: 'x', onProgress: 'x', onStale: 'x', soft: 0, hard: 0, path: '/nowhere', flags: 'x',
      mode: 'x', fd: 'x', closeFds: 'x', fds: 'x', newfd: 'x', dirfd: 'x', hardlink: true, file: 'x',
      args: 'x', envp: 'x', argv: 'x', label: 'x', cloexec: true, pipe: () => {},
    }
    // With this, Node itself could no longer load the addon.
    await run('true')
    for (const name of Object.keys(bad)) {
      Object.defineProperty(Object.prototype, name, { value: bad[name], writable: true, configurable: true, enumerable: true })
    }
    const said = []
    const line = 'a; echo INJECTED'
    said.push((await run('echo', [line])).stdout)
    said.push((await run('echo', [line], { env: { PATH: process.env.PATH }, rlimits: { core: 1 } })).stdout)
    said.push((await run('cat', [], { stdio: [{ path: '/proc/self/comm', mode: 0o600 }, 'pipe'] })).stdout)
    const child = await spawn('sh', ['-c', 'exit 3'])
    said.push((await child.exited).code)
    for (const { result, error } of await batch([['echo', line], { file: 'echo', args: [line] }]).all()) {
      said.push(error?.message ?? result.stdout)
    }
    const echo = await template('echo')
    said.push((await echo.run([line])).stdout)
    echo.close()
    const ring = new Ring()
    const running = ring.submit([clone({ fds: [] }), exec('/bin/sh', { argv: ['sh', '-c', 'exit 4'] })])
    await running
    said.push((await running.exited).code)
    const compiled = compile({ file: 'echo', args: [line], stdio: 'ignore' })
    said.push(compiled.args)
    compiled.close()
    for (const name of Object.keys(bad)) delete Object.prototype[name]
    console.log(JSON.stringify(said))`)
  const line = 'a; echo INJECTED\n'
  expect(found).toEqual([line, line, 'cat\n', 3, line, line, line, 4, ['a; echo INJECTED']])
})

const options: [string, object][] = [
  ['uid', { uid: 'x' }],
  ['maxBuffer', { maxBuffer: 'x' }],
  ['shell', { shell: true }],
  ['cwd', { cwd: '/nowhere' }],
  ['stdio', { stdio: 'ignore' }],
  ['input', { input: 1 }],
  ['unknown ones', { whatever: 1 }],
]

test.each(options)('inherited by the options: %s', async (_name, inherited) => {
  const { stdout } = await run('echo', ['a; echo b'], Object.create(inherited))
  expect(stdout).toBe('a; echo b\n')
})

test('options without a prototype', async () => {
  const none = (value: object) => Object.assign(Object.create(null), value)
  const { stdout } = await run(
    'sh',
    ['-c', 'echo $A; ulimit -c'],
    none({
      env: none({ A: '1' }),
      rlimits: none({ core: none({ soft: 0, hard: 0 }) }),
      stdio: [null],
    }),
  )
  expect(stdout).toBe('1\n0\n')
})

test('names that an env inherits are passed on, as in node:child_process', async () => {
  const env = Object.assign(Object.create({ A: 'inherited', B: 'hidden', F: () => {} }), {
    B: 'own',
  })
  expect((await run('/usr/bin/env', [], { env })).stdout).toBe('B=own\nA=inherited\n')
})

const getters: [
  string,
  (changing: PropertyDescriptor) => Promise<{ stdout: string }>,
  unknown[],
][] = [
  ['cwd', (cwd) => run('pwd', [], bag({ cwd })), ['/', '/nowhere']],
  ['shell', (shell) => run('echo /', [], bag({ shell })), [true, false]],
  ['argv0', (argv0) => run('sh', ['-c', 'echo /'], bag({ argv0 })), ['x', '\0']],
  ['encoding', (encoding) => run('echo', ['/'], bag({ encoding })), ['utf8', 'buffer']],
  ['maxBuffer', (maxBuffer) => run('echo', ['/'], bag({ maxBuffer })), [100, 'x']],
  ['umask', (umask) => run('echo', ['/'], bag({ umask })), [0o22, 'x']],
  ['input', (input) => run('cat', [], bag({ input })), ['/\n', 1]],
  ['env', (A) => run('printenv', ['A'], { env: bag({ A }) as { A: string } }), ['/', 'x\0y']],
  [
    'env.PATH',
    (PATH) => run('echo', ['/'], { env: bag({ PATH }) as { A: string } }),
    ['/bin', '\0'],
  ],
  [
    'stdio[0].path',
    (path) => run('cat', [], { stdio: [bag({ path }) as { path: string }, 'pipe'] }),
    ['/proc/sys/kernel/ostype', '\0'],
  ],
  [
    'rlimits.core.soft',
    (soft) => {
      const limit = { enumerable: true, value: 10 }
      const core = bag({ soft, hard: limit }) as { soft: number; hard: number }
      return run('echo', ['/'], { rlimits: { core } })
    },
    [0, 'x'],
  ],
  [
    'an argument',
    (at) => run('echo', Object.defineProperty([], 0, { ...at, configurable: true })),
    ['/', '\0'],
  ],
  [
    "a batch command's file",
    async (file) => {
      const args = { enumerable: true, value: ['/'] }
      const [one] = await batch([bag({ file, args }) as { file: string }]).all()
      if (one?.error) throw one.error
      return { stdout: one?.result?.stdout ?? '' }
    },
    ['echo', '\0'],
  ],
]

test.each(getters)('a getter is read once: %s', async (_name, call, values) => {
  const property = changing(...values)
  const { stdout } = await call(property)
  expect(stdout.trim()).toMatch(/^(\/|Linux)$/)
  expect(property.reads()).toBe(1)
})

test('a getter or proxy that throws: its own error, and nothing is started', async () => {
  const mine = new Error('mine')
  const thrown = {
    enumerable: true,
    get() {
      throw mine
    },
  }
  const proxy = new Proxy({}, { ownKeys: () => thrown.get() })
  for (const call of [
    () => spawn('true', [], bag({ cwd: thrown })),
    () => run('true', [], { env: bag({ A: thrown }) as { A: string } }),
    () => run('true', [], proxy),
    () => run('true', [], { env: proxy }),
    () => run('true', Object.defineProperty([''], 0, thrown)),
    () => run('true', [], { rlimits: bag({ core: thrown }) }),
    () => template('true', bag({ onStale: thrown })),
    async () => batch([], bag({ concurrency: thrown })),
  ]) {
    expect(await rejection(call())).toBe(mine)
  }
})

test('a proxy is read like its target', async () => {
  const proxy = <T extends object>(target: T) => new Proxy(target, {})
  const options = proxy({ env: proxy({ A: '1' }), stdio: proxy([null, 'pipe' as const]) })
  const { stdout } = await run('/bin/sh', proxy(['-c', 'echo $A']), options)
  expect(stdout).toBe('1\n')
})

test('holes count as undefined, whatever Array.prototype has', async () => {
  // biome-ignore lint/suspicious/noSparseArray: that is what it is about
  const sparse = ['a', , 'b'] as string[]
  expect(await rejection(run('echo', sparse))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  Object.defineProperty(Array.prototype, 1, { value: 'x', configurable: true, writable: true })
  try {
    expect(await rejection(run('echo', sparse))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
    // biome-ignore lint/suspicious/noSparseArray: that is what it is about
    const { stdout } = await run('echo', ['hello'], { stdio: [null, , 'ignore'] })
    expect(stdout).toBe('hello\n')
  } finally {
    delete (Array.prototype as unknown[])[1]
  }
})

test('symbols are not options', async () => {
  const { stdout } = await run('echo', ['x'], { [Symbol('shell')]: true } as object)
  expect(stdout).toBe('x\n')
})

test.each([1, 100])('changes after the call affect only later calls: %i at once', async (count) => {
  const args = ['-c', 'echo $A; id -G; pwd; ulimit -c; cat']
  const env: Record<string, string> = { A: '1', PATH: process.env.PATH ?? '' }
  const stdio: ('pipe' | 'ignore')[] = ['pipe', 'pipe', 'pipe']
  const rlimits = { core: { soft: 0, hard: 0 } }
  const given = { env, stdio, rlimits, cwd: '/', input: 'in' }
  const all = Array.from({ length: count }, () => run('sh', args, given))
  args.splice(0, 2, 'nonsense')
  env.A = '2'
  delete env.PATH
  stdio[1] = 'ignore'
  rlimits.core.soft = 77
  given.cwd = '/nowhere'
  given.input = 'out'
  for (const { stdout } of await Promise.all(all)) {
    expect(stdout.split('\n').filter((_, index) => index !== 1)).toEqual(['1', '/', '0', 'in'])
  }
})

test('the options of a batch are those of its call', async () => {
  const env: Record<string, string> = { A: '1' }
  const commands = [['/bin/sh', '-c', 'echo $A']] as [string, ...string[]][]
  const options = { env, concurrency: 1 }
  const work = batch(commands, options)
  env.A = '2'
  options.env = { A: '3' }
  const [one] = await work.all()
  expect(one?.result?.stdout).toBe('1\n')
})

test('the chain builders copy their arguments', () => {
  const fds = [{ fd: 1, newfd: 1 }]
  const argv = ['a']
  const ids = [1]
  const ops = [clone({ fds }), exec('/bin/true', { argv, envp: argv }), groups(ids)]
  fds.pop()
  argv.push('\0')
  ids.push(-1)
  expect(ops).toMatchObject([
    { fds: [{ fd: 1, newfd: 1 }] },
    { argv: ['a'], envp: ['a'] },
    { groups: [1] },
  ])
})

test('Ring and submit() refuse unknown options', () => {
  expect(() => new Ring({ backend: 'magic' as 'vfork' })).toThrow('backend must be one of')
  expect(() => new Ring({ backed: 'vfork' } as object)).toThrow('unknown option "backed" of Ring()')
  const submit = (options: object) => () =>
    new Ring().submit([clone({ fds: [] }), exec('/bin/true')], options)
  expect(submit({ closeFds: [-1] })).toThrow('closeFds[0] must be an integer')
  expect(submit({ closeFd: [] })).toThrow('unknown option "closeFd" of submit()')
  expect(() => compile(null as never)).toThrow('the command must be an object')
})
