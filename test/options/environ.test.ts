/**
 * Without `env`, a child gets the contents of process.env at the call, whichever
 * object that is.
 */
import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { HANG } from '../support.js'

const library = new URL('../../dist/index.js', import.meta.url).href

/** Runs code in a Node process of its own, after a first start; returns what it prints. */
const say = (code: string, env: Record<string, string> = {}): unknown[] => {
  const out = execFileSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { run, spawn } from '${library}'
      const env = async () => (await run('/usr/bin/env')).stdout
      const has = async (name) => new RegExp('^' + name + '=(.*)$', 'm').exec(await env())?.[1] ?? null
      const said = []
      await run('/bin/true')
      ${code}
      console.log(JSON.stringify(said))`,
    ],
    { encoding: 'utf8', timeout: HANG, env: { PATH: process.env.PATH ?? '', ...env } },
  )
  return JSON.parse(out)
}

describe('process.env', () => {
  test('changed in place', () => {
    const said = say(`
      process.env.A = '1'
      said.push(await has('A'))
      process.env.A = '2'
      said.push(await has('A'))
      delete process.env.A
      said.push(await has('A'))
      process.env.A = '1'
      said.push(await has('A'))
      for (let at = 0; at < 2000; at++) process.env['N' + at] = 'x'.repeat(at % 100)
      said.push((await has('N1999')).length)`)
    expect(said).toEqual(['1', '2', null, '1', 99])
  })

  test('replaced, and then changed', () => {
    const said = say(`
      process.env = { ...process.env, FOO: '1' }
      said.push(await has('FOO'))
      process.env.FOO = '2'
      said.push(await has('FOO'))
      process.env = { PATH: process.env.PATH, BAR: 1, NONE: undefined, YES: true }
      said.push(await has('FOO'), await has('BAR'), await has('NONE'), await has('YES'))`)
    expect(said).toEqual(['1', '2', null, '1', null, 'true'])
  })

  test('replaced before the library is loaded, by a copy that looks the same', () => {
    const out = execFileSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `process.env = { ...process.env }
        const { run } = await import('${library}')
        await run('/bin/true')
        process.env.A = '1'
        console.log((await run('/usr/bin/env')).stdout.includes('A=1'))`,
      ],
      { encoding: 'utf8', timeout: HANG },
    )
    expect(out).toBe('true\n')
  })

  test('put back after it was replaced', () => {
    const said = say(`
      const real = process.env
      process.env = { A: 'other' }
      said.push(await has('A'))
      process.env = real
      said.push(await has('A'))
      real.A = 'real'
      said.push(await has('A'))`)
    expect(said).toEqual(['other', null, 'real'])
  })

  test('a proxy, an heir, one without a prototype', () => {
    const said = say(`
      const real = process.env
      let calls = 0
      process.env = new Proxy(real, { get: (target, name) => name === 'A' ? String(++calls) : target[name] })
      real.A = ''
      said.push(await has('A'), await has('A'))
      process.env = Object.assign(Object.create({ PATH: real.PATH, A: 'inherited' }), { B: 'own' })
      said.push(await has('A'), await has('B'))
      process.env = Object.assign(Object.create(null), { A: 'null' })
      said.push(await has('A'))`)
    expect(said).toEqual(['1', '2', 'inherited', 'own', 'null'])
  })

  test('PATH of a replaced process.env', () => {
    const said = say(`
      const { mkdtempSync, writeFileSync, rmSync } = await import('node:fs')
      const dir = mkdtempSync('/tmp/uring-spawn-path-')
      writeFileSync(dir + '/our-own-tool', '#!/bin/sh\\necho found', { mode: 0o755 })
      const find = async () => said.push(await run('our-own-tool').then(({ stdout }) => stdout, ({ code }) => code))
      await find()
      process.env = { ...process.env, PATH: process.env.PATH + ':' + dir }
      await find()
      process.env.PATH = '/bin'
      await find()
      process.env.PATH = dir + ':/bin:/usr/bin'
      await find()
      rmSync(dir, { recursive: true })`)
    expect(said).toEqual(['ENOENT', 'found\n', 'ENOENT', 'found\n'])
  })

  test('one that cannot be passed to a child: an error that names it', () => {
    const said = say(`
      const fails = () => run('/bin/true').then(() => said.push('started'), ({ code, message }) => said.push(code, message))
      process.env = { A: 'x\\0y' }
      await fails()
      process.env = { 'A=B': 'x' }
      await fails()`)
    expect(said).toEqual([
      'ERR_INVALID_ARG_VALUE',
      expect.stringContaining('process.env.A has a NUL byte'),
      'ERR_INVALID_ARG_VALUE',
      'process.env: "A=B" cannot be a name',
    ])
  })

  test('changed in place by native code: the same pointer, another value', () => {
    const said = say(
      `
      const { openSync, readFileSync, writeSync } = await import('node:fs')
      said.push(await has('MARK'))
      const begin = Number(readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ')[47])
      const at = readFileSync('/proc/self/environ').indexOf('MARK=aaaa') + 'MARK='.length
      const memory = openSync('/proc/self/mem', 'r+')
      writeSync(memory, Buffer.from('bbbb'), 0, 4, begin + at)
      said.push(process.env.MARK, await has('MARK'))`,
      { MARK: 'aaaa' },
    )
    expect(said).toEqual(['aaaa', 'bbbb', 'bbbb'])
  })

  test('in a worker: its own, and replaced there', () => {
    const said = say(`
      const { Worker } = await import('node:worker_threads')
      const code = \`
        import('${library}').then(async ({ run }) => {
          const { parentPort } = await import('node:worker_threads')
          const has = async () => /^A=(.*)$/m.exec((await run('/usr/bin/env')).stdout)?.[1] ?? null
          const said = [await has()]
          process.env.A = 'worker'
          said.push(await has())
          process.env = { A: 'replaced' }
          said.push(await has())
          parentPort.postMessage(said)
        })\`
      process.env.A = 'main'
      const worker = new Worker(code, { eval: true })
      said.push(...await new Promise((resolve) => worker.once('message', resolve)), await has('A'))`)
    expect(said).toEqual(['main', 'worker', 'replaced', 'main'])
  })

  test('shared with a worker that changes it all the time', () => {
    const said = say(`
      const { SHARE_ENV, Worker } = await import('node:worker_threads')
      const code = \`
        for (let at = 0; ; at++) {
          process.env.A = 'x'.repeat(at % 50)
          for (let n = 0; n < 50; n++) process.env['V' + n] = 'y'.repeat(at % 200)
          for (let n = 0; n < 50; n++) delete process.env['V' + n]
        }\`
      const worker = new Worker(code, { eval: true, env: SHARE_ENV })
      await new Promise((resolve) => worker.once('online', resolve))
      const odd = new Set()
      for (let at = 0; at < 200; at++) {
        for (const line of (await env()).split('\\n')) {
          if (!/^(PATH=.*|A=x*|V[0-9]+=y*)?$/.test(line)) odd.add(line)
        }
      }
      await worker.terminate()
      process.env.LAST = 'seen'
      said.push([...odd], await has('LAST'))`)
    expect(said).toEqual([[], 'seen'])
  })
})
