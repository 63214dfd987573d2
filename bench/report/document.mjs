// A page of plots as one HTML file that needs nothing else: the plots live,
// drawn by the library in it, and as SVG where scripts are off; their figures
// as tables.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { svgOf } from './svg.mjs'
import { DARK, LIGHT, theme } from './theme.mjs'

const library = readFileSync(
  createRequire(import.meta.url).resolve('echarts/dist/echarts.min.js'),
  'utf8',
)

/** Text as HTML. */
export const escaped = (text) =>
  String(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')

const cells = (tag, list) => list.map((text) => `<${tag}>${escaped(text)}</${tag}>`).join('')

/**
 * @param {{ head: string[], rows: string[][] }} table
 * @param {'numbers' | 'words'} [kind]  of what follows the first column
 */
export const tableOf = (
  { head, rows },
  kind = 'numbers',
) => `<div class="table"><table class="${kind}">
<thead><tr>${cells('th', head)}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n')}
</tbody></table></div>`

/** Names and values below each other. @param {[string, string][]} facts */
export const factsOf = (facts) =>
  `<dl>${facts.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`).join('\n')}</dl>`

const legendOf = (legend) =>
  legend.length === 0
    ? ''
    : `<ul class="legend">${legend
        .map(({ name, colour }) => `<li><i style="background:${colour}"></i>${escaped(name)}</li>`)
        .join('')}</ul>`

/** A plot with its table. The SVG has heading and legend itself, until scripts replace it. */
export const figureOf = (plot) => `<figure id="${plot.name}">
<div class="drawing">
<div class="live" hidden><h3>${escaped(plot.heading)}</h3><p>${escaped(plot.below)}</p></div>
<div class="plot" data-plot="${plot.name}">${svgOf(plot)}</div>
<div class="live" hidden>${legendOf(plot.legend)}</div>
</div>
${tableOf(plot.table)}
</figure>`

const rule = (colours) =>
  `--ink:${colours.ink};--faint:${colours.faint};--line:${colours.line};--page:${colours === DARK ? '#0d1117' : '#ffffff'}`

const STYLE = `
:root{color-scheme:light dark;${rule(LIGHT)}}
@media (prefers-color-scheme:dark){:root{${rule(DARK)}}}
body{margin:0 auto;padding:1.5rem;max-width:84rem;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
figure{margin:2rem 0;display:flex;flex-wrap:wrap;gap:1rem 2rem;align-items:flex-start}
.drawing{flex:1 1 30rem;min-width:0;max-width:52rem}
.drawing h3{margin:0;font-size:15px}
.drawing p{margin:0;font-size:13px;color:var(--faint)}
.plot svg{max-width:100%;height:auto}
.legend{display:flex;flex-wrap:wrap;gap:.1rem 1rem;margin:0;padding:0;list-style:none;font-size:13px}
.legend i{display:inline-block;width:.8rem;height:.6rem;margin-right:.4rem;border-radius:2px}
.table{flex:0 1 auto;max-width:100%;overflow-x:auto}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .6rem;border-bottom:1px solid var(--line);text-align:right}
th:first-child,td:first-child{text-align:left}
td:not(:first-child){white-space:nowrap}
.words th,.words td{text-align:left}
th{color:var(--faint);font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;font-size:13px}
dt{color:var(--faint)}
dd{margin:0;overflow-wrap:anywhere}
pre{overflow-x:auto;font-size:13px}
@media (max-width:30rem){body{padding:.75rem}figure{gap:.75rem}}
`

/** In the page: draws each plot live, anew when the colour scheme changes. */
const SCRIPT = `
const plots = JSON.parse(document.getElementById('plots').textContent)
const dark = matchMedia('(prefers-color-scheme: dark)')
const charts = new Map()
for (const text of document.querySelectorAll('.live')) text.hidden = false
function draw() {
  for (const { name, height, option } of plots) {
    const place = document.querySelector('[data-plot="' + name + '"]')
    charts.get(name)?.dispose()
    place.textContent = ''
    place.style.height = height + 'px'
    const chart = echarts.init(place, themes[dark.matches ? 'dark' : 'light'], { renderer: 'svg' })
    chart.setOption({ ...option, animation: false })
    charts.set(name, chart)
  }
}
draw()
dark.addEventListener('change', draw)
addEventListener('resize', () => { for (const chart of charts.values()) chart.resize() })
`

/** Text that does not end a script element. */
const inScript = (text) => text.replaceAll('</', '<\\/')

/**
 * The whole page.
 * @param {{ title: string, heading: string, body: string, plots: import('./plots.mjs').Plot[] }} page
 *   `body` is HTML and has a figure for each of `plots`
 */
export function documentOf({ title, heading, body, plots }) {
  const data = plots.map(({ name, height, option }) => ({ name, height, option }))
  const themes = { light: theme(LIGHT), dark: theme(DARK) }
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escaped(heading)}</h1>
${body}
<script type="application/json" id="plots">${inScript(JSON.stringify(data))}</script>
<script>${inScript(library)}</script>
<script>const themes = ${inScript(JSON.stringify(themes))}${SCRIPT}</script>
</body>
</html>
`
}
