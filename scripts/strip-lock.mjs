// Drops the `resolved` addresses from package-lock.json, so that the lockfile
// pins versions and hashes but leaves the choice of registry to the machine.
// (npm's own omit-lockfile-registry-resolved writes optional platform packages
// without a version, which `npm ci` then refuses.) Run after `npm install`.
import { readFileSync, writeFileSync } from 'node:fs'

const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8'))
for (const entry of Object.values(lock.packages)) delete entry.resolved
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
