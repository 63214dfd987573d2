// Whether an addon runs on other systems than the one that built it: what it needs of
// shared libraries, read from its file by readelf, which knows every architecture.
import { execFileSync } from 'node:child_process'

/** The oldest glibc that the addon has to run with: Debian 10, RHEL 8. */
export const OLDEST_GLIBC = [2, 28]

const readelf = (...args) =>
  execFileSync('readelf', ['--wide', ...args], { encoding: 'utf8', maxBuffer: 2 ** 26 })

/** The symbols of a library that others can use. */
export function definedIn(file) {
  const lines = readelf('--dyn-syms', file).split('\n')
  const names = lines.map((line) => /(?:GLOBAL|WEAK) +\S+ +(?!UND)\S+ (\S+)/.exec(line)?.[1])
  return new Set(names.flatMap((name) => (name ? [name.replace(/@.*/, '')] : [])))
}

/**
 * What an addon needs: shared libraries, and symbols with the version of each, if it
 * has one. Weak symbols and those of Node-API are left out.
 */
export function needsOf(file) {
  const libraries = readelf('--dynamic', file).matchAll(/\(NEEDED\).*\[(.+)\]/g)
  const symbols = readelf('--dyn-syms', file).matchAll(/GLOBAL +\S+ +UND (\w+)(?:@(\S+))?/g)
  return {
    libraries: [...libraries].map(([, name]) => name),
    symbols: [...symbols]
      .map(([, name, version]) => ({ name, version }))
      .filter(({ name }) => !name.startsWith('napi_')),
  }
}

const isTooNew = (version) => {
  const [major, minor] = /^GLIBC_(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? []
  if (major === undefined) return true
  return major > OLDEST_GLIBC[0] || (major === OLDEST_GLIBC[0] && minor > OLDEST_GLIBC[1])
}

/**
 * Why an addon does not run with every glibc from OLDEST_GLIBC on, or with musl, whose
 * symbols are given then; nothing if it does.
 * @param {string} file
 * @param {Set<string>} [musl]
 * @returns {string[]}
 */
export function portabilityProblems(file, musl) {
  const { libraries, symbols } = needsOf(file)
  const allowed = musl ? ['libc.so'] : ['libc.so.6', 'ld-linux-aarch64.so.1']
  return [
    ...libraries
      .filter((name) => !allowed.includes(name))
      .map((name) => `${name} has to be installed`),
    ...symbols
      .filter(({ name, version }) => (musl ? !musl.has(name) : !version || isTooNew(version)))
      .map(({ name, version }) => `${name}@${version ?? '?'}: old_glibc.h or runtime.cc lacks it`),
  ]
}
