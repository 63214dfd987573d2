/** Several copies of the JavaScript in one environment share its core. */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { transformWithEsbuild } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testedBackends } from '../backends.js'
import { HANG } from '../support.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
let dir = ''
/** Folders with copies of the library that share one addon. */
const copies: string[] = []

/** Whether Node reads it. */
const isRead = (path: string) => !/\.(map|d\.ts)$/.test(path)

beforeAll(async () => {
  mkdirSync(join(root, 'out'), { recursive: true })
  dir = mkdtempSync(join(root, 'out/copies-'))
  for (let at = 0; at < 3; at++) {
    const copy = join(dir, String(at))
    cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true, filter: isRead })
    symlinkSync(join(root, 'build'), join(copy, 'build'))
    copies.push(pathToFileURL(join(copy, 'dist/index.js')).href)
  }
  await makeFunctions()
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** The folder of the library's modules as functions of CommonJS, made once: it takes long. */
const functions = () => join(dir, 'functions')

/** Makes them. CommonJS, because Node never frees modules of node:vm. */
async function makeFunctions() {
  const dist = join(root, 'dist')
  for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    // The command line is no module that anything imports.
    if (!name.endsWith('.js') || name.startsWith('cli/')) continue
    const source = readFileSync(join(dist, name), 'utf8').replaceAll('import.meta.url', '__url')
    const { code } = await transformWithEsbuild(source, name, { format: 'cjs', sourcemap: false })
    const made = join(functions(), name)
    mkdirSync(dirname(made), { recursive: true })
    writeFileSync(made, `(function (module, require, __url) {${code}\n})`)
  }
}

/** Code that loads the first copy in another realm, as Jest does for each test file. */
const realms = () => `
  import { readFileSync } from 'node:fs'
  import { createRequire } from 'node:module'
  import vm from 'node:vm'
  const entry = '${copies[0]}'
  const scripts = new Map()
  function scriptOf(url) {
    const made = new URL(url.slice(new URL('.', entry).href.length), '${pathToFileURL(functions()).href}/')
    if (!scripts.has(url)) scripts.set(url, new vm.Script(readFileSync(made, 'utf8')))
    return scripts.get(url)
  }
  function loadInRealm() {
    const { AbortSignal, AbortController, Buffer, URL, performance, process, queueMicrotask, setImmediate, setTimeout } = globalThis
    const context = vm.createContext({ AbortSignal, AbortController, Buffer, URL, performance, process, queueMicrotask, setImmediate, setTimeout })
    const modules = new Map()
    const theirs = createRequire(entry)
    const load = (url) => {
      if (modules.has(url)) return modules.get(url)
      const module = { exports: {} }
      const require = (name) => name.startsWith('.') ? load(new URL(name, url).href) : theirs(name)
      scriptOf(url).runInContext(context)(module, require, url)
      modules.set(url, module.exports)
      return module.exports
    }
    return load(entry)
  }`

describe.each(testedBackends)('by %s', (backend) => {
  const node = (code: string, flags: string[] = []) =>
    execFileSync(process.execPath, [...flags, '--no-warnings', '--input-type=module', '-e', code], {
      encoding: 'utf8',
      timeout: HANG,
      env: { ...process.env, URING_SPAWN_BACKEND: backend },
      cwd: dirname(dir),
    })

  /** Uses every call of each copy at once, and then of one after another has ended. */
  const useAll = `
    const useAll = async (libraries) => {
      const said = await Promise.all(libraries.map(async ({ batch, run, spawn, template }, at) => {
        const runs = await Promise.all(Array.from({ length: 40 }, (_, n) =>
          run('cat', [], { input: at + '.' + n })))
        const child = await spawn('sh', ['-c', 'echo $0; exit 3', String(at)], { stdio: ['ignore', 'pipe', 'ignore'] })
        let out = ''
        for await (const chunk of child.stdout) out += chunk
        const { code } = await child.exited
        const results = await batch(Array.from({ length: 40 }, () => ['sh', '-c', 'exit ' + at])).all()
        const echo = await template('echo')
        const again = libraries[(at + 1) % libraries.length]
        const { stdout } = await again.run('echo', [String(at)], { template: echo })
        echo.close()
        return [
          runs.every(({ stdout }, n) => stdout === at + '.' + n), out, code,
          results.every(({ result }) => result.exitCode === at), stdout,
        ]
      }))
      return said
    }`
  const expected = (count: number) =>
    Array.from({ length: count }, (_, at) => [true, `${at}\n`, 3, true, `${at}\n`])

  test('copies in different folders', () => {
    const out = node(`
      ${useAll}
      const libraries = await Promise.all(${JSON.stringify(copies)}.map((url) => import(url)))
      console.log(JSON.stringify(await useAll(libraries)))`)
    expect(JSON.parse(out)).toEqual(expected(copies.length))
  })

  test('a copy whose children have ended does not end the program for another', () => {
    const ended = join(dir, 'ended')
    const script = 'until [ -e "$0" ]; do sleep 0.01; done; sleep 0.1'
    const out = node(`
      import { writeFileSync } from 'node:fs'
      const [one, two] = await Promise.all(${JSON.stringify(copies)}.map((url) => import(url)))
      two.run('sh', ['-c', '${script}', ${JSON.stringify(ended)}])
        .then(({ exitCode }) => console.log('two', exitCode))
      const { exitCode } = await one.run('true')
      console.log('one', exitCode)
      writeFileSync(${JSON.stringify(ended)}, '')`)
    rmSync(ended)
    expect(out).toBe('one 0\ntwo 0\n')
  })

  test('copies in a worker, which is terminated, and another after it', () => {
    const out = node(`
      import { Worker } from 'node:worker_threads'
      const code = \`
        Promise.all(${JSON.stringify(copies)}.map((url) => import(url))).then(async (libraries) => {
          const { parentPort } = await import('node:worker_threads')
          const said = await Promise.all(libraries.map(({ run }) => run('echo', ['hi'])))
          for (const { run } of libraries) run('sleep', ['0.1'])
          parentPort.postMessage(said.map(({ stdout }) => stdout))
        })\`
      for (let round = 0; round < 3; round++) {
        const worker = new Worker(code, { eval: true })
        const said = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
        console.log(said.join(''))
        await worker.terminate()
      }`)
    expect(out.match(/hi/g)).toHaveLength(3 * copies.length)
  })

  test('copies in realms of their own', () => {
    const out = node(
      `${realms()}
      ${useAll}
      const libraries = [await import('${copies[0]}'), loadInRealm(), loadInRealm()]
      console.log(JSON.stringify(await useAll(libraries)))`,
    )
    expect(JSON.parse(out)).toEqual(expected(3))
  })

  test('a copy that is gone leaves nothing behind', () => {
    const out = node(
      `${realms()}
      import { readdirSync } from 'node:fs'
      import { setTimeout as sleep } from 'node:timers/promises'
      const count = (what) => readdirSync('/proc/self/' + what).length
      let gone = 0
      const registry = new FinalizationRegistry(() => gone++)
      async function once() {
        const library = loadInRealm()
        registry.register(library.run)
        await library.run('cat', [], { input: 'x' })
        await (await library.spawn('true', [], { stdio: 'ignore' })).exited
      }
      for (let at = 0; at < 3; at++) await once()
      const before = [count('fd'), count('task')]
      for (let at = 0; at < 20; at++) await once()
      for (let at = 0; at < 100 && gone < 15; at++) {
        gc()
        await sleep(20)
      }
      const after = [count('fd'), count('task')]
      // Threads may be added when needed, but not one for each copy.
      console.log(JSON.stringify([gone >= 15, after[0] <= before[0], after[1] - before[1] < 10]))`,
      ['--expose-gc'],
    )
    expect(JSON.parse(out)).toEqual([true, true, true])
  })

  test('a copy that is no longer referenced still gets the events it waits for', () => {
    const out = node(
      `${realms()}
      let result
      await (async () => {
        const library = loadInRealm()
        result = library.run('sh', ['-c', 'sleep 0.3; echo late'])
      })()
      const timer = setInterval(gc, 20)
      console.log((await result).stdout.trim())
      clearInterval(timer)`,
      ['--expose-gc'],
    )
    expect(out).toBe('late\n')
  })
})
