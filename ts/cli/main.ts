#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
/** The command line: `uring-spawn doctor | explain | batch | worker | build`. */
import { MAX_MILLISECONDS } from '../model/limits.js'
import { type BatchCliOptions, runBatch } from './batch.js'
import { buildAddon } from './build.js'
import { doctor } from './doctor.js'
import { doctorProgram } from './doctor-program.js'
import { explainCommand } from './explain.js'
import { PIPE_STATUS, watchOutput } from './output.js'
import { runWorker, type WorkerCliOptions } from './worker.js'

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

const MAX_ID = 2 ** 32 - 2

/** A whole number within limits. */
const whole =
  (min: number, max: number) =>
  (value: string): number => {
    const number = Number(value)
    if (/^-?\d+$/.test(value) && number >= min && number <= max) return number
    throw new InvalidArgumentError(`Not a number from ${min} to ${max}.`)
  }

/** An option that may be given several times. */
const collect =
  <T>(read: (value: string) => T) =>
  (value: string, before: T[]): T[] => [...before, read(value)]

/** `nofile=64` */
function rlimit(value: string): [string, number] {
  const [, name, number] = /^([a-z]+)=(\d+|unlimited)$/.exec(value) ?? []
  if (name === undefined) throw new InvalidArgumentError('Not a limit, such as nofile=64.')
  return [name, number === 'unlimited' ? Number.POSITIVE_INFINITY : Number(number)]
}

/** Options of both sides of a queue. */
const withRedis = (command: Command): Command =>
  command
    .option('--queue <name>', 'a queue of commands on Redis')
    .option('--redis <url>', 'redis://…, or rediss://… for TLS (default: $URING_SPAWN_REDIS)')
    .option('--redis-ca <file>', 'the authority that has signed the certificate of Redis')

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

withRedis(program.command('batch'))
  .description('run many commands, some of them at once')
  .option('-j, --jobs <n>', 'how many at once (default: one per processor)', count(MAX_JOBS))
  .option('--jobserver', 'have the makes among the commands share the -j of the batch')
  .option('-0, --null', 'commands, or arguments, end with a NUL byte, not with a line')
  .option('-k, --keep-order', 'print results in the order of the input')
  .option('--tag', 'begin each line of output with the argument, or the command, and a tab')
  .option('--follow', 'with --queue: print lines while the commands run; --tag tells them apart')
  .option('--line-buffer', 'pass output on line by line as it comes, not once a command has ended')
  .option('-u, --ungroup', 'give commands our own output: nothing is held back, lines may mix')
  .option('--json', 'print one JSON object per result, in completion order')
  .option('--retries <n>', 'run a command that fails again, so often', count(MAX_RETRIES))
  .option('--joblog <file>', 'write a line for each command that has ended')
  .option('--resume', 'leave out the commands that the job log has, and continue it')
  .option('--resume-failed', 'the same, but run those again that failed')
  .option('--dry-run', 'print the commands, and run none')
  .option('--bail', 'after the first failure, start no more commands and end the running ones')
  .option('--timeout <ms>', 'end a command that takes longer', count(MAX_MILLISECONDS))
  .option(
    '--backend <name>',
    'uring, spawn_template, builder, vfork or fork (default: the best that works)',
  )
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

withRedis(program.command('worker'))
  .description('run the commands of a queue, those that the options allow')
  .option('-j, --jobs <n>', 'how many at once (default: one per processor)', count(MAX_JOBS))
  .option(
    '--allow <program>',
    'an absolute path, and after it patterns of its arguments; may be repeated',
    collect(String),
    [],
  )
  .option('--cwd <dir>', 'the folder that commands run in, or below which they name another')
  .option('--env <name>', 'a variable that commands may have; may be repeated', collect(String), [])
  .option('--user <id>', 'the user that commands run as', whole(0, MAX_ID))
  .option('--group <id>', 'the group that commands run as', whole(0, MAX_ID))
  .option('--nice <n>', 'their priority', whole(-20, 19))
  .option('--cgroup <dir>', 'the cgroup that they run in')
  .option('--rlimit <name=n>', 'a limit of their resources; may be repeated', collect(rlimit), [])
  .option('--timeout <ms>', 'end a command that takes longer', count(MAX_MILLISECONDS))
  .option(
    '--max-output <bytes>',
    'how much of each output to keep (default: 1 MiB)',
    whole(0, 2 ** 26),
  )
  .option(
    '--lost-after <ms>',
    'silence of a worker that is taken for dead (default: 30000)',
    whole(1000, MAX_MILLISECONDS),
  )
  .addHelpText(
    'after',
    `
Nothing is allowed by default. --allow /usr/bin/rg allows any arguments of a
program; --allow '/usr/bin/git log --* ...' has a pattern for each argument, in
which * stands for any characters, and ... says that the last one is for the rest.

The first SIGTERM or SIGINT lets the running commands end and takes no more; the
second ends them.`,
  )
  .action(async (options: WorkerCliOptions) => {
    process.exitCode = await runWorker(options)
    // A connection that cannot be closed in order does not keep a worker that has ended.
    setTimeout(() => process.exit(), 1000).unref()
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
