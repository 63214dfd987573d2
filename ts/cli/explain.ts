import { explain } from '../chain/explain.js'

export interface ExplainCliOptions {
  cwd?: string
  all?: true
  json?: true
}

/** Prints the chain of `command`, as a table that fits the terminal, or as JSON. */
export function explainCommand(
  command: readonly string[],
  { cwd, all, json }: ExplainCliOptions,
): string {
  const [file = '', ...args] = command
  const explanation = explain({ file, args, ...(cwd === undefined ? {} : { cwd }) })
  const text = json
    ? JSON.stringify(explanation, null, 2)
    : explanation.toString({ all: all === true })
  return `${text}\n`
}
