// The workload in the memory of a machine of the lab: templates save opens, and
// opens of the lab's shared files would take a request to the host each.
import { existsSync, realpathSync } from 'node:fs'
import process from 'node:process'
import { root } from '../../tools/paths.mjs'
import { programFiles, quoted } from '../../tools/programs.mjs'
import { FILES, pack as packFiles, unpackLines } from '../lib/archive.mjs'
import { presets } from './presets.mjs'

const PATH = '/usr/bin:/bin'
/** Programs that the presets' shells start. */
const ALSO = ['cut', 'sort']
/** Files that programs read as they start; those that exist. */
const READ = [
  '/etc/passwd',
  '/etc/group',
  '/etc/nsswitch.conf',
  '/etc/ld.so.cache',
  '/etc/ssl/openssl.cnf',
]
const OURS = [
  ...['package.json', 'dist', 'build/Release/uring_spawn.node'],
  ...['bench/agent-tools', 'bench/agent-counts'],
]

/** Makes the archive in `folder`; resolves to its path. */
export async function pack(folder) {
  // The node that measures is the one that runs this, not the one in PATH.
  const tools = [...new Set([...presets.map(({ tool }) => tool), ...ALSO])].filter(
    (tool) => tool !== 'node',
  )
  const files = [...programFiles(tools, PATH), ...READ.filter((file) => existsSync(file))]
  const archive = `${folder}tar`
  const ours = OURS.map((path) => root + path)
  await packFiles(archive, files, ours)
  return archive
}

/**
 * The shell script that unpacks it there and runs a plan in it.
 * @param {string} archive
 * @param {object} plan
 * @param {string} module  the project's file that gets the plan, as JSON
 */
export function script(archive, plan, module) {
  const node = quoted(realpathSync(process.execPath))
  const inside = quoted(root + module)
  return `
set -e
${unpackLines(archive).join('\n')}
mkdir -p ${FILES}/root ${FILES}/usr/share/git-core/templates
[ -e ${FILES}/usr/bin/node ] || ln -s ${node} ${FILES}/usr/bin/node
exec env -i PATH=${PATH} HOME=/root LC_ALL=C /usr/sbin/chroot ${FILES} ${node} ${inside} ${quoted(JSON.stringify(plan))}
`
}
