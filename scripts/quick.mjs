// `npm run test:quick [-- FOLDER…]`: for the inner loop, the tests of one folder that
// say most in least time. `npm test` runs all of them, on every backend.
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { root } from '../tools/paths.mjs'

const vitest = (...files) => [
  ...[process.execPath, 'node_modules/vitest/vitest.mjs', 'run', '--typecheck.enabled=false'],
  ...['--reporter=dot', ...files],
]
const behaviour = (...names) => names.map((name) => `test/behaviour/${name}.test.ts`)

/** By folder: the commands. */
const commands = {
  ts: [
    [process.execPath, 'node_modules/typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.test.json'],
    vitest('test/options', ...behaviour('spawn', 'run', 'stdio', 'failures', 'chain', 'batch')),
  ],
  'uring-native': [
    // The variants with sanitizers take most of the time.
    [
      ...['ctest', '--test-dir', 'build', '--output-on-failure'],
      ...['-E', 'test_.*_(sanitized|threads)$'],
    ],
    vitest('test/core/layout.test.ts', ...behaviour('spawn')),
  ],
  kernel: [
    vitest('--config', 'test/lab/vitest.config.ts', 'test/lab/tap.test.ts'),
    [process.execPath, 'kernel/lab', 'selftest', 'clone', 'exec', 'links', 'semantics'],
  ],
  bench: [vitest('test/bench')],
  scripts: [vitest('test/setup')],
  docs: [vitest('test/docs')],
}

const wanted = process.argv.slice(2).map((folder) => folder.replace(/\/$/, ''))
const unknown = wanted.find((folder) => !Object.hasOwn(commands, folder))
if (unknown !== undefined) {
  const folders = Object.keys(commands).join(', ')
  console.error(`quick: no quick tests for ${unknown}: there are some for ${folders}`)
  process.exit(2)
}

for (const folder of wanted.length > 0 ? wanted : ['ts', 'uring-native']) {
  for (const [command, ...args] of commands[folder]) {
    const { status, signal, error } = spawnSync(command, args, {
      cwd: root,
      stdio: 'inherit',
      // One backend, which works everywhere, stands for all.
      env: { URING_SPAWN_TEST_BACKENDS: 'vfork', ...process.env },
    })
    if (status === 0) continue
    console.error(`quick: ${folder} failed${error ? `: ${error.message}` : ''}`)
    process.exit(signal ? 1 : (status ?? 1))
  }
}
