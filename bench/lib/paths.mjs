import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import process from 'node:process'
import { root } from '../../tools/paths.mjs'

/** A run's output; the lab's machines see this folder, too. */
export const out = `${root}out/bench/`
/** The committed results, which the documentation quotes. */
export const committed = `${root}bench/results/`

/** Makes a folder that the lab sees; it is removed when this process exits. */
export function scratch() {
  mkdirSync(out, { recursive: true })
  const folder = mkdtempSync(`${out}scratch-`)
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return `${folder}/`
}
