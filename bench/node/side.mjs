// Measures one block of one side: `side.mjs JSON` prints the samples as JSON.
import process from 'node:process'
import { measures } from './measures.mjs'
import { sides } from './sides.mjs'

const { side, measure, where, ...options } = JSON.parse(process.argv[2])
const samples = await measures[measure](await sides[side](where), options)
console.log(JSON.stringify(samples))
process.exit(0)
