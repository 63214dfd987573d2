// The report of the benchmarks as a page: plots, tables, the machine they are
// from, and the command that measures them again.
import { documentOf, escaped, factsOf, figureOf } from './document.mjs'

/** Each benchmark, explained to readers who have not run it. */
const CHAPTERS = {
  designs: {
    title: 'Kernel designs, by instruction counts',
    text: `Every launch method starts the same program in the lab, whose clock counts instructions: those of the
kernel and of all processes together. Counts repeat to 2 %; a smaller difference is shown as "equal". First the kernels are
compared, then the methods on the kernel with the whole series, and at the end posix_spawn() of libposix_spawn_fast.so by
each interface, beside the C library's.`,
  },
  batch: {
    title: 'A batch compared with one start after the other',
    text: 'These are times, so only their ratio means anything: the sides take turns in one run.',
  },
  awaited: {
    title: 'What an awaited process costs a program of Node',
    text: `One process at a time, in the lab, whose clock counts instructions: those of the JavaScript thread, of it
and the library's threads, and of the whole machine with the child. Switches are how often a thread of the program left the
processor.`,
  },
  'agent-counts': {
    title: 'Calls of agents, by instruction counts',
    text: `Sixteen kinds of short call over a small repository, each alone, from the request to the collected output:
instructions of Node, the kernel and the tool together. They repeat far better than times, but say nothing of caches or
of processors that work side by side.`,
  },
  'agent-tools': {
    title: 'Calls of agents',
    text: `Sixteen kinds of short call over a small repository, output collected and checked, in the lab under
emulation. These are times, so only ratios within one run mean anything; the columns take turns. "equal": no
significant difference (95 %, signed-rank interval of the rounds). The published figures are from the RFC of
spawn_template, measured on other hardware with Python's subprocess.`,
  },
  node: {
    title: 'What a user of Node sees',
    text: `Times on the running kernel; it has none of this project's operations unless the backend below is uring.
The sides take turns. "equal": the rounds disagree on which side is better.`,
  },
  cluster: {
    title: 'A batch on more than one machine',
    text: `Two workers on this machine, with Redis, beside the local batch, which runs as many commands at once.
All share its processors: the ratio is what the way through BullMQ and Redis costs.`,
  },
  spawners: {
    title: 'Programs that nobody rewrites',
    text: `make, ninja and Python start trivial commands, with the C library's posix_spawn() and with
libposix_spawn_fast.so: by time on the running kernel, where the two take turns and only their ratio counts, and by
instructions in the lab, where the library also starts them by each interface of the series.`,
  },
}

function madeBy({ command, date, host, lab, versions, backend, absent = {} }) {
  const machine = `${host.cpu}, ${host.cores} cores, ${host.memoryGiB} GiB, Linux ${host.kernel}`
  const emulated =
    lab &&
    `${lab.emulator}, ${lab.cpus} CPUs, ${lab.memory}, Linux ${lab.kernel}, clock of ${lab.clock}`
  return factsOf([
    ['command', command],
    ['date', `${date.slice(0, 16).replace('T', ' ')} UTC`],
    ...(emulated ? [['lab', emulated]] : []),
    ['machine', machine],
    ...(backend ? [['backend', backend]] : []),
    [
      'versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    ...Object.entries(absent).map(([name, why]) => ['not measured', `${name}: ${why}`]),
  ])
}

const chapterOf = ({ result, plots }) => {
  const { title, text } = CHAPTERS[result.benchmark]
  return `<section>
<h2>${title}</h2>
<p>${escaped(text)}</p>
${madeBy(result)}
${plots.map(figureOf).join('\n')}
</section>`
}

/** @param {{ result: object, plots: import('./plots.mjs').Plot[] }[]} chapters */
export const pageOf = (chapters) =>
  documentOf({
    title: 'uring-spawn: the cost of starting a process',
    heading: 'The cost of starting a process',
    body: `<p>Counts are instructions, and repeat. Times are given only as ratios of sides that took turns in one run.</p>
${chapters.map(chapterOf).join('\n')}`,
    plots: chapters.flatMap(({ plots }) => plots),
  })
