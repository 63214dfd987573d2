// The kernel designs side by side, by instruction counts: every launch method
// on one machine whose clock counts instructions, over the axes child, memory
// of the parent, and open descriptors. Prints tables, writes the JSON.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { $ } from 'zx'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
export const out = `${root}out/designs`

const METHODS = [
  'fork',
  'vfork',
  'posix_spawn',
  'clone3',
  'chain',
  'chain_fds',
  'chain_pidfd',
  'chain_batch',
  'chain_template',
  'spawn_template',
]
// A dynamic program that read its libraries through the shared file system,
// whose answers come in real time, would have the clock count the waiting, too:
// this one has them, and its interpreter, in a folder of the machine's.
const CHILDREN = { static: '/tmp/child', dynamic: '/tmp/dynamic' }
const LIBRARIES = '/tmp/lib'
/** MiB that the parent has touched. */
const MEMORY = [0, 256, 1024]
const FDS = [3, 1000, 10_000]
const RUNS = 100
/** fork() of a large parent takes a thousand times as long, and varies less. */
const RUNS_OF_LARGE_FORK = 10

const sh = $({ quiet: true, cwd: root })

export function describe(command) {
  command
    .description('instructions per process by launch method, in the lab')
    .option('--quick', 'the small parent only')
    .option('--json <file>', 'where the result goes', `${out}/designs.json`)
}

function cases(quick) {
  const axes = quick
    ? [{ memory: 0, fds: 3 }]
    : [
        ...MEMORY.map((memory) => ({ memory, fds: 3 })),
        ...FDS.slice(1).map((fds) => ({ memory: 0, fds })),
      ]
  return Object.keys(CHILDREN).flatMap((child) =>
    // What the parent is like costs the same whatever the child.
    axes
      .slice(0, child === 'static' ? axes.length : 1)
      .flatMap((axis) => METHODS.map((method) => ({ child, ...axis, method }))),
  )
}

function commandLine({ method, child, memory, fds }) {
  const runs = method === 'fork' && memory > 0 ? RUNS_OF_LARGE_FORK : RUNS
  return `/tmp/bench ${method} --child ${CHILDREN[child]} --memory ${memory} --fds ${fds} --runs ${runs}`
}

export async function build() {
  mkdirSync(out, { recursive: true })
  const sources = (await sh`ls ${here}`).stdout.match(/\S+\.c\b/g).map((name) => here + name)
  await sh`gcc -O2 -Wall -Wextra -Werror -I uring-native/include -o ${out}/bench ${sources} -luring`
  await sh`gcc -nostdlib -static -o ${out}/child ${here}child.S`
  await sh`gcc -O2 -o ${out}/dynamic ${here}child/dynamic.c -Wl,-rpath,${LIBRARIES} -Wl,--dynamic-linker=${LIBRARIES}/ld.so`
  const { stdout } = await sh`ldd ${out}/child ${out}/bench`.nothrow()
  const library = (name) => new RegExp(`\\S*/${name}\\S*`).exec(stdout)?.[0]
  await sh`cp -L ${library('libc.so')} ${out}/libc.so.6`
  await sh`cp -L ${library('ld-linux')} ${out}/ld.so`
}

async function count(list) {
  // Children live on the machine's tmpfs, so that the shared file system does
  // not count.
  const script = [
    'set -e',
    `mkdir ${LIBRARIES}`,
    `cp ${out}/bench ${out}/child ${out}/dynamic /tmp/`,
    `cp ${out}/libc.so.6 ${out}/ld.so ${LIBRARIES}/`,
    'uname -r >&2',
    ...list.map(commandLine),
  ].join('\n')
  writeFileSync(`${out}/run.sh`, `${script}\n`)
  const { stdout, stderr } = await sh`node kernel/lab --icount --memory 4G -- sh ${out}/run.sh`
  const results = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  return {
    kernel: stderr
      .trim()
      .split('\n')
      .find((line) => /^\d+\.\d+/.test(line)),
    results: results.map(({ total, call, return: returned }, i) => ({
      ...list[i],
      total,
      call,
      return: returned,
    })),
  }
}

const thousands = (n) => (n / 1000).toFixed(1).padStart(9)

function print({ results }) {
  const groups = new Map()
  for (const row of results) {
    const title = `${row.child} child, ${row.memory} MiB, ${row.fds} fds`
    groups.set(title, [...(groups.get(title) ?? []), row])
  }
  for (const [title, rows] of groups) {
    console.log(`\n${title}: thousand instructions per process`)
    console.log(`${''.padEnd(14)}${'total'.padStart(9)}${'in caller'.padStart(12)}`)
    for (const row of rows) {
      console.log(`${row.method.padEnd(14)}${thousands(row.total)}   ${thousands(row.call)}`)
    }
  }
}

export async function main({ quick = false, json }) {
  await build()
  const list = cases(quick)
  console.error(`bench: ${list.length} counts, ${quick ? 'half a minute' : 'some three minutes'}`)
  const { kernel, results } = await count(list)
  const report = {
    command: `npm run bench -- designs${quick ? ' --quick' : ''}`,
    unit: 'instructions per process',
    machine: 'QEMU TCG, one CPU, -icount shift=0',
    kernel,
    compiler: (await sh`gcc --version`).stdout.split('\n')[0],
    package: JSON.parse(readFileSync(`${root}package.json`, 'utf8')).version,
    results,
  }
  print(report)
  writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`)
  console.log(`\n${json}`)
}
