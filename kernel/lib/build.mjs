// SPDX-License-Identifier: GPL-2.0
// Builds a flavour's bootable image, once for each combination of source, series,
// configuration, compiler and init.
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import process from 'node:process'
import { attempt, failureOf } from '../../tools/command.mjs'
import { duration, Progress, say, showing } from '../../tools/progress.mjs'
import { sh } from '../../tools/sh.mjs'
import { seriesWithout } from './mail.mjs'
import { buildMmSelftests } from './mm-selftests.mjs'
import { cached, config, LabError, project, withCacheLock } from './paths.mjs'
import { functionsOfSeries } from './races.mjs'
import { buildSelftests } from './selftests.mjs'
import { applySeries, checkOut, repository, seriesHash, sourceVersion } from './source.mjs'

// identify_cpu() clears what is known about the processor and reads it again. An
// interrupt in between finds 4 levels of page tables instead of 5, which KASAN
// reports as a wild access: in one boot of some hundred.
const FOUR_LEVELS = ['no5lvl']

/**
 * For each flavour: its configuration fragments, whether the series is applied and which
 * postings are left out of it, whether it looks for data races, whether it has the
 * selftests of mm, and what is added to the kernel's command line.
 */
export const flavours = {
  stock: { fragments: ['common', 'stock'], series: false, append: [] },
  patched: { fragments: ['common', 'patched'], series: true, append: [] },
  debug: {
    ...{ fragments: ['common', 'patched', 'debug'], series: true },
    append: FOUR_LEVELS,
  },
  kcsan: { fragments: ['common', 'patched', 'kcsan'], series: true, races: true, append: [] },
  // For the selftests of mm, which have to end alike on all three.
  'stock-mm': { fragments: ['common', 'stock', 'mm'], series: false, mm: true, append: [] },
  'patched-mm': { fragments: ['common', 'patched', 'mm'], series: true, mm: true, append: [] },
  'debug-mm': {
    ...{ fragments: ['common', 'patched', 'mm', 'debug'], series: true, mm: true },
    append: FOUR_LEVELS,
  },
  // To see what these change: how pages are mapped and unmapped for all, and which a template maps.
  'without-mm': {
    ...{ fragments: ['common', 'patched'], series: true },
    ...{ without: ['0-mm', '7-pages'], append: [] },
  },
}

/** The patches of a flavour that is not the whole series; otherwise undefined. */
const chosenPatches = ({ without }) => without && seriesWithout(without)

const initSource = join(project, 'kernel/guest/init.c')
/** Variables for make: an empty LOCALVERSION keeps git's state out of the kernel's name. */
const MAKE_VARIABLES = ['LOCALVERSION=']
const INIT_CFLAGS = ['-O2', '-Wall', '-Wextra', '-Werror', '-static']
/** Raise this when the files in an image change. */
const IMAGE_FORMAT = '3'
/** How many images of earlier series are kept, for going back and forth. */
const KEEP_IMAGES = 4

/** The files of these configuration fragments. */
export const fragmentPaths = (names) => names.map((name) => join(config, `${name}.config`))

async function imageKey(flavour) {
  const hash = createHash('sha256')
  hash.update(await sourceVersion())
  hash.update((await sh`gcc --version`).stdout)
  hash.update(IMAGE_FORMAT)
  hash.update(MAKE_VARIABLES.join())
  if (flavours[flavour].series) hash.update(seriesHash(chosenPatches(flavours[flavour])))
  for (const file of [...fragmentPaths(flavours[flavour].fragments), initSource])
    hash.update(readFileSync(file))
  return hash.digest('hex').slice(0, 16)
}

/**
 * Returns the folder with a flavour's `bzImage`, `vmlinux` and `initrd`, and builds it
 * first if necessary.
 * @param {keyof typeof flavours} flavour
 */
export async function image(flavour) {
  const dir = cached('images', `${flavour}-${await imageKey(flavour)}`)
  if (existsSync(dir)) return dir
  return withCacheLock(async () => {
    if (!existsSync(dir)) await build(flavour, dir)
    return dir
  })
}

/** Flavours of the same source share a work tree, so that switching between them rebuilds nothing. */
function treeOf(flavour) {
  const { series, without } = flavours[flavour]
  if (without) return flavour
  return series ? 'patched' : 'stock'
}

async function build(flavour, dir) {
  const repo = await repository()
  const tree = cached(treeOf(flavour))
  const commits = await showing(
    new Progress('lab: applying the series', { seconds: 20 }),
    async () => {
      const made = flavours[flavour].series
        ? await applySeries(repo, chosenPatches(flavours[flavour]))
        : []
      await checkOut(repo, tree, made.at(-1)?.commit ?? 'base')
      return made
    },
  )

  const output = cached(`build-${flavour}`)
  await configure(tree, output, fragmentPaths(flavours[flavour].fragments))
  await make(tree, output, `the ${flavour} kernel`)

  const parts = `${dir}.new`
  rmSync(parts, { recursive: true, force: true })
  mkdirSync(parts, { recursive: true })
  copyFileSync(join(output, 'arch/x86/boot/bzImage'), join(parts, 'bzImage'))
  // The symbols, for a debugger.
  copyFileSync(join(output, 'vmlinux'), join(parts, 'vmlinux'))
  copyModules(output, parts)
  await buildInitrd(parts)
  if (commits.length > 0) {
    if (flavours[flavour].races) {
      const functions = await functionsOfSeries({ repo, output, commit: commits.at(-1).commit })
      writeFileSync(join(parts, 'functions'), functions.join('\n'))
    }
    await showing(new Progress("lab: building the series' selftests", { seconds: 30 }), () =>
      buildSelftests({
        ...{ repo, tree, output, commit: commits.at(-1).commit },
        dir: join(parts, 'selftests'),
      }),
    )
  }
  if (flavours[flavour].mm) {
    await showing(new Progress('lab: building the selftests of mm', { seconds: 30 }), () =>
      buildMmSelftests({ tree, output, dir: join(parts, 'selftests') }),
    )
  }
  renameSync(parts, dir)
  forgetOldImages(flavour)
}

/** Copies a flavour's few modules into one folder, for finit_module(2). */
function copyModules(output, dir) {
  const order = readIfThere(join(output, 'modules.order')) ?? ''
  for (const name of order.split('\n').filter((line) => line !== '')) {
    const file = name.replace(/\.o$/, '.ko')
    copyFileSync(join(output, file), join(dir, basename(file)))
  }
}

/** What to make. `modules` is a target only where the configuration has modules. */
function targets(output) {
  const modular = /^CONFIG_MODULES=y$/m.test(readFileSync(join(output, '.config'), 'utf8'))
  return modular ? ['bzImage', 'modules'] : ['bzImage']
}

/**
 * Merges the fragments over allnoconfig. A symbol that does not get the value that
 * its fragment asks for is an error, or the lab would test less than it claims to.
 * Not with `partial`: in the middle of the series some symbols do not exist yet.
 */
export async function configure(tree, output, fragments, { partial = false } = {}) {
  mkdirSync(output, { recursive: true })
  const before = readIfThere(join(output, '.config'))
  const times = before && statSync(join(output, '.config'))
  // merge_config.sh takes no path with a space in it, as a clone's may have.
  const copies = fragments.map((file) => join(output, basename(file)))
  for (const [at, file] of fragments.entries()) copyFileSync(file, copies[at])
  const merged = await sh({
    cwd: tree,
  })`scripts/kconfig/merge_config.sh -n -O ${output} ${copies}`
  const lost = merged.stdout.match(/^Value requested for .* not in final .config/gm)
  if (lost && !partial)
    throw new LabError(`the kernel's configuration refuses:\n${lost.join('\n')}`)
  if (before && before === readIfThere(join(output, '.config'))) {
    utimesSync(join(output, '.config'), times.atime, times.mtime)
  }
}

const readIfThere = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined)

/** Steps of make for each second and processor, to say how long it may take. */
const PACE = 4

/**
 * Builds the image with progress on the terminal, and make's output in a file.
 * @param {string} tree
 * @param {string} output
 * @param {string} what  'the patched kernel'
 */
export async function make(tree, output, what) {
  const log = `${output}.log`
  const counts = `${output}.steps`
  const total = Number(readIfThere(counts) ?? 2600)
  const cold = !existsSync(join(output, 'vmlinux'))
  const title = `lab: building ${what}`
  let steps = 0
  const command = ['make', `O=${output}`, ...MAKE_VARIABLES]
  const end = await attempt([...command, `-j${availableParallelism() + 1}`, ...targets(output)], {
    ...{ title, log, cwd: tree },
    ...(cold ? { seconds: total / PACE / availableParallelism() } : {}),
    env: {
      ...process.env,
      KBUILD_BUILD_USER: 'lab',
      KBUILD_BUILD_HOST: 'lab',
      KBUILD_BUILD_TIMESTAMP: '1970-01-01',
    },
    read(line) {
      if (!/^ {2}[A-Z]+ /.test(line)) return undefined
      steps++
      // Of an incremental build only make knows how many steps it has.
      return cold ? { share: steps / total, note: `${steps}/${total} files` } : undefined
    },
  })
  if (end.status !== 0) {
    // With several jobs the last lines need not be the errors.
    const errors = readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => /error:|warning:|\*\*\* /.test(line))
      .slice(0, 20)
    throw new LabError(
      `${failureOf('make', { ...end, lines: errors.length > 0 ? errors : end.lines }, { title, log })}`,
    )
  }
  if (cold) writeFileSync(counts, String(steps))
  say(`lab: built ${what} (${duration(end.seconds)})`)
}

async function buildInitrd(dir) {
  await sh`gcc ${INIT_CFLAGS} -o ${join(dir, 'init')} ${initSource}`
  const packed = await sh({ cwd: dir, input: 'init\n' })`cpio -o -H newc -R 0:0 --quiet -F initrd`
  if (packed.exitCode !== 0) throw new LabError(`cpio: ${packed.stderr}`)
  rmSync(join(dir, 'init'))
}

function forgetOldImages(flavour) {
  const images = readdirSync(cached('images'))
    .filter((name) => name.startsWith(`${flavour}-`))
    .map((name) => cached('images', name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
  for (const old of images.slice(KEEP_IMAGES)) rmSync(old, { recursive: true, force: true })
}
