// `npm run bench [-- NAME [options]]`: runs one benchmark, or all of them, and
// draws the report.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { Command } from 'commander'
import { root } from '../tools/paths.mjs'
import { quoted } from '../tools/programs.mjs'
import { buildKernel } from './lib/lab.mjs'
import { committed, out } from './lib/paths.mjs'
import { makeResult, readResults, writeResult } from './lib/result.mjs'
import { runSteps } from './lib/steps.mjs'
import { ORDER as names, writeReport } from './report/write.mjs'

const benchmarks = Object.fromEntries(
  await Promise.all(names.map(async (name) => [name, await import(`./${name}/run.mjs`)])),
)

/** The command that measures the same again, options included. */
function commandLine(name, command) {
  const given = command.options.filter(
    (option) => command.getOptionValueSource(option.attributeName()) === 'cli',
  )
  const words = given
    .filter(({ long }) => !ofTheRun.has(long))
    .flatMap((option) => {
      const value = command.getOptionValue(option.attributeName())
      return option.isBoolean() ? [option.long] : [option.long, shellWord(String(value))]
    })
  return ['npm run bench --', name, ...words].join(' ')
}

const shellWord = (word) => (/^[\w.,/-]+$/.test(word) ? word : quoted(word))

/** Options that do not change what is measured. */
const ofTheRun = new Set(['--fresh', '--save'])
const withRunOptions = (command) =>
  command
    .option('--fresh', 'start over instead of resuming an interrupted run')
    .option('--save', 'also save results and plots in bench/results')

async function measure(chosen, { fresh = false, save = false }) {
  if (chosen.some(({ name }) => benchmarks[name].inLab)) await buildKernel()
  const plans = new Map()
  for (const { name, options } of chosen) plans.set(name, await benchmarks[name].plan(options))
  await runSteps(
    chosen.map(({ name, options }) => ({
      ...{ name, key: JSON.stringify([name, options]) },
      steps: plans.get(name).steps,
    })),
    {
      ...{ folder: `${out}unfinished`, root, fresh },
      finished: async (name, data) => {
        const { command } = chosen.find((one) => one.name === name)
        const measured = await plans.get(name).result(data)
        const result = makeResult({ benchmark: name, command, ...measured })
        benchmarks[name].print(result)
        for (const folder of [out, ...(save ? [committed] : [])]) {
          writeResult(`${folder}${name}.json`, result)
          console.log(`${folder}${name}.json`)
        }
      },
    },
  )
  const folder = save ? committed : out
  // Drop plots of measurements that no longer exist.
  for (const name of readdirSync(folder)) if (name.endsWith('.svg')) rmSync(join(folder, name))
  report({ results: folder, plots: folder })
}

function report({ results, plots }) {
  const page = `${out}report.html`
  writeReport(readResults(results), { page, plots })
  console.log(`${page}\n${join(plots, '*.svg')}`)
}

// Exit on a signal, so that exit handlers remove the scratch files.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

const program = withRunOptions(new Command('bench'))
  .description('Runs one benchmark, or all of them without a NAME, then draws the report.')
  .enablePositionalOptions()
  .argument('[name]')
  .action((name, options) => {
    if (name) throw new Error(`no benchmark ${name}: there are ${names.join(', ')}, and report`)
    return measure(
      names.map((name) => ({
        ...{ name, command: `npm run bench -- ${name}` },
        options: defaultsOf(name),
      })),
      options,
    )
  })

const commands = new Map()
for (const name of names) {
  const command = program.command(name).description(benchmarks[name].description)
  benchmarks[name].addOptions(command)
  withRunOptions(command).action(({ fresh, save, ...options }) =>
    measure([{ name, options, command: commandLine(name, command) }], { fresh, save }),
  )
  commands.set(name, command)
}

function defaultsOf(name) {
  const { fresh, save, ...options } = commands.get(name).opts()
  return options
}

program
  .command('report')
  .description('draw the page and the plots from existing results')
  .option('--results <folder>', 'folder with the results', committed)
  .option('--plots <folder>', 'folder for the SVGs', out)
  .action(({ results, plots }) => report({ results, plots }))

try {
  await program.parseAsync()
} catch (error) {
  console.error(`bench: ${error.message}`)
  process.exitCode = 1
}
