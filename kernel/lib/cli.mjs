// SPDX-License-Identifier: GPL-2.0
import process from 'node:process'
import { Command, InvalidArgumentError, Option } from 'commander'
import { flavours, image } from './build.mjs'
import { runInMachine } from './machine.mjs'
import { LabError } from './paths.mjs'
import { check, exportSeries, tree } from './series.mjs'

const DEFAULT_SMP = 2
const DEFAULT_TIMEOUT = 1800

function wholeNumber(least) {
  return (text) => {
    if (!/^\d+$/.test(text) || Number(text) < least) {
      throw new InvalidArgumentError(`Give a whole number, ${least} or more.`)
    }
    return Number(text)
  }
}

function memorySize(text) {
  if (!/^\d+[MG]$/.test(text)) throw new InvalidArgumentError('Give a size like 512M or 4G.')
  return text
}

const kernelOption = () =>
  new Option('-k, --kernel <flavour>', 'which kernel')
    .choices(Object.keys(flavours))
    .default('patched')

const program = new Command('lab')
  .description('Builds the kernel with the series and runs commands on it, in QEMU.')
  .enablePositionalOptions()

program
  .command('run', { isDefault: true })
  .description('run a command on the kernel (the default): lab [options] -- CMD ARGS…')
  .addOption(kernelOption())
  .option('--smp <n>', 'virtual CPUs', wholeNumber(1))
  .option('--memory <size>', "memory, as in QEMU's -m (default: 2G, debug 4G)", memorySize)
  .option('--icount', 'one instruction takes one nanosecond; one CPU; prints the count')
  .option('--timeout <seconds>', '0 for none', wholeNumber(0), DEFAULT_TIMEOUT)
  .option('--append <text...>', "more of the kernel's command line")
  .argument('<command>')
  .argument('[args...]')
  .passThroughOptions()
  .action(async (command, args, options) => {
    if (options.icount && options.smp > 1) {
      throw new LabError('--icount counts one CPU: leave --smp out')
    }
    const { status, signal } = await runInMachine({
      image: await image(options.kernel),
      argv: [command, ...args],
      cwd: process.cwd(),
      smp: options.icount ? 1 : (options.smp ?? DEFAULT_SMP),
      memory: options.memory ?? (options.kernel === 'debug' ? '4G' : '2G'),
      icount: options.icount ?? false,
      timeout: options.timeout,
      append: options.append ?? [],
    })
    end(status, signal)
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
  .action(exportSeries)

program
  .command('check')
  .description('the series applies to a clean tree and checkpatch.pl --strict is content')
  .option('--each', 'build it patch by patch, too')
  .action(check)

/** Ends as the command did, by the same signal if it was one. */
function end(status, signal) {
  if (signal) {
    process.removeAllListeners(signal)
    try {
      process.kill(process.pid, signal)
    } catch {}
  }
  process.exit(status)
}

// `lab -- build` runs a command of that name; only a first word is a subcommand.
const words = process.argv.slice(2)
if (words[0] === '--') words.unshift('run')

try {
  await program.parseAsync(words, { from: 'user' })
} catch (error) {
  if (!(error instanceof LabError)) throw error
  console.error(`lab: ${error.message}`)
  process.exit(1)
}
