// The programs that start others, their work, and the library that takes the place
// of the C library's posix_spawn().
import { copyFileSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { LIBRARY } from '../lib/preload.mjs'

/** The command that they start: what it does itself is the same for both sides. */
const TRIVIAL = '/bin/true'

const targetsOf = (commands) => Array.from({ length: commands }, (_, at) => `t${at}`)

/** make starts a command without characters of the shell's by itself. */
const makefile = (targets) =>
  `all: ${targets.join(' ')}\n.PHONY: all ${targets.join(' ')}\n${targets.join(' ')}:\n\t@${TRIVIAL}\n`

/** ninja starts a shell for each. What is built never exists, so each run builds all. */
const ninjafile = (targets) =>
  `rule one\n command = ${TRIVIAL}\n${targets.map((target) => `build ${target}: one\n`).join('')}`

/** Python closes all other descriptors by default, which posix_spawn() has no word for. */
const python = (runs) =>
  `import subprocess\nfor _ in range(${runs}): subprocess.run(['${TRIVIAL}'], close_fds=False, check=True)\n`

/** Each writes its work, of `times` commands, into a folder; `args` have it done there. */
export const PROGRAMS = {
  make: {
    work: (folder, times) => writeFileSync(join(folder, 'Makefile'), makefile(targetsOf(times))),
    args: ['-j2', '-s'],
    job: (times) => `make -j2, ${times} commands`,
    starts: [TRIVIAL],
  },
  ninja: {
    work: (folder, times) =>
      writeFileSync(join(folder, 'build.ninja'), ninjafile(targetsOf(times))),
    args: ['-j2', '--quiet'],
    // It remembers there what it has built.
    leaves: '.ninja_log',
    job: (times) => `ninja -j2, ${times} commands`,
    starts: ['/bin/sh', TRIVIAL],
  },
  python3: {
    work: (folder, times) => writeFileSync(join(folder, 'runs.py'), python(times)),
    args: ['runs.py'],
    job: (times) => `Python, ${times} subprocess.run()`,
    starts: [TRIVIAL],
  },
}

/**
 * A folder without blanks and colons, at which the loader splits LD_PRELOAD, and the
 * library in it. The caller removes it.
 */
export function makeFolder() {
  const under = /[\s:]/.test(tmpdir()) ? '/tmp' : tmpdir()
  const folder = mkdtempSync(join(under, 'uring-spawn-spawners-'))
  const library = join(folder, basename(LIBRARY))
  copyFileSync(LIBRARY, library)
  return { folder, library }
}
