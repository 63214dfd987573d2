import { childProcess } from './child-process.mjs'

/** The expected result of a call: from node:child_process, and checked. */
export async function expectation(preset, options) {
  // The first git updates the index; the second call's output is what counts.
  await childProcess(preset, options)
  const { exitCode, stdout, stderr } = await childProcess(preset, options)
  if (exitCode !== 0 || !preset.right.test(stdout.toString())) {
    throw new Error(
      `${preset.name} does not work here: exited with ${exitCode}, said ${stdout}${stderr}`,
    )
  }
  return { exitCode, stdout, stderr }
}
