// Builds the programs for the lab: the launchers with their harness, and the children.
import { copyFileSync, readdirSync, realpathSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { filesOf, lookUp, quoted } from '../../tools/programs.mjs'
import { sh } from '../../tools/sh.mjs'
import { FILES, pack, unpackLines } from '../lib/archive.mjs'
import { scratch } from '../lib/paths.mjs'
import { LIBRARY, preloading } from '../lib/preload.mjs'
import { PRELOADED } from '../report/names.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
/** Where build() put them. */
export let folder

// The shared file system answers in real time, and the clock would count the
// wait: the children, their libraries and their interpreters are in the
// machine's memory. Those of this project have them in a folder, those of the
// system in a root of their own.
const LIBRARIES = '/tmp/lib'
const PRELOAD = basename(LIBRARY)
const PATH = '/usr/bin:/bin'
const COUNTS = '/tmp/counts'

/** The programs to start. `tool`: one of the system's. */
export const CHILDREN = {
  static: { path: '/tmp/child', args: [] },
  dynamic: { path: '/tmp/dynamic', args: [] },
  dash: { tool: 'dash', args: ['-c', ':'] },
  git: { tool: 'git', args: ['--version'] },
  rg: { tool: 'rg', args: ['--version'] },
  python3: { tool: 'python3', args: ['-c', 'pass'] },
  busybox: { tool: 'busybox', args: ['true'] },
}

const pathOf = ({ path, tool }) => path ?? lookUp(tool, PATH)

/** The children that this system does not have. */
export const missing = () => Object.keys(CHILDREN).filter((name) => !pathOf(CHILDREN[name]))

/** Builds them, and packs what the chosen children read. */
export async function build(children) {
  folder ??= scratch()
  const sources = readdirSync(here).filter((name) => name.endsWith('.c'))
  const paths = sources.map((name) => here + name)
  const [bench, child, dynamic] = ['bench', 'child', 'dynamic'].map((name) => folder + name)
  const strict = ['-O2', '-Wall', '-Wextra', '-Werror']
  await sh`gcc ${strict} -I uring-native/include -o ${bench} ${paths} -luring`
  await sh`gcc -nostdlib -static -o ${child} ${here}child.S`
  await sh`gcc ${strict} -o ${folder}footprint ${here}footprint/footprint.c ${here}cli.c`
  const interpreter = [`-Wl,-rpath,${LIBRARIES}`, `-Wl,--dynamic-linker=${LIBRARIES}/ld.so`]
  await sh`gcc -O2 -o ${dynamic} ${here}child/dynamic.c ${interpreter}`
  const { stdout: printed } = await sh`ldd ${bench}`
  for (const [name, to] of [
    ['libc.so', 'libc.so.6'],
    ['ld-linux', 'ld.so'],
  ]) {
    const library = new RegExp(`\\S*/${name}\\S*`).exec(printed)?.[0]
    copyFileSync(realpathSync(library), `${folder}${to}`)
  }
  copyFileSync(LIBRARY, folder + PRELOAD)
  const tools = children.filter((name) => CHILDREN[name].tool).map((name) => CHILDREN[name])
  if (tools.length > 0) await pack(`${folder}tar`, filesOf([...tools.map(pathOf), bench]))
}

/** Lines of shell that copy what a child needs into the machine's memory. */
export function install(child) {
  const made = (...names) => names.map((name) => quoted(folder + name)).join(' ')
  if (CHILDREN[child].tool) {
    return [
      'set -e',
      ...unpackLines(`${folder}tar`),
      `cp ${made('bench', 'footprint', PRELOAD)} ${FILES}/tmp/`,
      // chroot(8) loads it, too.
      `cp ${made(PRELOAD)} /tmp/`,
    ]
  }
  return [
    'set -e',
    `mkdir ${LIBRARIES}`,
    `cp ${made('bench', 'footprint', PRELOAD, 'child', 'dynamic')} /tmp/`,
    `cp ${made('libc.so.6', 'ld.so')} ${LIBRARIES}/`,
    `chmod +x ${LIBRARIES}/ld.so`,
  ]
}

/** The command that counts a launch method. `warmUp`: starts before those that are counted. */
export function counting({ method, child, memory = 0, fds = 3, runs, warmUp }) {
  const starts = `--runs ${runs}${warmUp === undefined ? '' : ` --warm-up ${warmUp}`}`
  const by = PRELOADED[method]
  const program = `bench ${by ? 'posix_spawn' : method}`
  const line = commandOf(program, child, `--memory ${memory} --fds ${fds} ${starts}`)
  return by ? `${preloading(`/tmp/${PRELOAD}`, by)} ${line}` : line
}

/** The command that tells what a child has mapped at its end. */
export const measuring = ({ child, runs }) => commandOf('footprint', child, `--runs ${runs}`)

/** Runs a program of the folder with a child, and prints what it found. */
function commandOf(program, child, options) {
  const { tool, args } = CHILDREN[child]
  const words = args.map(quoted).join(' ')
  const command = `/tmp/${program} --child ${pathOf(CHILDREN[child])} ${options}`
  if (!tool) return `${command} -- ${words}`.trimEnd()
  // It may print something.
  const quiet = `${command} --output ${COUNTS} -- ${words} > /dev/null`
  return `/usr/sbin/chroot ${FILES} ${quiet}\ncat ${FILES}${COUNTS}`
}
