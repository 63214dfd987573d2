// Builds the programs for the lab: the launchers with their harness, and the children.
import { copyFileSync, readdirSync, realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { quoted } from '../../tools/programs.mjs'
import { sh } from '../../tools/sh.mjs'
import { scratch } from '../lib/paths.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
/** Where build() put them. */
export let folder

// The shared file system answers in real time, and the clock would count the
// wait: the dynamic child has its libraries and its interpreter in a folder of
// the machine.
export const CHILDREN = { static: '/tmp/child', dynamic: '/tmp/dynamic' }
const LIBRARIES = '/tmp/lib'

export async function build() {
  folder ??= scratch()
  const sources = readdirSync(here).filter((name) => name.endsWith('.c'))
  const paths = sources.map((name) => here + name)
  const [bench, child, dynamic] = ['bench', 'child', 'dynamic'].map((name) => folder + name)
  const strict = ['-O2', '-Wall', '-Wextra', '-Werror']
  await sh`gcc ${strict} -I uring-native/include -o ${bench} ${paths} -luring`
  await sh`gcc -nostdlib -static -o ${child} ${here}child.S`
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
}

/** Lines of shell that copy them into the machine's memory. */
export function install() {
  const made = (...names) => names.map((name) => quoted(folder + name)).join(' ')
  return [
    'set -e',
    `mkdir ${LIBRARIES}`,
    `cp ${made('bench', 'child', 'dynamic')} /tmp/`,
    `cp ${made('libc.so.6', 'ld.so')} ${LIBRARIES}/`,
    `chmod +x ${LIBRARIES}/ld.so`,
  ]
}

/** The command that counts a launch method. */
export const counting = ({ method, child, memory = 0, fds = 3, runs }) =>
  `/tmp/bench ${method} --child ${CHILDREN[child]} --memory ${memory} --fds ${fds} --runs ${runs}`
