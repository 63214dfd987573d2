// What each npm script needs, and what it runs. A script gets all it needs from
// its own row: none may work only because another ran before.

/**
 * Debian packages by purpose; `why` completes "installed 5 Debian packages …".
 * Every essential package (coreutils, util-linux, tar, findutils and the like)
 * is there anyway.
 */
export const needs = {
  native: {
    why: 'to build the native addon',
    packages: ['g++', 'make', 'cmake', 'pkg-config', 'liburing-dev'],
  },
  lab: {
    why: 'to build the kernel and boot it',
    packages: [
      ...['linux-source-6.12', 'qemu-system-x86'],
      ...['gcc', 'libc6-dev', 'make', 'flex', 'bison', 'bc', 'libelf-dev', 'libssl-dev'],
      ...['cpio', 'lz4', 'xz-utils', 'git', 'perl'],
      // checkpatch.pl calls spdxcheck.py.
      ...['python3', 'python3-git', 'python3-ply'],
    ],
  },
  tools: {
    why: 'to have the tools that agents call',
    packages: [
      ...['ripgrep', 'grep', 'sed', 'gawk', 'coreutils', 'findutils', 'git', 'python3', 'bash'],
    ],
  },
  compiler: {
    why: 'to compile the programs that are measured',
    packages: ['gcc', 'libc6-dev', 'libc-bin', 'git'],
  },
  spawners: {
    why: 'to have programs that call posix_spawn()',
    packages: ['make', 'ninja-build', 'python3'],
  },
  rust: { why: 'to compile the Rust program that is tested', packages: ['rustc'] },
  strip: { why: 'to strip the addon', packages: ['binutils'] },
  git: { why: 'for what the tests and lint ask of git', packages: ['git'] },
  arm64: {
    why: 'to build for arm64 and run it',
    packages: [
      ...['gcc-aarch64-linux-gnu', 'g++-aarch64-linux-gnu', 'libc6-dev-arm64-cross'],
      ...['qemu-system-arm', 'cmake', 'make', 'pkg-config', 'cpio', 'ca-certificates'],
    ],
  },
  platforms: {
    why: 'to build addons for other platforms',
    packages: [
      ...['gcc-aarch64-linux-gnu', 'g++-aarch64-linux-gnu', 'libc6-dev-arm64-cross'],
      ...['binutils', 'binutils-aarch64-linux-gnu', 'ca-certificates'],
    ],
  },
  fresh: { why: 'to make bare Debian systems', packages: ['mmdebstrap', 'git'] },
  browser: { why: 'to test the pages in a browser', packages: ['chromium'] },
  redis: { why: 'to try batches on several machines', packages: ['redis-server', 'openssl'] },
  lint: { why: 'to check the format of C', packages: ['clang-format', 'git'] },
}

/** Benchmarks that run on the running kernel, or measure nothing. */
const WITHOUT_LAB = new Set(['node', 'report', 'cluster'])
const only = (args) => /(?:^| )--only[ =](\w+)(?: |$)/.exec(args.join(' '))?.[1]
const firstWord = (args) => args.find((arg) => !arg.startsWith('-'))
const host = ['native', 'strip', 'tools', 'git', 'redis']

/**
 * By npm script: its needs for these arguments, whether it needs what
 * `npm run build` builds, the module to run, and whether that has a --help,
 * which needs only what is built.
 * @type {Record<string, { needs: (args: string[]) => string[], build?: boolean,
 *   main?: string, args?: string[], help?: boolean }>}
 */
export const scripts = {
  build: { needs: () => ['native'], build: true },
  demo: {
    needs: (args) => ['native', 'tools', ...(args.includes('--stock') ? [] : ['lab'])],
    ...{ build: true, main: 'demo/main.mjs', help: true },
  },
  docs: { needs: () => ['native'], build: true, main: 'scripts/docs.mjs' },
  prepack: { needs: () => ['native', 'strip'], build: true, main: 'scripts/prebuild.mjs' },
  platforms: { needs: () => ['native', 'platforms'], build: true, main: 'scripts/platforms.mjs' },
  bench: {
    needs: (args) => [
      ...['native', 'compiler', 'tools', 'spawners'],
      ...(WITHOUT_LAB.has(firstWord(args)) ? [] : ['lab']),
      ...([undefined, 'cluster'].includes(firstWord(args)) ? ['redis'] : []),
    ],
    ...{ build: true, main: 'bench/run.mjs', help: true },
  },
  lab: { needs: () => ['lab'], main: 'kernel/lib/cli.mjs', help: true },
  lint: { needs: () => ['lint'], main: 'scripts/lint.mjs' },
  // Tests build by themselves: it is a step of theirs. test:host and test:lab do
  // without a browser and Rust, which are large, and say what they skip.
  test: { needs: () => [...host, 'lab', 'browser', 'rust'], main: 'scripts/test.mjs' },
  'test:host': { needs: () => host, main: 'scripts/test.mjs', args: ['host'] },
  'test:lab': { needs: () => [...host, 'lab'], main: 'scripts/test.mjs', args: ['lab'] },
  'test:fresh': { needs: () => ['fresh'], main: 'scripts/fresh/main.mjs' },
  'test:arm64': { needs: () => ['native', 'arm64'], build: true, main: 'scripts/arm64.mjs' },
  'test:quick': {
    needs: (args) => [
      ...['native', 'git'],
      ...(args.some((arg) => /^kernel\/?$/.test(arg)) ? ['lab'] : []),
      ...(args.some((arg) => /^bench\/?$/.test(arg)) ? ['redis'] : []),
    ],
    ...{ build: true, main: 'scripts/quick.mjs' },
  },
  'test:soak': {
    needs: (args) => [
      'native',
      ...(['library', 'cluster'].includes(only(args)) ? [] : ['lab']),
      ...(['library', 'kernel'].includes(only(args)) ? [] : ['redis']),
    ],
    ...{ build: true, main: 'scripts/soak.mjs', help: true },
  },
}
