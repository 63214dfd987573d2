// Drops the `resolved` addresses from the lockfiles: they pin versions and hashes,
// and leave the choice of registry to the machine.
// (npm's own omit-lockfile-registry-resolved writes optional platform packages
// without a version, which `npm ci` then refuses.) Run after `npm install`.
import { readFileSync, writeFileSync } from 'node:fs'

const files = [
  '../package-lock.json',
  '../test/drop-in/libraries/packages/package-lock.json',
  '../test/drop-in/runners/packages/package-lock.json',
  '../test/package/runtimes/package-lock.json',
  '../test/package/tools/package-lock.json',
]
for (const name of files) {
  const file = new URL(name, import.meta.url)
  const lock = JSON.parse(readFileSync(file, 'utf8'))
  for (const entry of Object.values(lock.packages)) delete entry.resolved
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
}
