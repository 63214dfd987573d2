// A plot as one SVG that follows the reader's colour scheme.
import { init, setPlatformAPI } from 'echarts'
import { WIDTH } from './plots.mjs'
import { DARK, LIGHT, theme } from './theme.mjs'

// Without a browser nothing can measure text, and the font is the reader's: a
// wide one is assumed, or names would be cut or run into each other.
const CHARACTER = 0.64
setPlatformAPI({
  measureText(text, font) {
    const size = Number(/([\d.]+)px/.exec(font ?? '')?.[1] ?? 12)
    return { width: text.length * size * CHARACTER }
  },
})

// ECharts writes colours into each element. These stand for colours that depend
// on the scheme; variables replace them at the end.
const STAND_INS = { ink: '#010101', faint: '#010102', line: '#010103' }

const variables = (colours) =>
  Object.entries(colours)
    .map(([name, colour]) => `--${name}:${colour}`)
    .join(';')
const STYLE = `<style>svg{${variables(LIGHT)}}@media (prefers-color-scheme:dark){svg{${variables(DARK)}}}</style>`

const LEGEND = { width: 14, gap: 10, row: 22 }
/** Title and the line below it. */
const HEAD = 52

/** Rows that a legend takes in the width of an SVG. */
function rowsOf(legend) {
  let rows = legend.length > 0 ? 1 : 0
  let at = 0
  for (const { name } of legend) {
    const width = LEGEND.width + LEGEND.gap + 5 + name.length * 12 * CHARACTER
    if (at > 0 && at + width > WIDTH) {
      rows++
      at = 0
    }
    at += width
  }
  return rows
}

/** The option with title and legend, which the page has in its own text. */
function whole({ heading, below, legend, option }, bottom) {
  const { media: _, ...rest } = option
  return {
    ...rest,
    animation: false,
    title: { text: heading, subtext: below, left: 0, itemGap: 10 },
    grid: { ...option.grid, top: option.grid.top + HEAD, bottom: option.grid.bottom + bottom },
    ...(legend.length > 0 && {
      legend: {
        ...{ bottom: 0, left: 0, itemWidth: LEGEND.width, itemHeight: 10, itemGap: LEGEND.gap },
        data: legend.map(({ name, colour }) => ({
          ...{ name, icon: 'roundRect', itemStyle: { color: colour } },
        })),
      },
    }),
  }
}

/** @param {import('./plots.mjs').Plot} plot */
export function svgOf(plot) {
  const bottom = rowsOf(plot.legend) * LEGEND.row
  const chart = init(null, theme(STAND_INS), {
    ...{ renderer: 'svg', ssr: true, width: WIDTH, height: plot.height + HEAD + bottom },
  })
  chart.setOption(whole(plot, bottom))
  let svg = chart.renderToSVGString()
  chart.dispose()
  for (const [variable, colour] of Object.entries(STAND_INS)) {
    svg = svg.replaceAll(`"${colour}"`, `"var(--${variable})"`)
    svg = svg.replaceAll(`:${colour}`, `:var(--${variable})`)
  }
  return (
    svg
      // ECharts adds a style for hovering, and classes and identifiers that
      // count the plots drawn before: a picture needs none of them.
      .replace(/<style ?><!\[CDATA\[[\s\S]*?\]\]>\s*<\/style>\s*/, '')
      .replaceAll(/ class="[^"]*"/g, '')
      .replaceAll(/\bzr\d+-/g, `${plot.name}-`)
      .replace(/<svg/, '<svg role="img"')
      .replace(/(<svg[^>]*>)/, `$1\n<title>${plot.heading}</title>\n${STYLE}`)
  )
}
