// A result: the figures, and the command, machine and versions that they come
// from. results.schema.json defines its form.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { Ajv } from 'ajv'
import { root } from '../../tools/paths.mjs'
import { sh } from '../../tools/sh.mjs'

const schema = JSON.parse(readFileSync(new URL('../results.schema.json', import.meta.url), 'utf8'))
const ajv = new Ajv({ allErrors: true, strictRequired: false })
const validate = ajv.compile(schema)

/** Returns `result`; throws if it does not match the schema. */
export function checkResult(result) {
  if (validate(result)) return result
  throw new Error(`not a result: ${ajv.errorsText(validate.errors, { dataVar: 'result' })}`)
}

export const host = () => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  kernel: release(),
})

/** Describes a machine of the lab. */
export const lab = ({ kernel, cpus, memory, clock }) => ({
  emulator: 'QEMU',
  kernel,
  cpus,
  memory,
  clock,
})

export async function compilerVersion() {
  const { stdout } = await sh`gcc --version`
  return stdout.split('\n')[0]
}

const packageVersion = () => JSON.parse(readFileSync(`${root}package.json`, 'utf8')).version

export function makeResult({ benchmark, command, versions = {}, ...measured }) {
  return checkResult({
    benchmark,
    command,
    date: new Date().toISOString(),
    host: host(),
    versions: { 'uring-spawn': packageVersion(), node: process.version, ...versions },
    ...measured,
  })
}

export function writeResult(file, result) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
}

/** The results in a folder, by benchmark. */
export function readResults(folder) {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  const results = files.map((name) => {
    const result = JSON.parse(readFileSync(join(folder, name), 'utf8'))
    try {
      return checkResult(result)
    } catch (error) {
      throw new Error(`${join(folder, name)}: ${error.message}`)
    }
  })
  return Object.fromEntries(results.map((result) => [result.benchmark, result]))
}
