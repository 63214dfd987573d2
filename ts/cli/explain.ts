import { explain } from '../chain/explain.js'

/** The chain of `command`, as a table or as JSON. */
export function explainCommand(
  command: readonly string[],
  { cwd, json }: { cwd?: string; json?: true },
): string {
  const [file = '', ...args] = command
  const explanation = explain({ file, args, ...(cwd === undefined ? {} : { cwd }) })
  return `${json ? JSON.stringify(explanation, null, 2) : explanation}\n`
}
