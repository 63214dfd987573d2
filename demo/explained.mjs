// One chain, short: a row for each operation.
import { explain } from '../dist/chain/index.js'
import { calls, nameOf } from './calls.mjs'

/** The chain of one of the calls, as JSON. */
export function exampleChain(cwd) {
  const call = calls.find(({ tool }) => tool === 'git')
  const { tool, args } = call
  const explanation = explain({ file: tool, args, cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  return { name: nameOf(call), tool, links: explanation.toJSON() }
}

/** Operations and arguments; the places of PATH, one EXEC each, are one row. */
export function foldedLinks(links, tool) {
  const isExec = ({ operation }) => operation === 'EXEC'
  const execs = links.filter(isExec)
  const rows = links
    .filter((link) => !isExec(link))
    .map(({ operation, arguments: args }) => [operation, args])
  const exec =
    execs.length === 1
      ? execs[0].arguments
      : `${tool} in ${execs.length} places of PATH: the first that has it`
  return [...rows, ['EXEC', exec]]
}
