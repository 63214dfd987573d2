// Runs the tasks of a build, each once those that it needs are done, and as many at once as
// there are processors. The first failure stops the build.
//
//   node examples/build.mjs TASKS.json
//
// TASKS.json: {"compile": {"needs": [], "command": "cc -c a.c"}, "link": {"needs": ["compile"], …
import { readFileSync } from 'node:fs'
import { BatchError, batch } from 'uring-spawn'

const waiting = new Map(Object.entries(JSON.parse(readFileSync(process.argv[2], 'utf8'))))
const started = []
const done = new Set()
let oneIsDone

/** batch() asks for the next command when it has room for one. */
async function* ready() {
  while (waiting.size > 0) {
    const next = [...waiting].find(([, { needs }]) => needs.every((name) => done.has(name)))
    if (next) {
      const [name, { command }] = next
      waiting.delete(name)
      started.push(name)
      yield [command]
    } else if (started.length > done.size) {
      await new Promise((resolve) => {
        oneIsDone = resolve
      })
    } else {
      throw new Error(`${[...waiting.keys()].join(', ')}: each needs another that is not done`)
    }
  }
}

const options = {
  shell: true,
  killTarget: 'group', // with all that it has started
  onParentExit: 'kill',
  all: true,
  maxBuffer: 64 * 1024,
  keep: 'tail',
  check: true,
  bail: true,
}

try {
  for await (const { index, result, error } of batch(ready(), options)) {
    if (error) continue
    console.log(`${started[index]}: ${result.all.trim()}`)
    done.add(started[index])
    oneIsDone?.()
  }
} catch (error) {
  const { index, result } = error instanceof BatchError ? error.result : {}
  const name = started[index] === undefined ? '' : `${started[index]}: `
  console.error(`${name}${error.message}\n${result?.all ?? ''}`.trim())
  process.exitCode = 1
}
