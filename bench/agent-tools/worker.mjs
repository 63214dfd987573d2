// A worker process of one column: makes the calls it is sent, replies with faults.
import process from 'node:process'
import { columns } from './columns.mjs'
import { fault } from './fault.mjs'
import { presets } from './presets.mjs'

let column
let call
let inFlight
let expected

async function makeCalls(order) {
  const faults = []
  let next = 0
  const one = async () => {
    while (next < order.length) {
      const index = order[next++]
      const what = await call(presets[index]).then(
        (result) => fault(presets[index], column, result, expected[index]),
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
