// The same by instruction counts, on a machine of the lab with one processor whose clock
// counts them.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { filesOf, find, quoted } from '../../tools/programs.mjs'
import { FILES, pack, unpackLines } from '../lib/archive.mjs'
import { runInLab } from '../lib/lab.mjs'
import { scratch } from '../lib/paths.mjs'
import { INTERFACES, preloading } from '../lib/preload.mjs'
import { PROGRAMS } from './programs.mjs'

export const MACHINE = { cpus: 1, memory: '2G' }
const PATH = '/usr/bin:/bin'
/** Where the works are in the machine's root. */
const WORK = '/tmp/work'
/** Fills caches. */
const WARM = 3

/**
 * What a command costs is the difference between a run of many and one of few, which has
 * the program's own start and end, too. Prints a line of JSON.
 */
const script = (names, library, few, many) => `
count() { # folder, interface or "libc", command...
  cd "$1"; by=$2; shift 2
  preload="${preloading(library, '$by')}"
  [ $by != libc ] || preload=
  begin=$(date +%s%N)
  env -i PATH=${PATH} $preload "$@" > /dev/null || exit 1
  end=$(date +%s%N)
  rm -f .ninja_log
  spent=$((end - begin))
}
for round in $(seq ${WARM}) last; do
  for side in libc ${INTERFACES.join(' ')}; do
    ${names
      .map((name) => {
        const command = [name, ...PROGRAMS[name].args].map(quoted).join(' ')
        return `count ${WORK}/${name}-few $side ${command}; few=$spent
    count ${WORK}/${name}-many $side ${command}
    [ $round != last ] || echo "{\\"program\\":\\"${name}\\",\\"side\\":\\"$side\\",\\"count\\":$(( (spent - few) / ${many - few} ))}"`
      })
      .join('\n    ')}
  done
done
`

async function runLines(folder, lines) {
  const file = join(folder, 'machine.sh')
  writeFileSync(file, `${lines.join('\n')}\n`)
  const options = ['--icount', '--memory', MACHINE.memory, '--timeout', '0']
  return await runInLab(options, ['sh', file])
}

/** The archive of what `names` and what they start read. */
async function packPrograms(folder, names) {
  const started = names.flatMap((name) => PROGRAMS[name].starts)
  const tools = ['sh', 'env', 'date', 'seq', 'rm', ...names].map((tool) => find(tool, PATH))
  const archive = `${folder}tar`
  await pack(archive, filesOf([...new Set([...tools, ...started])]))
  return archive
}

/**
 * Resolves to the kernel's release and, by program, the instructions of one command with
 * the C library and by each interface.
 * @param {string[]} names  of PROGRAMS
 * @param {string} library  the path of the one to preload
 * @param {number} commands  in a run
 */
export async function count(names, library, commands) {
  const folder = scratch()
  const few = Math.ceil(commands / 10)
  const archive = await packPrograms(folder, names)
  for (const name of names) {
    for (const [size, times] of Object.entries({ few, many: few + commands })) {
      const work = join(folder, `${name}-${size}`)
      mkdirSync(work)
      PROGRAMS[name].work(work, times)
    }
  }
  copyFileSync(library, join(folder, basename(library)))
  const preloaded = `${WORK}/${basename(library)}`
  writeFileSync(join(folder, 'count.sh'), script(names, preloaded, few, few + commands))
  const inside = `${FILES}${WORK}`
  const works = names.flatMap((name) => [`${name}-few`, `${name}-many`])
  const lines = [
    'set -e',
    ...unpackLines(archive),
    `mkdir -p ${inside}`,
    `cd ${quoted(folder)}`,
    `cp -r ${works.join(' ')} count.sh ${basename(library)} ${inside}`,
    'echo "\\"$(uname -r)\\""',
    `exec /usr/sbin/chroot ${FILES} sh ${WORK}/count.sh`,
  ]
  const [kernel, ...printed] = await runLines(folder, lines)
  const of = (program, side) =>
    printed.find((one) => one.program === program && one.side === side).count
  return {
    kernel,
    counts: names.map((name) => ({
      name,
      libc: of(name, 'libc'),
      by: Object.fromEntries(INTERFACES.map((by) => [by, of(name, by)])),
    })),
  }
}
