// A plot as one SVG that follows the reader's colour scheme.
import { init, setPlatformAPI } from 'echarts'
import { WIDTH } from './plots.mjs'
import { DARK, LIGHT, theme } from './theme.mjs'

// There is no browser here to ask how wide a text is, and the font is the
// reader's: room for a wide one, or names run into each other.
const CHARACTER = 0.62
setPlatformAPI({
  measureText(text, font) {
    const size = Number(/([\d.]+)px/.exec(font ?? '')?.[1] ?? 12)
    return { width: text.length * size * CHARACTER }
  },
})

// ECharts writes colours into each element. These stand for those that depend
// on the scheme, and are names of variables in the end.
const STAND_INS = { ink: '#010101', faint: '#010102', line: '#010103' }

const variables = (colours) =>
  Object.entries(colours)
    .map(([name, colour]) => `--${name}:${colour}`)
    .join(';')
const STYLE = `<style>svg{${variables(LIGHT)}}@media (prefers-color-scheme:dark){svg{${variables(DARK)}}}</style>`

export function svgOf({ name, option, height }) {
  const chart = init(null, theme(STAND_INS), {
    ...{ renderer: 'svg', ssr: true, width: WIDTH, height },
  })
  chart.setOption({ ...option, animation: false })
  let svg = chart.renderToSVGString()
  chart.dispose()
  for (const [variable, colour] of Object.entries(STAND_INS)) {
    svg = svg.replaceAll(`"${colour}"`, `"var(--${variable})"`)
    svg = svg.replaceAll(`:${colour}`, `:var(--${variable})`)
  }
  return (
    svg
      // What is under a pointer does not matter in a picture; the classes for
      // that, and identifiers, have in them how many plots were drawn before.
      .replace(/<style ?><!\[CDATA\[[\s\S]*?\]\]>\s*<\/style>\s*/, '')
      .replaceAll(/ class="[^"]*"/g, '')
      .replaceAll(/\bzr\d+-/g, `${name}-`)
      .replace(/<svg/, '<svg role="img"')
      .replace(/(<svg[^>]*>)/, `$1\n<title>${option.title.text}</title>\n${STYLE}`)
  )
}
