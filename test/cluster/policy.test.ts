/** What a worker's options allow, for many commands; nothing is run. */
import { mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Policy, readAllow, readNames } from '../../dist/cluster/allow.js'
import { Base } from '../../dist/cluster/folder.js'
import { readLimits } from '../../dist/cluster/options.js'
import { PROTOCOL, readWire } from '../../dist/cluster/protocol.js'
import { rejection } from '../support.js'

const dir = mkdtempSync(join(tmpdir(), 'policy-'))
afterAll(() => rmSync(dir, { recursive: true }))
const inside = join(dir, 'base')
mkdirSync(join(inside, 'sub/deep'), { recursive: true })
mkdirSync(join(dir, 'base-too'))
writeFileSync(join(dir, 'secret'), 'secret')
symlinkSync('/etc', join(inside, 'out'))
symlinkSync('sub', join(inside, 'in'))
symlinkSync('../secret', join(inside, 'leak'))
symlinkSync('../..', join(inside, 'sub/up'))

interface Rules {
  allow?: unknown[]
  env?: string[]
  cwd?: string
  limits?: object
}

const policy = ({ allow = ['/bin/ls'], env = [], cwd, limits }: Rules, own = {}) =>
  new Policy(
    readAllow(allow),
    readNames(env),
    cwd === undefined ? undefined : new Base(cwd),
    readLimits(limits),
    own,
  )
const command = (file: string, args: string[] = [], options = {}) =>
  readWire({ v: PROTOCOL, file, args, options })

describe('programs', () => {
  test.each([
    ['/bin/ls', '/bin/ls'],
    ['ls', '/bin/ls'],
    ['git', '/usr/bin/git'],
  ])('%s is %s', async (file, path) => {
    const allow = ['/bin/ls', '/usr/bin/git']
    expect((await policy({ allow }).admit(command(file))).settings.file).toBe(path)
  })

  test.each([
    '/usr/bin/ls',
    '/bin/ls2',
    'l',
    's',
    'bin/ls',
    './ls',
    '../bin/ls',
    '/bin/../bin/ls',
    '/bin//ls',
    '/bin/ls/',
    'LS',
    ' ls',
    'ls ',
    '/bin/sh',
  ])('%j is not allowed', async (file) => {
    expect(await rejection(policy({}).admit(command(file)))).toMatchObject({
      code: 'ERR_NOT_ALLOWED',
      message: `this worker does not allow the program ${JSON.stringify(file)}`,
    })
  })

  test('nothing is allowed by default', async () => {
    expect(await rejection(policy({ allow: [] }).admit(command('/bin/ls')))).toMatchObject({
      code: 'ERR_NOT_ALLOWED',
    })
  })

  test.each([
    [['ls']],
    [['./ls']],
    [['/bin/../ls']],
    [['/bin/']],
    [[1]],
    [[null]],
    [[{}]],
    [[{ file: 'x' }]],
    [[{ file: '/x', args: 'y' }]],
    [[{ file: '/x', args: [1] }]],
    [[{ file: '/x', args: ['...'] }]],
    [[{ file: '/x', args: ['...', 'a'] }]],
    ['/bin/ls'],
  ])('%j cannot be allowed', (allow) => {
    expect(() => readAllow(allow)).toThrow(/allow/)
  })
})

describe('arguments', () => {
  const git = [
    { file: '/usr/bin/git', args: ['log', '--*', '...'] },
    { file: '/usr/bin/git', args: ['status'] },
    { file: '/usr/bin/git', args: ['show', /[0-9a-f]{4,40}/] },
    { file: '/usr/bin/git', args: [/grep/i, 'a.c', '*', '...'] },
  ]
  test.each([
    [['status']],
    [['log']],
    [['log', '--oneline']],
    [['log', '--oneline', '--all', '--format=%h\n%s']],
    [['show', 'abcd']],
    [['GREP', 'a.c']],
    [['grep', 'a.c', '', 'x y', '*']],
  ])('%j are allowed', async (args) => {
    expect((await policy({ allow: git }).admit(command('git', args))).settings.args).toEqual(args)
  })

  test.each([
    [[]],
    [['']],
    [['status', '--x']],
    [['Status']],
    [['log', 'x']],
    [['log', '--a', 'x']],
    [['log', '--a', '-x', '--b']],
    [['show']],
    [['show', 'abc']],
    [['show', 'abcd;']],
    [['show', 'x\nabcd']],
    [['show', 'abcd', 'abcd']],
    [['-c', 'core.pager=x', 'log']],
    [['grep', 'abc']],
    [['push']],
  ])('%j are not', async (args) => {
    const error = await rejection(policy({ allow: git }).admit(command('git', args)))
    expect(error).toMatchObject({ code: 'ERR_NOT_ALLOWED' })
    // An argument may be a secret.
    for (const arg of args) if (arg.length > 3) expect(error.message).not.toContain(arg)
  })

  test('of a pattern are compared in a moment, however long they are', async () => {
    const allow = [{ file: '/bin/x', args: ['*a*a*a*b'] }]
    const args = ['a'.repeat(2000)]
    expect(await rejection(policy({ allow }).admit(command('x', args)))).toMatchObject({
      code: 'ERR_NOT_ALLOWED',
    })
  })
})

describe('variables', () => {
  const own = { HOME: '/root', LC_ALL: 'C', SECRET: 's', URING_SPAWN_REDIS: 'redis://:pw@x' }

  test.each<[string[], Record<string, string> | undefined, object]>([
    [[], undefined, { PATH: '/usr/local/bin:/usr/bin:/bin' }],
    [['HOME', 'LC_*'], undefined, { HOME: '/root', LC_ALL: 'C' }],
    [['HOME'], { HOME: '/x' }, { HOME: '/x' }],
    [['PATH'], { PATH: '/x' }, { PATH: '/x' }],
    [['*'], { A: '' }, { A: '', SECRET: 's' }],
  ])('names %j and %j', async (env, given, seen) => {
    const asked = command('ls', [], given && { env: given })
    const { settings } = await policy({ env }, own).admit(asked)
    const variables = Object.fromEntries(settings.env.envp.map((one) => one.split(/=(.*)/s)))
    expect(variables).toMatchObject(seen)
    expect(variables).not.toHaveProperty('URING_SPAWN_REDIS')
    if (!env.includes('*')) expect(variables).not.toHaveProperty('SECRET')
  })

  test.each(['LD_PRELOAD', 'home', 'HOME2', 'XHOME', '', 'NODE_OPTIONS', '__proto__', 'PATH'])(
    'the name %j is not allowed, and its value is not told',
    async (name) => {
      const env = Object.defineProperty({}, name, { value: 'hidden', enumerable: true })
      const admitted = policy({ env: ['HOME'] }, own).admit(command('ls', [], { env }))
      const error = await rejection(admitted)
      expect(error).toMatchObject({ code: 'ERR_NOT_ALLOWED' })
      expect(error.message).not.toContain('hidden')
    },
  )
})

describe('folders', () => {
  const within = policy({ cwd: inside })

  test.each([
    ['.', ''],
    ['sub', '/sub'],
    ['sub/../sub/deep', '/sub/deep'],
    ['in/deep', '/sub/deep'],
    [inside, ''],
    [`${inside}/sub`, '/sub'],
  ])('%s is inside', async (cwd, at) => {
    const { settings, release } = await within.admit(command('ls', [], { cwd }))
    expect(readlinkSync(`/proc/self/fd/${settings.cwd}`)).toBe(inside + at)
    await release()
  })

  test.each(['..', '/', '/etc', 'out', 'sub/up', 'sub/../..', `${inside}-too`, 'in/up/base-too'])(
    '%s is outside',
    async (cwd) => {
      expect(await rejection(within.admit(command('ls', [], { cwd })))).toMatchObject({
        code: 'ERR_NOT_ALLOWED',
        message: `cwd is outside of the folder that this worker allows: ${inside}`,
      })
    },
  )

  test('that are not there, or no folders', async () => {
    for (const [cwd, code] of [
      ['none', 'ENOENT'],
      ['leak', 'ENOTDIR'],
    ] as const) {
      const error = await rejection(within.admit(command('ls', [], { cwd })))
      expect(error).toMatchObject({ name: 'SpawnError', code, step: 'cwd' })
    }
  })

  test('a worker without a base folder allows none', async () => {
    for (const options of [{ cwd: '.' }, { stdio: ['ignore', { path: 'x' }] }]) {
      expect(await rejection(policy({}).admit(command('ls', [], options)))).toMatchObject({
        code: 'ERR_NOT_ALLOWED',
      })
    }
  })

  test.each(['../x', '/etc/x', 'out/x', 'sub/up/x', 'leak', '.', 'sub'])(
    'output to %s is refused',
    async (path) => {
      const open = within.admit(command('ls', [], { stdio: ['ignore', { path, flags: 'w' }] }))
      expect(['ERR_NOT_ALLOWED', 'ELOOP', 'EISDIR']).toContain((await rejection(open))?.code)
    },
  )

  test('output within goes to the file', async () => {
    const stdio = ['ignore', { path: 'made' }, 'pipe']
    const { settings, release } = await within.admit(command('ls', [], { cwd: 'in', stdio }))
    const { fd } = settings.stdio[1] as { fd: number }
    expect(readlinkSync(`/proc/self/fd/${fd}`)).toBe(join(inside, 'sub/made'))
    await release()
  })
})

describe('limits', () => {
  const limits = { timeout: 1000, maxBuffer: 100, nice: 5, rlimits: { nofile: 64 } }
  const seenLimits = { nofile: { soft: 64, hard: 64 } }

  test.each([
    [{}, { timeout: 1000, maxBuffer: 100, nice: 5 }],
    [
      { timeout: 10, maxBuffer: 5, nice: 7 },
      { timeout: 10, maxBuffer: 5, nice: 7 },
    ],
    [
      { timeout: 0, maxBuffer: 1e9 },
      { timeout: 1000, maxBuffer: 100 },
    ],
    [{ timeout: 99999 }, { timeout: 1000 }],
  ])('%j becomes %j', async (given, seen) => {
    const { settings } = await policy({ limits }).admit(command('ls', [], given))
    expect(settings).toMatchObject({ ...seen, noNewPrivs: true, rlimits: seenLimits })
  })

  test('a better priority is refused', async () => {
    const admitted = policy({ limits }).admit(command('ls', [], { nice: 4 }))
    expect(await rejection(admitted)).toMatchObject({ code: 'ERR_NOT_ALLOWED' })
  })

  test.each([[{ shell: true }], [{ nice: 99 }], [{ maxBuffer: Infinity }], [{ cwd: '/' }], [7]])(
    '%j are no limits',
    (bad) => {
      expect(() => readLimits(bad)).toThrow()
    },
  )
})

describe('a job that is no command', () => {
  const good = { v: PROTOCOL, file: 'ls', args: [], options: {} }

  test.each([
    [null],
    [undefined],
    ['x'],
    [7],
    [[]],
    [{}],
    [{ ...good, file: undefined }],
    [{ ...good, file: '' }],
    [{ ...good, file: ['ls'] }],
    [{ ...good, file: 'a\0b' }],
    [{ ...good, args: undefined }],
    [{ ...good, args: 'x' }],
    [{ ...good, args: [1] }],
    [{ ...good, args: ['a\0'] }],
    [{ ...good, args: [null] }],
    [{ ...good, more: 1 }],
    [{ ...good, options: null }],
    [{ ...good, options: [] }],
    [{ ...good, options: { uid: 0 } }],
    [{ ...good, options: { shell: true } }],
    [{ ...good, options: { argv0: 'sh' } }],
    [{ ...good, options: { inheritFds: true } }],
    [{ ...good, options: { stdio: [7] } }],
    [{ ...good, options: { stdio: 'inherit' } }],
    [{ ...good, options: { stdio: ['pipe', 'pipe', 'pipe', { path: 'x' }] } }],
    [{ ...good, options: { stdio: [{ path: 'x', flags: 'r+' }] } }],
    [{ ...good, options: { stdio: [{ path: 'x', fd: 3 }] } }],
    [{ ...good, options: { cwd: 3 } }],
    [{ ...good, options: { env: { A: 1 } } }],
    [{ ...good, options: { env: 'A=1' } }],
    [{ ...good, options: { input: {} } }],
    [{ ...good, options: { timeout: '1' } }],
    [{ ...good, options: { __proto__: null, constructor: 1 } }],
  ])('%j', (data) => {
    const code = /^ERR_(INVALID_JOB|CLUSTER_VERSION)$/
    expect(() => readWire(data)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(code) }),
    )
  })

  test.each([0, 1, 9, '2', 1.5, null, undefined])('of version %j says which it is', (v) => {
    expect(() => readWire({ ...good, v })).toThrow(
      expect.objectContaining({ code: 'ERR_CLUSTER_VERSION' }),
    )
  })
})
