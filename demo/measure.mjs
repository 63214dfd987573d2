// The same calls two ways: by uring-spawn, and by node:child_process.
import { batch } from '../dist/index.js'
import { childProcess } from './child-process.mjs'

const texts = ({ exitCode, stdout, stderr }) => ({
  exitCode,
  stdout: stdout.toString(),
  stderr: stderr.toString(),
})

const digest = ({ exitCode, stdout, stderr }) => JSON.stringify([exitCode, stdout, stderr])

async function byChildProcess(calls, { cwd, concurrency }) {
  const results = []
  let next = 0
  const worker = async () => {
    while (next < calls.length) {
      const at = next++
      results[at] = await childProcess(calls[at], { cwd })
        .then(texts)
        .catch((error) => ({ error }))
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  return results
}

async function byLibrary(calls, { cwd, concurrency, backend, onProgress }) {
  const commands = calls.map(({ tool, args, input }) => ({
    file: tool,
    args,
    ...(input === undefined ? {} : { input }),
  }))
  const results = await batch(commands, { cwd, concurrency, backend, onProgress }).all()
  return results.map(({ result, error }) => result ?? { error })
}

/** The results, seconds, and how long the longest turn of the event loop was. */
async function timed(run) {
  let longest = 0
  let last = performance.now()
  const ticker = setInterval(() => {
    const now = performance.now()
    longest = Math.max(longest, now - last - 1)
    last = now
  }, 1)
  const begin = performance.now()
  const results = await run()
  const seconds = (performance.now() - begin) / 1000
  clearInterval(ticker)
  return { results, seconds, longest }
}

const failuresOf = (calls, results) =>
  results.flatMap((result, at) => {
    const { tool, args, exitCode } = calls[at]
    const name = [tool, ...args].join(' ')
    if (result.error) return [`${name}: ${result.error.message}`]
    if (result.exitCode === exitCode) return []
    return [`${name}: exited with ${result.exitCode}: ${String(result.stderr).slice(0, 200)}`]
  })

/** As one, what one side did in two parts. */
const joined = (first, second) => ({
  results: [...first.results, ...second.results],
  seconds: first.seconds + second.seconds,
  longest: Math.max(first.longest, second.longest),
})

/**
 * Runs `calls` both ways and compares what they said. The sides take turns, so
 * that neither has all of what is cold, or of what else the machine does.
 */
export async function measure(calls, options) {
  const half = Math.ceil(calls.length / 2)
  const [begin, rest] = [calls.slice(0, half), calls.slice(half)]
  const ours1 = await timed(() => byLibrary(begin, options))
  const theirs1 = await timed(() => byChildProcess(begin, options))
  const theirs2 = await timed(() => byChildProcess(rest, options))
  const ours2 = await timed(() => byLibrary(rest, options))
  const ours = joined(ours1, ours2)
  const theirs = joined(theirs1, theirs2)
  const different = calls.filter(
    (_, at) =>
      !ours.results[at].error &&
      !theirs.results[at].error &&
      digest(ours.results[at]) !== digest(theirs.results[at]),
  )
  const row = ({ results, seconds, longest }) => ({
    rate: calls.length / seconds,
    longest,
    failures: failuresOf(calls, results),
  })
  return {
    calls: calls.length,
    backend: ours.results.find(({ backend }) => backend)?.backend,
    ours: row(ours),
    theirs: row(theirs),
    different: different.map(({ tool, args }) => [tool, ...args].join(' ')),
  }
}
