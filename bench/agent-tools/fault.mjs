/**
 * What is wrong with the result of a call; undefined if nothing is.
 * @param {{ name: string }} preset  the kind of call
 * @param {{ fault: (result: object) => string | undefined }} column  who made it
 * @param {{ exitCode: number, stdout: Buffer, stderr: Buffer }} result
 * @param {{ exitCode: number, stdout: Buffer, stderr: Buffer }} right
 */
export function fault({ name }, column, result, right) {
  const { exitCode, stdout, stderr } = result
  if (exitCode !== right.exitCode) return `${name}: exited with ${exitCode}: ${stderr}`
  if (!stdout.equals(right.stdout)) return `${name}: stdout is ${stdout}, not ${right.stdout}`
  if (!stderr.equals(right.stderr)) return `${name}: stderr is ${stderr}`
  const how = column.fault(result)
  return how && `${name}: ${how}`
}
