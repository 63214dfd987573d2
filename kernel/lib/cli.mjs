// SPDX-License-Identifier: GPL-2.0
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import process from 'node:process'
import { Command, InvalidArgumentError, Option } from 'commander'
import { wholeNumber } from '../../tools/options.mjs'
import { flavours, image } from './build.mjs'
import { runInMachine } from './machine.mjs'
import { exportMail } from './mail.mjs'
import { compareMmSelftests } from './mm-selftests.mjs'
import { LabError } from './paths.mjs'
import { runSelftests } from './selftests.mjs'
import { check, exportSeries, tree } from './series.mjs'

const DEFAULT_SMP = 2
/** CONFIG_NR_CPUS of kernel/config/common.config. */
const MAX_SMP = 8
const DEFAULT_TIMEOUT = 1800

function memorySize(text) {
  if (!/^\d+[MG]$/.test(text)) throw new InvalidArgumentError('Give a size like 512M or 4G.')
  return text
}

const kernelOption = (names = Object.keys(flavours)) =>
  new Option('-k, --kernel <flavour>', 'which kernel').choices(names).default('patched')

/** Adds the options of every command that boots a machine. */
const withMachineOptions = (command, { memory = '2G' } = {}) =>
  command
    .option('--smp <n>', `virtual CPUs, ${MAX_SMP} at most`, wholeNumber(1, MAX_SMP))
    .option('--memory <size>', "memory, as in QEMU's -m", memorySize, memory)
    .option(
      '--timeout <seconds>',
      `0 for none (default: ${DEFAULT_TIMEOUT}, or none with --gdb)`,
      wholeNumber(0),
    )
    .option('--gdb', 'wait for a debugger before the first instruction')
    .option('--append <text...>', "add to the kernel's command line")
    .option('--no-leak-scan', 'debug kernel: do not look for leaks after the command')
    .option('--log <file>', "write the kernel's log to a file")

const machine = async (options) => ({
  image: await image(options.kernel),
  smp: options.icount ? 1 : (options.smp ?? DEFAULT_SMP),
  memory: options.memory,
  icount: options.icount ?? false,
  gdb: options.gdb ?? false,
  // Nobody debugs against the clock.
  timeout: options.timeout ?? (options.gdb ? 0 : DEFAULT_TIMEOUT),
  append: [...flavours[options.kernel].append, ...(options.append ?? [])],
  leakScan: options.leakScan,
  log: options.log,
})

const program = new Command('lab')
  .description('Builds the kernel with the series and runs commands on it, in QEMU.')
  .enablePositionalOptions()

withMachineOptions(
  program
    .command('run', { isDefault: true })
    .description('run a command on the kernel (the default): lab [options] -- CMD ARGS…')
    .addOption(kernelOption()),
)
  .option('--icount', 'count instructions: each takes a nanosecond, on one CPU')
  .argument('<command>')
  .argument('[args...]')
  .passThroughOptions()
  .action(async (command, args, options) => {
    if (options.icount && options.smp > 1) {
      throw new LabError('--icount counts one CPU: leave --smp out')
    }
    const argv = [command, ...args]
    end(await runInMachine({ ...(await machine(options)), argv, cwd: process.cwd() }))
  })

withMachineOptions(
  program
    .command('selftest')
    .description("run the series' selftests in one boot: all, or the ones named")
    .addOption(kernelOption(Object.keys(flavours).filter((name) => flavours[name].series))),
)
  .argument('[names...]', 'programs, or folders of programs')
  .action(async (names, options) => end(await runSelftests(await machine(options), names)))

withMachineOptions(
  program
    .command('mm-selftests')
    .description("run mm's own selftests on kernels without the series and with it, and compare")
    .option('--save', 'write kernel/mm-selftests.md'),
  { memory: '4G' },
).action(async ({ save = false, ...options }) => {
  // One processor: some of them change the kernel's code, and a second one of the
  // emulator may run a breakpoint that is gone already.
  const machineOf = (kernel) => machine({ smp: 1, timeout: 7200, ...options, kernel })
  end(await compareMmSelftests(machineOf, { save }))
})

program
  .command('build')
  .description('build a kernel and print the folder of its image')
  .addOption(kernelOption())
  .action(async (options) => console.log(await image(options.kernel)))

program
  .command('tree')
  .description('print a git work tree of the source with the series as commits')
  .action(tree)

program
  .command('export')
  .description("write the work tree's commits back as kernel/patches")
  .option('--mail <folder>', 'write kernel/patches as mails instead, a folder for each posting')
  .action(({ mail }) => (mail === undefined ? exportSeries() : exportMail(resolve(mail))))

program
  .command('check')
  .description(
    'check that the series applies to a clean tree, in the order of its postings, too, and run checkpatch.pl --strict',
  )
  .option('--each', 'also build it after each patch, and the selftests that it changes')
  .option('--mail', 'with --each: build in the order of the postings')
  .action(check)

/** Ends as the command did: with its status, or by its signal. */
function end({ status, signal }) {
  if (signal) {
    process.removeAllListeners(signal)
    // The command may have wanted a core dump; nobody wants one of this process.
    spawnSync('prlimit', ['--core=0', '--pid', String(process.pid)])
    try {
      process.kill(process.pid, signal)
    } catch {}
  }
  process.exit(status)
}

// Only the first word can be a subcommand: `lab -- build` runs a program called build.
const words = process.argv.slice(2)
if (words[0] === '--') words.unshift('run')

try {
  await program.parseAsync(words, { from: 'user' })
} catch (error) {
  if (!(error instanceof LabError)) throw error
  console.error(`lab: ${error.message}`)
  process.exit(1)
}
