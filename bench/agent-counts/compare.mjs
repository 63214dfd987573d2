// The counts of a kernel compared with those of the baseline.
import { mean } from '../lib/stats.mjs'

const geometricMean = (list) => Math.exp(mean(list.map(Math.log)))

/**
 * A row for each kind of call: the baseline's count, and each column's ratio to
 * it. If there are several kinds, the last row has the geometric means of the ratios.
 * @param {{ preset: string, column: string, count: number }[]} rows  the results on one kernel
 * @param {string} baseline  a column
 * @returns {{ name: string, base?: number, ratios: Record<string, number> }[]}
 */
export function compare(rows, baseline) {
  const columns = [...new Set(rows.map(({ column }) => column))]
  const kinds = [...new Set(rows.map(({ preset }) => preset))].map((name) => {
    const of = (column) => rows.find((one) => one.preset === name && one.column === column).count
    const base = of(baseline)
    const ratios = columns.map((column) => [column, of(column) / base])
    return { name, base, ratios: Object.fromEntries(ratios) }
  })
  if (kinds.length < 2) return kinds
  const means = columns.map((column) => [
    column,
    geometricMean(kinds.map(({ ratios }) => ratios[column])),
  ])
  return [...kinds, { name: 'geometric mean', ratios: Object.fromEntries(means) }]
}
