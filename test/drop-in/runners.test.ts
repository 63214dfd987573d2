/** The drop-in where programs run: test runners, a REPL, threads, the permission model. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { installed } from '../installed.js'
import { HANG } from '../support.js'
import { programs, register } from './programs.js'

const { dir, registered } = programs()
cpSync(fileURLToPath(new URL('runners/check.mjs', import.meta.url)), join(dir, 'check.mjs'))

function run(args: string[], input = '', env: NodeJS.ProcessEnv = {}, cwd = dir) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    ...{ cwd, input, encoding: 'utf8', timeout: HANG },
    // Those of the runner that runs this are not meant for another.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
  })
  return { status, stdout, stderr }
}

const inAll = { NODE_OPTIONS: `--import=${register}` }

describe('test runners', () => {
  test('node:test, with a process for each file and the drop-in in all of them', () => {
    writeFileSync(
      join(dir, 'one.test.mjs'),
      `import test from 'node:test'
      import { check } from './check.mjs'
      test('starts', check)
      test('starts several at once', () => Promise.all([1, 2, 3].map(() => import('node:child_process')
        .then(({ spawn }) => new Promise((end) => spawn('true').on('close', end))))))
      test('mocked timers', async (t) => {
        t.mock.timers.enable()
        const { spawn } = await import('node:child_process')
        await new Promise((end) => spawn('echo', ['x']).on('close', end).stdout.resume())
      })`,
    )
    for (const [args, env] of [
      [['--import', register, '--test', 'one.test.mjs'], {}],
      [['--test', 'one.test.mjs'], inAll],
    ] as const) {
      const { status, stdout } = run([...args], '', env)
      expect(stdout).toMatch(/pass 3\b/)
      expect(status, stdout).toBe(0)
    }
  })

  test.each(['forks', 'threads', 'vmThreads'])('Vitest, in its pool %s', (pool) => {
    writeFileSync(
      join(dir, 'vitest.test.mjs'),
      `import { test } from 'vitest'
      import { check } from './check.mjs'
      test('starts', check)`,
    )
    const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))
    const flags = ['--root', dir, '--pool', pool, '--globals', 'vitest.test.mjs']
    const { status, stdout, stderr } = run([vitest, 'run', ...flags], '', inAll)
    expect(status, stdout + stderr).toBe(0)
    expect(stdout).toMatch(/1 passed/)
  })
})

/** Installing these takes longer than all other tests of this folder. */
const wanted = process.env.URING_SPAWN_TEST_RUNNERS === '1'
const skipped = wanted ? '' : ' (skipped: URING_SPAWN_TEST_RUNNERS=1 is not set)'

describe.runIf(wanted)(`test runners that are installed${skipped}`, () => {
  const at = () => {
    const packages = installed(fileURLToPath(new URL('runners/packages', import.meta.url)))
    const folder = mkdtempSync(join(packages, 'tests-'))
    cpSync(join(dir, 'check.mjs'), join(folder, 'check.mjs'))
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
    return { folder, bin: (path: string) => join(packages, 'node_modules', path) }
  }

  test.each([
    ['Mocha', 'mocha/bin/mocha.js', ['one.mjs'], "it('starts', check)", /1 passing/],
    [
      'Mocha, in parallel',
      'mocha/bin/mocha.js',
      ['--parallel', 'one.mjs', 'two.mjs'],
      "it('starts', check)",
      /2 passing/,
    ],
    [
      'AVA, in threads',
      'ava/entrypoints/cli.mjs',
      ['one.mjs', 'two.mjs'],
      "import test from 'ava'; test('starts', async (t) => { await check(); t.pass() })",
      /2 tests passed/,
    ],
    [
      'AVA, in processes',
      'ava/entrypoints/cli.mjs',
      ['--no-worker-threads', 'one.mjs', 'two.mjs'],
      "import test from 'ava'; test('starts', async (t) => { await check(); t.pass() })",
      /2 tests passed/,
    ],
    [
      'Jest, in one process',
      'jest/bin/jest.js',
      ['--runInBand', '--testMatch', '**/{one,two}.mjs'],
      "test('starts', check)",
      /2 passed/,
    ],
    [
      'Jest, in workers',
      'jest/bin/jest.js',
      ['--maxWorkers=2', '--testMatch', '**/{one,two}.mjs'],
      "test('starts', check)",
      /2 passed/,
    ],
  ])('%s', (_name, program, args, code, says) => {
    const { folder, bin } = at()
    try {
      for (const name of ['one.mjs', 'two.mjs']) {
        writeFileSync(join(folder, name), `import { check } from './check.mjs'\n${code}\n`)
      }
      const env = { NODE_OPTIONS: `${inAll.NODE_OPTIONS} --experimental-vm-modules` }
      const { status, stdout, stderr } = run([bin(program), ...args], '', env, folder)
      expect(stdout + stderr).toMatch(says)
      expect(status, stdout + stderr).toBe(0)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

test('a REPL', () => {
  const lines = [
    "const child = child_process.spawn('echo', ['from a child'])",
    "child.stdout.on('data', (text) => console.log('read: ' + text)), 0",
    "child.on('close', (code) => { console.log('closed: ' + code); process.exit() }), 0",
  ]
  // The end of the input ends a REPL: it waits for the child in the last line.
  const wait = "await new Promise((end) => child.on('close', end))"
  const { status, stdout } = run(
    ['--import', register, '--interactive', '--experimental-repl-await'],
    `${[...lines, wait].join('\n')}\n`,
  )
  expect(stdout).toContain('read: from a child')
  expect(stdout).toContain('closed: 0')
  expect(status).toBe(0)
})

test('worker threads that start and end, each with programs', () => {
  const worker = join(dir, 'worker.mjs')
  writeFileSync(
    worker,
    `import { parentPort } from 'node:worker_threads'
    import { check } from './check.mjs'
    parentPort.postMessage(await check().then(() => 'checked', String))`,
  )
  const { lines, stderr } = registered(`
    import { Worker } from 'node:worker_threads'
    import { once } from 'node:events'
    for (let round = 0; round < 3; round++) {
      const workers = Array.from({ length: 3 }, () => new Worker(${JSON.stringify(worker)}))
      const answers = workers.map((worker) => once(worker, 'message'))
      const ends = workers.map((worker) => once(worker, 'exit'))
      console.log((await Promise.all(answers)).join(), (await Promise.all(ends)).join())
    }
  `)
  expect(stderr).toBe('')
  expect(lines).toEqual(Array(3).fill('checked,checked,checked 0,0,0'))
})

test('a worker that is terminated while programs start', () => {
  const worker = join(dir, 'busy.mjs')
  writeFileSync(
    worker,
    `import { spawn } from 'node:child_process'
    import { parentPort } from 'node:worker_threads'
    spawn('true').on('close', () => parentPort.postMessage('busy'))
    setInterval(() => spawn('true'), 0)`,
  )
  const { lines } = registered(`
    import { Worker } from 'node:worker_threads'
    import { once } from 'node:events'
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(${JSON.stringify(worker)})
      await once(worker, 'message')
      console.log(await worker.terminate())
    }
    spawn('echo', ['after'], { stdio: ['ignore', 1, 2] })
  `)
  expect(lines).toEqual(['1', '1', '1', 'after'])
})

test('a cluster whose workers serve, and start programs', () => {
  const { lines } = registered(`
    import cluster from 'node:cluster'
    import { createServer, get } from 'node:http'
    if (cluster.isPrimary) {
      const answers = []
      for (let i = 0; i < 2; i++) cluster.fork().on('listening', (address) => {
        get({ port: address.port, agent: false }, (reply) => {
          let text = ''
          reply.on('data', (data) => (text += data)).on('end', () => {
            answers.push(text.trim())
            if (answers.length < 2) return
            console.log(answers.join())
            cluster.disconnect()
          })
        })
      })
    } else {
      createServer((_, reply) => spawn('echo', ['served']).stdout.pipe(reply)).listen(0)
    }
  `)
  expect(lines).toEqual(['served,served'])
})

describe('the permission model', () => {
  const flag = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission'
  const code = (then: string) => `
    const cp = require('node:child_process')
    ${then}
  `
  const permitted = (more: string[], then: string) =>
    run([flag, '--allow-fs-read=*', ...more, '--import', register, '-e', code(then)])

  test('forbids as without it', () => {
    const { stdout } = permitted(
      [],
      'try { cp.spawn("true") } catch ({ code }) { console.log(code) }',
    )
    expect(stdout).toBe('ERR_ACCESS_DENIED\n')
  })

  test('allows, and then Node starts it', () => {
    const { stdout } = permitted(
      ['--allow-child-process', '--allow-addons'],
      'const c = cp.spawn("true"); console.log(typeof Object.getOwnPropertyDescriptor(c, "pid").value)',
    )
    expect(stdout).toBe('number\n')
  })
})
