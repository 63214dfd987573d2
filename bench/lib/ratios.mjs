// Prints counts beside each other.

/**
 * A line for each row: its base in thousands, and the other columns in percent of it.
 * @param {string} title  what the base is
 * @param {string[]} columns  names of the others; they are numbered, and may be long
 * @param {{ name: string, base?: number, ratios: number[] }[]} rows
 * @param {{ digits: number }} how  decimals of the thousands
 */
export function printRatios(title, columns, rows, { digits }) {
  console.log(`\nthousand instructions by ${title}, and in % of them:`)
  for (const [at, name] of columns.entries()) console.log(`  ${at + 1}: ${name}`)
  const cells = (texts) => texts.map((text) => text.padStart(8)).join('')
  console.log(`${''.padEnd(29)}${cells(columns.map((_, at) => String(at + 1)))}`)
  for (const { name, base, ratios } of rows) {
    const thousand = base === undefined ? '' : (base / 1000).toFixed(digits)
    const percents = ratios.map((ratio) => `${(100 * ratio).toFixed(1)} %`)
    console.log(`${name.padEnd(21)}${cells([thousand, ...percents])}`)
  }
}
