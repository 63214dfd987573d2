// A worker process of one column: makes the calls it is sent, replies with faults.
import process from 'node:process'
import { columns } from './columns.mjs'
import { presets } from './presets.mjs'

let column
let call
let inFlight
let expected

/** What is wrong with a result; undefined if nothing is. */
function fault(index, result) {
  const { exitCode, stdout, stderr } = result
  const right = expected[index]
  const name = presets[index].name
  if (exitCode !== right.exitCode) return `${name}: exited with ${exitCode}: ${stderr}`
  if (!stdout.equals(right.stdout)) return `${name}: stdout is ${stdout}, not ${right.stdout}`
  if (!stderr.equals(right.stderr)) return `${name}: stderr is ${stderr}`
  const how = column.fault(result)
  return how && `${name}: ${how}`
}

async function makeCalls(order) {
  const faults = []
  let next = 0
  const one = async () => {
    while (next < order.length) {
      const index = order[next++]
      const what = await call(presets[index]).then(
        (result) => fault(index, result),
        (error) => `${presets[index].name}: ${error.message}`,
      )
      if (what) faults.push(what.slice(0, 500))
    }
  }
  await Promise.all(Array.from({ length: inFlight }, one))
  return faults
}

process.on('message', async (message) => {
  if (message.column) {
    const asBuffer = (bytes) => Buffer.from(bytes)
    column = columns[message.column]
    call = column.caller(message.options)
    inFlight = message.inFlight
    expected = message.expected.map(({ exitCode, stdout, stderr }) => ({
      ...{ exitCode, stdout: asBuffer(stdout), stderr: asBuffer(stderr) },
    }))
  }
  process.send(await makeCalls(message.order))
})
