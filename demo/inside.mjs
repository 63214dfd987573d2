// The end of lab.mjs in the machine: `inside.mjs FOLDER` carries out the plan in
// FOLDER and writes the result beside it.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { probe } from '../dist/index.js'
import { measure } from './measure.mjs'

const [folder] = process.argv.slice(2)
const plan = JSON.parse(readFileSync(join(folder, 'plan.json'), 'utf8'))
const chains = probe().backends.find(({ name }) => name === 'uring')
if (!chains.available) throw new Error(`no chains on the patched kernel: ${chains.why}`)
const result = await measure(plan, { progress: (share) => console.error(`progress ${share}`) })
writeFileSync(join(folder, 'result.json'), JSON.stringify(result))
