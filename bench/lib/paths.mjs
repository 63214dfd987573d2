import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

/** The project's folder, with a slash at its end. */
export const root = fileURLToPath(new URL('../..', import.meta.url))
/** What a run makes, where the lab's machines see it, too. */
export const out = `${root}out/bench/`
/** The results that are committed, and that the README quotes. */
export const committed = `${root}bench/results/`

/** A folder of this process's own, where the lab sees it; gone when the process is. */
export function scratch() {
  mkdirSync(out, { recursive: true })
  const folder = mkdtempSync(`${out}scratch-`)
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return `${folder}/`
}
