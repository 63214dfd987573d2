// What a machine of the lab needs to run the workload from its own memory. The
// lab shares the host's files by 9p, where to open one is a question to the
// host: that would be measured instead, and templates save opens. So the tools,
// their libraries and what else they read are put into an archive here, and
// unpacked into a tmpfs there, which is the commands' root.
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { root } from '../lib/paths.mjs'
import { presets } from './presets.mjs'

const PATH = '/usr/bin:/bin'
/** What shells of the presets call. */
const ALSO = ['cut', 'sort']
/** What programs look at as they start; those that are there. */
const FILES = [
  '/etc/passwd',
  '/etc/group',
  '/etc/nsswitch.conf',
  '/etc/ld.so.cache',
  '/etc/ssl/openssl.cnf',
]
const OURS = ['package.json', 'dist', 'build/Release/uring_spawn.node', 'demo', 'bench/agent-tools']

const sh = (file, ...args) => execFileSync(file, args, { encoding: 'utf8', env: { PATH } })

function find(tool) {
  const place = PATH.split(':').find((folder) => existsSync(join(folder, tool)))
  if (place) return join(place, tool)
  throw new Error(`${tool} is not in ${PATH}: npm run setup -- tools installs what is missing`)
}

const libraries = (file) =>
  [...sh('ldd', file).matchAll(/(\/\S+) \(0x/g)].map(([, library]) => library)

/** Files that Python reads for a program that imports json. */
function pythonFiles() {
  const program = `
import json, os, sys
for module in list(sys.modules.values()):
    for name in (getattr(module, '__file__', None), getattr(module, '__cached__', None)):
        if name and os.path.exists(name): print(name)
print(os.path.dirname(os.__file__) + '/lib-dynload')
`
  return sh(find('python3'), '-c', program).trim().split('\n')
}

/** A path, and where its links lead, each without links in its folders. */
function* withLinks(path) {
  const real = join(realpathSync(dirname(path)), basename(path))
  yield real
  if (lstatSync(real).isSymbolicLink()) yield* withLinks(resolve(dirname(real), readlinkSync(real)))
}

/** Makes the archive in `folder`; returns its path. */
export function pack(folder) {
  // The node that measures is the one that is measured with: it need not be
  // the one in PATH.
  const tools = [...new Set([...presets.map(({ tool }) => tool), ...ALSO])].filter(
    (tool) => tool !== 'node',
  )
  const programs = [...tools.map(find), realpathSync(process.execPath)]
  const files = [
    ...programs,
    ...programs.flatMap((file) => libraries(realpathSync(file))),
    ...libraries(`${root}build/Release/uring_spawn.node`),
    ...pythonFiles(),
    ...FILES.filter((file) => existsSync(file)),
  ]
  const paths = new Set(files.flatMap((file) => [...withLinks(file)]))
  for (const link of ['/bin', '/sbin', '/lib', '/lib64']) {
    if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) paths.add(link)
  }
  const list = `${folder}files`
  const archive = `${folder}tar`
  writeFileSync(list, [...paths].map((path) => `${path.slice(1)}\n`).join(''))
  const at = root.slice(1, -1)
  sh(
    'tar',
    ...['--create', '--file', archive, '--directory', '/', '--no-recursion', '--files-from', list],
    ...['--recursion', ...OURS.map((path) => join(at, path))],
  )
  return archive
}

/** The shell script that unpacks it there and runs a plan in it. */
export function script(archive, plan) {
  const files = '/tmp/files'
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`
  const node = realpathSync(process.execPath)
  return `
set -e
mkdir ${files}
tar --extract --file ${archive} --directory ${files}
mkdir -p ${files}/proc ${files}/dev ${files}/tmp ${files}/root ${files}/usr/share/git-core/templates
mount --rbind /proc ${files}/proc
mount --rbind /dev ${files}/dev
[ -e ${files}/usr/bin/node ] || ln -s ${node} ${files}/usr/bin/node
exec env -i PATH=${PATH} HOME=/root LC_ALL=C /usr/sbin/chroot ${files} ${node} ${root}bench/agent-tools/inside.mjs ${quoted(JSON.stringify(plan))}
`
}
