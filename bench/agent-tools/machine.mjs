// Puts the workload into the memory of a machine of the lab. The lab shares the
// host's files through 9p, where each open is a request to the host: that would
// be measured instead, and templates save opens. So the tools, their libraries
// and what else they read are packed into an archive on the host and unpacked
// into a tmpfs in the machine, which becomes the commands' root.
import { existsSync, lstatSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../tools/paths.mjs'
import { programFiles, quoted, withLinks } from '../../tools/programs.mjs'
import { sh } from '../../tools/sh.mjs'
import { presets } from './presets.mjs'

const PATH = '/usr/bin:/bin'
/** Programs that the presets' shells start. */
const ALSO = ['cut', 'sort']
/** Files that programs read as they start; those that exist. */
const FILES = [
  '/etc/passwd',
  '/etc/group',
  '/etc/nsswitch.conf',
  '/etc/ld.so.cache',
  '/etc/ssl/openssl.cnf',
]
const OURS = ['package.json', 'dist', 'build/Release/uring_spawn.node', 'bench/agent-tools']

/** Makes the archive in `folder`; resolves to its path. */
export async function pack(folder) {
  // The node that measures is the one that runs this, not the one in PATH.
  const tools = [...new Set([...presets.map(({ tool }) => tool), ...ALSO])].filter(
    (tool) => tool !== 'node',
  )
  const files = [...programFiles(tools, PATH), ...FILES.filter((file) => existsSync(file))]
  const paths = new Set(files.flatMap((file) => [...withLinks(file)]))
  for (const link of ['/bin', '/sbin', '/lib', '/lib64']) {
    if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) paths.add(link)
  }
  const list = `${folder}files`
  const archive = `${folder}tar`
  writeFileSync(list, [...paths].map((path) => `${path.slice(1)}\n`).join(''))
  const at = root.slice(1, -1)
  const ours = OURS.map((path) => join(at, path))
  await sh`tar --create --file ${archive} --directory / --no-recursion --files-from ${list} --recursion ${ours}`
  return archive
}

/** The shell script that unpacks it there and runs a plan in it. */
export function script(archive, plan) {
  const files = '/tmp/files'
  const node = quoted(realpathSync(process.execPath))
  const inside = quoted(`${root}bench/agent-tools/inside.mjs`)
  return `
set -e
mkdir ${files}
tar --extract --file ${quoted(archive)} --directory ${files}
mkdir -p ${files}/proc ${files}/dev ${files}/tmp ${files}/root ${files}/usr/share/git-core/templates
mount --rbind /proc ${files}/proc
mount --rbind /dev ${files}/dev
[ -e ${files}/usr/bin/node ] || ln -s ${node} ${files}/usr/bin/node
exec env -i PATH=${PATH} HOME=/root LC_ALL=C /usr/sbin/chroot ${files} ${node} ${inside} ${quoted(JSON.stringify(plan))}
`
}
