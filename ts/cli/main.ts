#!/usr/bin/env node
/** The command line: `uring-spawn doctor | explain | batch`. */
import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import type { BackendName } from '../backend/backend.js'
import { runBatch } from './batch.js'
import { doctor } from './doctor.js'
import { explainCommand } from './explain.js'

const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string }

function positive(value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('Not a count.')
  return number
}

const program = new Command('uring-spawn')
  .description('Starts processes as chains of io_uring operations, or as the kernel at hand can.')
  .version(version)
  .enablePositionalOptions()

program
  .command('doctor')
  .description('what works here, and why other things do not')
  .option('--json', 'for programs')
  .action(({ json }: { json?: true }) => {
    process.stdout.write(doctor(json === true))
  })

program
  .command('explain')
  .description('the chain a command is submitted as; nothing is run')
  .option('--cwd <dir>', 'its working directory')
  .option('--json', 'for programs')
  .argument('<command...>', 'after --, so that its options are its own')
  .passThroughOptions()
  .action((command: string[], options: { cwd?: string; json?: true }) => {
    process.stdout.write(explainCommand(command, options))
  })

program
  .command('batch')
  .description('runs many commands, some at once; exits with 1 where any failed')
  .option('-j, --jobs <n>', 'how many at once (default: one per processor)', positive)
  .option('--json', 'one result per line as JSON, in completion order')
  .option('--bail', 'start nothing more after the first failure')
  .option('--timeout <ms>', 'end a command that takes longer', positive)
  .option('--backend <name>', 'uring, template, vfork or fork (default: the best there is)')
  .argument('[file]', 'commands, one per line as words of a shell, or JSON; - is stdin', '-')
  .action(
    async (
      file: string,
      options: { jobs?: number; json?: true; bail?: true; timeout?: number; backend?: BackendName },
    ) => {
      process.exitCode = await runBatch(file, options)
    },
  )

try {
  await program.parseAsync()
} catch (error) {
  // A stack is of no use to who typed a command.
  process.stderr.write(`uring-spawn: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}
