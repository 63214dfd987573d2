#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
/** The command line: `uring-spawn doctor | explain | batch | build`. */
import { MAX_MILLISECONDS } from '../model/limits.js'
import { type BatchCliOptions, runBatch } from './batch.js'
import { buildAddon } from './build.js'
import { doctor } from './doctor.js'
import { doctorProgram } from './doctor-program.js'
import { explainCommand } from './explain.js'
import { PIPE_STATUS, watchOutput } from './output.js'

const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string }

/** A whole number from 1 to `max`, in decimal digits. */
const count =
  (max: number) =>
  (value: string): number => {
    const number = Number(value)
    if (/^\d+$/.test(value) && number >= 1 && number <= max) return number
    throw new InvalidArgumentError(`Not a count from 1 to ${max}.`)
  }

const MAX_JOBS = 65536
const MAX_RETRIES = 1_000_000

/** What follows `--` of `batch` is a command; it may have options of its own. */
const end = process.argv[2] === 'batch' ? process.argv.indexOf('--') : -1
const words = end < 0 ? undefined : process.argv.slice(end + 1)
const own = end < 0 ? process.argv : process.argv.slice(0, end)

/** For the commands that only print. */
function print(text: string): void {
  watchOutput(({ code }) => process.exit(code === 'EPIPE' ? PIPE_STATUS : 2))
  process.stdout.write(text)
}

const program = new Command('uring-spawn')
  .description(
    'Starts processes as chains of io_uring operations, or in the best way this kernel supports.',
  )
  .version(version)
  .enablePositionalOptions()

program
  .command('doctor')
  .description('show what works here, and why the rest does not')
  .option('--json', 'print JSON, for programs')
  .argument(
    '[command...]',
    'a command, after --: show what the Node programs that it runs start, and how',
  )
  .passThroughOptions()
  .action(async (command: string[], { json = false }: { json?: boolean }) => {
    if (command.length === 0) return print(doctor(json))
    const { text, status } = await doctorProgram(command, json)
    process.exitCode = status
    print(text)
  })

program
  .command('explain')
  .description('show the chain that a command is submitted as; nothing is run')
  .option('--cwd <dir>', 'its working directory')
  .option('--all', 'show every directory of PATH in a row of its own')
  .option('--json', 'print JSON, for programs: always every row')
  .argument('<command...>', 'the command, after -- if it has options')
  .passThroughOptions()
  .action((command: string[], options: { cwd?: string; all?: true; json?: true }) =>
    print(explainCommand(command, options)),
  )

program
  .command('batch')
  .description('run many commands, some of them at once')
  .option('-j, --jobs <n>', 'how many at once (default: one per processor)', count(MAX_JOBS))
  .option('-0, --null', 'commands, or arguments, end with a NUL byte, not with a line')
  .option('-k, --keep-order', 'print results in the order of the input')
  .option('--tag', 'begin each line of output with the argument, or the command, and a tab')
  .option('--json', 'print one JSON object per result, in completion order')
  .option('--retries <n>', 'run a command that fails again, so often', count(MAX_RETRIES))
  .option('--joblog <file>', 'write a line for each command that has ended')
  .option('--resume', 'leave out the commands that the job log has, and continue it')
  .option('--resume-failed', 'the same, but run those again that failed')
  .option('--dry-run', 'print the commands, and run none')
  .option('--bail', 'after the first failure, start no more commands and end the running ones')
  .option('--timeout <ms>', 'end a command that takes longer', count(MAX_MILLISECONDS))
  .option('--backend <name>', 'uring, spawn_template, vfork or fork (default: the best that works)')
  .argument('[file]', 'a command per line; - is stdin', '-')
  .usage('[options] [file] [-- command...]')
  .addHelpText(
    'after',
    `
A line is words, as a shell splits them ('…', "…" and \\ quote; nothing is
expanded), a JSON array of words, or a JSON object with file, args and the
options of run(). Empty lines and lines that begin with # are skipped.

With a command after --, each line is an argument of it, in place of every {},
or after its last word if it has none:
  find . -name '*.js' -print0 | uring-spawn batch -0 -- node --check {}

Exit status: 0 if every command exited with 0; 1 if one failed; 2 if a line is
not a command, the file cannot be read or the usage is wrong; 128 and its number
if SIGINT, SIGTERM, SIGHUP or SIGQUIT ended the batch, which ends its commands first.`,
  )
  .action(async (file: string, options: BatchCliOptions) => {
    process.exitCode = await runBatch(file, options, words)
  })

program
  .command('build')
  .description('compile the addon from source, where none was installed that works')
  .action(() => {
    process.exitCode = buildAddon()
  })

try {
  await program.parseAsync(own)
} catch (error) {
  // A stack trace does not help the user of a command.
  process.stderr.write(`uring-spawn: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
