// `npm run test:soak`: runs the series' stress program and fuzzer for long, each
// in a machine of its own, and prints a table and a line with the counts.
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { $ } from 'zx'

const root = fileURLToPath(new URL('..', import.meta.url))
const sh = $({ cwd: root, nothrow: true })

const number = (text) => {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It has to be a number above 0.')
  return Number(text)
}
const { stress, fuzz, seed, kernel } = new Command()
  .name('test:soak')
  .description('stress and fuzz the kernel series for a long time, in the lab')
  .option('--stress <chains>', 'chains of the stress program', number, 100_000)
  .option('--fuzz <chains>', 'chains of the fuzzer', number, 1_000_000)
  .option('--seed <number>', 'the first seed', number, 1)
  .option('--kernel <flavour>', 'patched or debug', 'patched')
  .parse()
  .opts()

/** Chains that one machine fuzzes: few enough to narrow down what ends it early. */
const PIECE = 100_000
/** Seconds after which a run certainly hangs. */
const LIMIT = 7200

const image = (await sh({ quiet: true })`node kernel/lab build --kernel ${kernel}`).stdout.trim()
const program = (name) => `${image}/selftests/io_uring_spawn/${name}`
const pieces = Math.ceil(fuzz / PIECE)
const runs = [
  ['stress', stress, [stress, 4, seed, LIMIT]],
  ...Array.from({ length: pieces }, (_, i) => {
    const count = Math.min(PIECE, fuzz - i * PIECE)
    return ['fuzz', count, [seed + i, count]]
  }),
]

const table = []
for (const [name, chains, args] of runs) {
  console.log(`\n== ${name} ${args.join(' ')}`)
  const start = performance.now()
  const result =
    await sh`node kernel/lab --kernel ${kernel} --smp 2 --timeout ${LIMIT} -- ${program(name)} ${args}`.pipe(
      process.stdout,
    )
  // Without its totals a program has not reported success, whatever its status.
  const ok = result.exitCode === 0 && /^# Totals: .* fail:0 .* error:0$/m.test(result.stdout)
  if (!ok) console.error(`soak: ${name} ${args.join(' ')} ended with ${result.exitCode}`)
  if (result.stderr) console.error(result.stderr)
  const seconds = Math.round((performance.now() - start) / 1000)
  table.push({ program: name, arguments: args.join(' '), chains, ok, seconds })
}
console.table(table)
const failed = table.filter(({ ok }) => !ok).length
console.log(`${table.length - failed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
