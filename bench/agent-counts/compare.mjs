// The counts compared: on a kernel with those of the baseline, and all with what a
// user has today. What V8 compiles and collects falls on some calls and only adds to
// them, so the lower quartiles are compared.
import { KERNELS } from '../designs/kernels.mjs'
import { mean } from '../lib/stats.mjs'

/** The interpreters' own start is most of their calls. They have a mean of their own. */
export const INTERPRETERS = ['python small', 'node small']

/** What a program can do today, on a kernel without the series. */
const TODAY = 'vfork'

const geometricMean = (list) => Math.exp(mean(list.map(Math.log)))

/**
 * A row for each kind of call: the baseline's figure, and each column's ratio to
 * it. If there are several kinds, the last row has the geometric means of the ratios.
 * @param {{ preset: string, column: string, low: number }[]} rows  the results on one kernel
 * @param {string} baseline  a column
 * @returns {{ name: string, base?: number, ratios: Record<string, number> }[]}
 */
export function compare(rows, baseline) {
  const columns = [...new Set(rows.map(({ column }) => column))]
  const kinds = [...new Set(rows.map(({ preset }) => preset))].map((name) => {
    const of = (column) => rows.find((one) => one.preset === name && one.column === column).low
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

/**
 * Every column on every kernel compared with vfork on the one that has least, usually
 * the stock kernel: a row for each kind of call, then the geometric means of the others
 * and of the interpreters.
 * @param {{ kernel: string, preset: string, column: string, low: number }[]} results
 * @returns {{ kernel: string, columns: { kernel: string, column: string }[], rows: {
 *   name: string, base?: number, ratios: number[] }[] } | undefined}  `kernel`: of the
 *   vfork that the ratios are to; they are in the order of the columns, of which that is
 *   none. undefined if only one kernel has been counted, or no vfork.
 */
export function compareWithToday(results) {
  const of = (name) => results.filter(({ kernel }) => kernel === name)
  const [first, ...others] = KERNELS.filter((name) => of(name).length > 0)
  const isToday = ({ kernel, column }) => kernel === first && column === TODAY
  if (others.length === 0 || !results.some(isToday)) return undefined
  const nameOf = ({ kernel, column }) => `${column}, ${kernel}`
  const columns = [
    ...new Map(
      results
        .filter((one) => !isToday(one))
        .map(({ kernel, column }) => [nameOf({ kernel, column }), { kernel, column }]),
    ).values(),
  ].sort((a, b) => KERNELS.indexOf(a.kernel) - KERNELS.indexOf(b.kernel))
  const rows = [...new Set(results.map(({ preset }) => preset))].map((name) => {
    const own = results.filter(({ preset }) => preset === name)
    const base = own.find(isToday).low
    const countOf = (column) => own.find((one) => nameOf(one) === nameOf(column)).low
    return { name, base, ratios: columns.map((column) => countOf(column) / base) }
  })
  const isInterpreter = ({ name }) => INTERPRETERS.includes(name)
  const meanOf = (some) => {
    if (some.length < 2) return []
    const ratios = columns.map((_, at) => geometricMean(some.map((row) => row.ratios[at])))
    return [{ name: `geometric mean of ${some.length}`, ratios }]
  }
  return {
    kernel: first,
    columns,
    rows: [
      ...rows,
      ...meanOf(rows.filter((row) => !isInterpreter(row))),
      ...meanOf(rows.filter(isInterpreter)),
    ],
  }
}
