// Puts files of the host into the memory of a machine of the lab. The lab shares
// the host's files through 9p, where each open is a request to the host: that would
// be measured instead. So they are packed into an archive on the host and unpacked
// into a tmpfs in the machine, which becomes the commands' root.
import { lstatSync, writeFileSync } from 'node:fs'
import { quoted, withLinks } from '../../tools/programs.mjs'
import { sh } from '../../tools/sh.mjs'

/** Links in the root folder, where a system has merged /usr. */
const LINKS = ['/bin', '/sbin', '/lib', '/lib64']

/** Where the archive is unpacked in the machine: a root for chroot(8). */
export const FILES = '/tmp/files'

/**
 * Packs files, and the targets of their links.
 * @param {string} archive  the file to make
 * @param {string[]} files  absolute paths
 * @param {string[]} [trees]  absolute paths of files and of folders with all they hold
 */
export async function pack(archive, files, trees = []) {
  const paths = new Set(files.flatMap((file) => [...withLinks(file)]))
  for (const link of LINKS) {
    if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) paths.add(link)
  }
  const list = `${archive}-files`
  writeFileSync(list, [...paths].map((path) => `${path.slice(1)}\n`).join(''))
  // tar refuses an option that nothing follows.
  const recursive = trees.length > 0 ? ['--recursion', ...trees.map((path) => path.slice(1))] : []
  await sh`tar --create --file ${archive} --directory / --no-recursion --files-from ${list} ${recursive}`
}

/** Lines of shell that unpack an archive into FILES. */
export const unpackLines = (archive) => [
  `mkdir ${FILES}`,
  `tar --extract --file ${quoted(archive)} --directory ${FILES}`,
  `mkdir -p ${FILES}/proc ${FILES}/dev ${FILES}/tmp`,
  `mount --rbind /proc ${FILES}/proc`,
  `mount --rbind /dev ${FILES}/dev`,
]
