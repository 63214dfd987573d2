/** The package as users get it. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installed } from '../installed.js'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))

export const MINUTES = 60_000

/** Runs a command to its end; returns its output. */
export function sh(command: string, args: readonly string[], cwd: string, env = {}): string {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    // The backend is the package's choice, and NODE_OPTIONS are for the test runner.
    env: { ...process.env, URING_SPAWN_BACKEND: '', NODE_OPTIONS: '', ...env },
  })
  if (status === 0) return stdout
  throw new Error(`${command} ${args.join(' ')}: ${error ?? status}\n${stdout}${stderr}`)
}

/** Packs the package into the folder, and returns the tarball. The library must have been built. */
export function pack(to: string): string {
  sh(process.execPath, ['scripts/prebuild.mjs'], root)
  sh('npm', ['pack', '--ignore-scripts', '--pack-destination', to], root)
  const name = readdirSync(to).find((file) => /^uring-spawn-\d.*\.tgz$/.test(file))
  if (name === undefined) throw new Error(`npm pack has left no tarball in ${to}`)
  return join(to, name)
}

/** A folder for a program, with the test's own programs in it. */
export function makeApp(at: string, manifest: object = {}): string {
  mkdirSync(at, { recursive: true })
  writeFileSync(join(at, 'package.json'), JSON.stringify({ private: true, ...manifest }))
  for (const name of ['program.mjs', 'program.cjs']) cpSync(here(name), join(at, name))
  return at
}

/** The folder with what a package.json beside these tests pins, downloaded once. */
export const downloaded = (name: 'runtimes' | 'tools') =>
  join(installed(here(name)), 'node_modules')

/** By name of the runtime: how it runs a file. */
export const runtimes = (): Record<string, [command: string, args: string[]]> => {
  const at = downloaded('runtimes')
  const nodes = ['20', '22', '24', '26'].map((major): [string, [string, string[]]] => [
    `Node ${major}`,
    [join(at, `node-${major}/bin/node`), []],
  ])
  return {
    ...Object.fromEntries(nodes),
    Bun: [join(at, 'bun/bin/bun'), []],
    Deno: [join(at, 'deno/deno'), ['run', '--allow-all']],
  }
}
