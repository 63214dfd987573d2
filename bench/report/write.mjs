// Writes the page, and the SVGs for the README.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pageOf } from './page.mjs'
import { plotsOf } from './plots.mjs'
import { svgOf } from './svg.mjs'

/** The benchmarks, in the order of the chapters. */
export const ORDER = [
  'designs',
  'batch',
  'awaited',
  'agent-counts',
  'agent-tools',
  'node',
  'cluster',
  'spawners',
]

/** The report's chapters, from results by name. */
export const chaptersOf = (results) =>
  ORDER.filter((name) => name in results).map((name) => ({
    result: results[name],
    plots: plotsOf(results[name]),
  }))

export function writeReport(results, { page, plots: folder }) {
  const chapters = chaptersOf(results)
  if (chapters.length === 0) throw new Error('there are no results to draw')
  mkdirSync(folder, { recursive: true })
  for (const plot of chapters.flatMap(({ plots }) => plots)) {
    writeFileSync(join(folder, `${plot.name}.svg`), svgOf(plot))
  }
  mkdirSync(dirname(page), { recursive: true })
  writeFileSync(page, pageOf(chapters))
}
