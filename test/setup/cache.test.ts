/** Where kernels are kept: a folder in which make(1) can build one. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

const project = fileURLToPath(new URL('../..', import.meta.url))

let folder: string
beforeEach(() => {
  folder = mkdtempSync('/tmp/uring-spawn-cache-')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** What cacheFolder() says in a clone of that name, and with these variables. */
function cacheFolder(env: NodeJS.ProcessEnv, clone = 'clone') {
  const root = join(folder, clone)
  cpSync(join(project, 'tools'), join(root, 'tools'), { recursive: true })
  const code = "import('./tools/cache.mjs').then((it) => console.log(it.cacheFolder()))"
  const options = { cwd: root, encoding: 'utf8', env: { PATH: process.env.PATH, ...env } } as const
  return execFileSync(process.execPath, ['-e', code], options).trim()
}
const ofClone = () => join(folder, 'clone/out/cache')

test.each([['a'], ['not/there/yet'], ['with.dots-and_more+1,2@3'], ['ümlaut/日本']])(
  'it is below XDG_CACHE_HOME: %s',
  (name) => {
    const at = join(folder, name)
    expect(cacheFolder({ XDG_CACHE_HOME: at })).toBe(join(at, 'uring-spawn'))
  },
)

test.each([
  ['a b'],
  ['tab\there'],
  ['a:b'],
  ["it's"],
  ['"quoted"'],
  ['$HOME'],
  ['a#b'],
  ['100%'],
  ['a;b'],
  ['a&b'],
  ['back\\slash'],
  ['(a)'],
  ['`a`'],
  ['star*'],
])('it is in the clone if make cannot take the name: %s', (name) => {
  const at = join(folder, name)
  mkdirSync(at)
  expect(cacheFolder({ XDG_CACHE_HOME: at })).toBe(ofClone())
  expect(cacheFolder({ HOME: at })).toBe(ofClone())
})

test('without XDG_CACHE_HOME, or with a relative one, it is at home', () => {
  const at = join(folder, 'home')
  mkdirSync(at)
  const cache = join(at, '.cache/uring-spawn')
  expect(cacheFolder({ HOME: at })).toBe(cache)
  expect(cacheFolder({ HOME: at, XDG_CACHE_HOME: 'relative' })).toBe(cache)
  expect(cacheFolder({ HOME: at, XDG_CACHE_HOME: '' })).toBe(cache)
})

test('it is in the clone if nothing can be made at home', () => {
  expect(cacheFolder({ HOME: '/proc/self' })).toBe(ofClone())
})

test('it is in /var/tmp if the clone has such a name, too', () => {
  const found = cacheFolder({ XDG_CACHE_HOME: join(folder, 'a b') }, 'a clone')
  expect(found).toBe(`/var/tmp/uring-spawn-${process.getuid?.()}`)
  // It is empty unless a lab uses it.
  try {
    execFileSync('rmdir', [found], { stdio: 'ignore' })
  } catch {}
})
