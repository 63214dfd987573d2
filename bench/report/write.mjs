// From results to the page, and to the SVGs that the README shows.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pageOf } from './page.mjs'
import { plotsOf } from './plots.mjs'
import { svgOf } from './svg.mjs'

/** In which order they are read. */
const ORDER = ['designs', 'batch', 'agent-tools', 'node']

/** What the report shows of results by name. */
export const chaptersOf = (results) =>
  ORDER.filter((name) => name in results).map((name) => ({
    result: results[name],
    plots: plotsOf(results[name]).map((plot) => ({ ...plot, svg: svgOf(plot) })),
  }))

export function writeReport(results, { page, plots: folder }) {
  const chapters = chaptersOf(results)
  if (chapters.length === 0) throw new Error('there are no results to draw')
  mkdirSync(folder, { recursive: true })
  for (const { name, svg } of chapters.flatMap(({ plots }) => plots)) {
    writeFileSync(join(folder, `${name}.svg`), svg)
  }
  mkdirSync(dirname(page), { recursive: true })
  writeFileSync(page, pageOf(chapters))
}
