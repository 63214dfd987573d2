// `npm run demo [-- --stock]`: makes the calls of a coding agent through chains
// on the patched kernel, through the best backend of the running kernel, and
// through node:child_process on both, and compares speed and answers.
import { mkdirSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join, relative } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { Command } from 'commander'
import { wholeNumber } from '../tools/options.mjs'
import { root } from '../tools/paths.mjs'
import { Progress, showing } from '../tools/progress.mjs'
import { calls } from './calls.mjs'
import { exampleChain } from './explained.mjs'
import { buildKernel, measureInLab } from './lab.mjs'
import { measure } from './measure.mjs'
import { openPage } from './open.mjs'
import { pageOf } from './page.mjs'
import { textOf, widthOf, wrapped } from './text.mjs'

/** How much each half does; an emulated processor takes fifty times as long. */
const PLANS = {
  here: { inFlight: 8, times: 2, seconds: 20 },
  lab: { inFlight: 8, times: 1, seconds: 75 },
}

const INTRO = `Makes the ${calls.length} kinds of call that a coding agent makes (rg, grep, git, python, …) over a small repository, through uring-spawn and node:child_process in turns, to see which makes more of them per second and how long each holds up the event loop.`

/** Measures for about that many seconds, and shows how far it is. */
function withProgress(title, seconds, work) {
  const progress = new Progress(`demo: ${title}`, { seconds, hidden: false })
  return showing(progress, () => work((share) => progress.update(share)))
}

const wrong = ({ failed, different }) => failed + different > 0

/** Measures both halves, or one. The tools are tried here first: a boot takes longer. */
async function measureAll({ stock, rounds }, signal) {
  const planned = (name) => (rounds ? { ...PLANS[name], rounds } : PLANS[name])
  const here = await withProgress('on the running kernel', PLANS.here.seconds, (progress) =>
    measure(planned('here'), { signal, progress }),
  )
  if (stock || here.rounds === 0) return { here }
  await buildKernel({ signal })
  const lab = await withProgress('on the patched kernel, emulated', PLANS.lab.seconds, (progress) =>
    measureInLab(planned('lab'), { signal, progress }),
  )
  return { here, lab }
}

/** Where a file is: as a URL that a terminal opens, or shorter where that is too long. */
function placeOf(file, width, label = 14) {
  const url = pathToFileURL(file).href
  return label + url.length <= width ? url : relative(process.cwd(), file)
}

async function demo(options, signal) {
  const width = widthOf(process.stdout)
  const takes = options.stock ? 'Takes half a minute.' : 'Takes about 3 minutes.'
  console.log(`${wrapped(`${INTRO} ${takes}`, width).join('\n')}\n`)
  const command = ['npm run demo', ...(options.stock ? ['-- --stock'] : [])].join(' ')
  const result = {
    ...{ command, date: new Date().toISOString(), node: process.version },
    chain: exampleChain(root),
    ...(await measureAll(options, signal)),
  }
  const out = join(root, 'out/demo')
  mkdirSync(out, { recursive: true })
  const [json, page] = [join(out, 'demo.json'), join(out, 'demo.html')]
  writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`)
  writeFileSync(page, pageOf(result))
  const places = { page: placeOf(page, width), json: relative(process.cwd(), json) }
  process.stdout.write(textOf(result, { ...places, stream: process.stdout }))
  if (options.open) await openPage(page)
  return wrong(result.here) || (result.lab && wrong(result.lab)) ? 1 : 0
}

/** Runs `work` with a signal that SIGINT, SIGTERM and SIGHUP abort; a second one ends at once. */
async function interruptible(work) {
  const controller = new AbortController()
  let by
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, () => {
      if (by) process.exit(128 + constants.signals[name])
      by = name
      controller.abort(new Error(`interrupted by ${name}`))
    })
  }
  try {
    return await work(controller.signal)
  } catch (error) {
    console.error(`demo: ${error.message}`)
    return by ? 128 + constants.signals[by] : 1
  }
}

const program = new Command('demo')
  .usage('[options]')
  .description(INTRO)
  .option('--stock', 'only on the running kernel: no lab, done in a minute')
  .option('--open', 'open the page with the plots in a browser')
  .option(
    '--rounds <n>',
    'rounds on each kernel, in place of as many as time allows',
    wholeNumber(),
  )
  .helpOption('--help', 'this text')
  .action(async (options) => {
    process.exitCode = await interruptible((signal) => demo(options, signal))
  })

await program.parseAsync()
