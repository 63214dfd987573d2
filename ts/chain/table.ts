/** Text in columns that fit into a terminal's width, in cells. */
import Table from 'cli-table3'
import stringWidth from 'string-width'

/** Between two columns. */
const GAP = '  '

const segmenter = new Intl.Segmenter()

/** A word in pieces of at most `width` cells, broken after punctuation if possible. */
function breakWord(word: string, width: number): string[] {
  const pieces: string[] = []
  let piece = ''
  for (const { segment } of segmenter.segment(word)) {
    if (piece !== '' && stringWidth(piece + segment) > width) {
      const at =
        Math.max(...['_', '|', ',', '/', '-', '.', '→'].map((c) => piece.lastIndexOf(c))) + 1
      const end = at > piece.length / 3 ? at : piece.length
      pieces.push(piece.slice(0, end))
      piece = piece.slice(end)
    }
    piece += segment
  }
  return [...pieces, piece]
}

/** `text` in lines of at most `width` cells. A character wider than that is a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (stringWidth(longer) <= width) {
      line = longer
      continue
    }
    const pieces = breakWord(word, width)
    if (line !== '') lines.push(line)
    line = pieces.pop() ?? ''
    lines.push(...pieces)
  }
  return [...lines, line]
}

const longestWord = (text: string) => Math.max(...text.split(' ').map((word) => stringWidth(word)))

export interface Column<Row> {
  title: string
  value(row: Row): string
  /** The minimum width in cells, unless all its words are shorter. */
  min: number
}

/** Narrows the widest column until all fit into `room` cells; undefined if they cannot. */
function shrink(natural: readonly number[], least: readonly number[], room: number) {
  const widths = [...natural]
  for (let over = widths.reduce((sum, width) => sum + width, -room); over > 0; over--) {
    let widest = -1
    widths.forEach((width, at) => {
      if (width <= (least[at] ?? 0)) return
      if (widest < 0 || width > (widths[widest] ?? 0)) widest = at
    })
    if (widest < 0) return undefined
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

/** For a terminal that is too narrow for columns: one value below the other. */
function stack<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): string {
  return rows
    .flatMap((row) =>
      columns
        .map(({ title, value }) => [title, value(row)] as const)
        .filter(([, value]) => value !== '')
        .flatMap(([title, value], at) =>
          wrap(`${title} ${value}`, Math.max(1, width - 2)).map((line, part) =>
            at === 0 && part === 0 ? line : `  ${line}`,
          ),
        ),
    )
    .join('\n')
}

/**
 * `rows` in columns of at most `width` cells together: text wraps, and nothing is
 * cut off. If that is too narrow for columns, the values of a row stand below each
 * other.
 */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): string {
  const cells = rows.map((row) => columns.map(({ value }) => value(row)))
  const all = [columns.map(({ title }) => title), ...cells]
  const column = (at: number) => all.map((row) => row[at] ?? '')
  const natural = columns.map((_, at) => Math.max(...column(at).map((cell) => stringWidth(cell))))
  const least = columns.map(({ title, min }, at) =>
    Math.max(stringWidth(title), Math.min(min, Math.max(...column(at).map(longestWord)))),
  )
  const widths = shrink(natural, least, width - (columns.length - 1) * GAP.length)
  if (widths === undefined) return stack(columns, rows, width)
  const lines = new Table({
    colWidths: widths,
    chars: {
      ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
      ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
      ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '' },
      middle: GAP,
    },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  })
  for (const row of all) {
    lines.push(row.map((cell, at) => wrap(cell, widths[at] ?? 1).join('\n')))
  }
  return lines
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
