// The report as one HTML page that needs nothing else: the plots live, drawn by
// the library in it, and as SVG where scripts are off; their figures as tables;
// of what machine they are, and by which command they can be had again.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { DARK, LIGHT, theme } from './theme.mjs'

const library = readFileSync(
  createRequire(import.meta.url).resolve('echarts/dist/echarts.min.js'),
  'utf8',
)

/** What each benchmark is, in the words of somebody who has not run it. */
const CHAPTERS = {
  designs: {
    title: 'Kernel designs, by instruction counts',
    text: `Every launch method starts the same program in the lab, whose clock counts instructions, those of the
kernel and of all processes together. Counts repeat to 2 %; what differs by less is shown as equal.`,
  },
  batch: {
    title: 'A batch beside one after the other',
    text: 'Times, so only their ratio counts: both take turns in one run.',
  },
  'agent-tools': {
    title: 'What agents call',
    text: `Sixteen kinds of short call over a small repository, output collected and checked, in the lab under
emulation: times, so only ratios within one run count. The columns take turns; where 95 % of certainty about the
middle of the rounds' ratios includes no difference, it is shown as equal. The published figures are those of the RFC
of spawn_template, of another machine and Python's subprocess.`,
  },
  node: {
    title: 'What a user of Node sees',
    text: `Times on the running kernel, which has none of this project's operations unless the line below says uring.
The sides take turns; a ratio that the rounds do not agree on is shown as equal.`,
  },
}

const escaped = (text) =>
  String(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')

const cells = (tag, list) => list.map((text) => `<${tag}>${escaped(text)}</${tag}>`).join('')

const tableOf = ({ head, rows }) => `<div class="table"><table>
<thead><tr>${cells('th', head)}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n')}
</tbody></table></div>`

const figureOf = ({ name, svg, table }) => `<figure id="${name}">
<div class="plot" data-plot="${name}">${svg}</div>
${tableOf(table)}
</figure>`

function madeBy({ command, date, host, lab, versions, backend, absent = {} }) {
  const machine = `${host.cpu}, ${host.cores} cores, ${host.memoryGiB} GiB, Linux ${host.kernel}`
  const emulated =
    lab &&
    `${lab.emulator}, ${lab.cpus} CPUs, ${lab.memory}, Linux ${lab.kernel}, clock of ${lab.clock}`
  const facts = [
    ['command', command],
    ['date', `${date.slice(0, 16).replace('T', ' ')} UTC`],
    ...(emulated ? [['lab', emulated]] : []),
    ['machine', machine],
    ...(backend ? [['backend', backend]] : []),
    [
      'versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    ...Object.entries(absent).map(([name, why]) => ['not measured', `${name}: ${why}`]),
  ]
  return `<dl>${facts.map(([name, value]) => `<dt>${name}</dt><dd>${escaped(value)}</dd>`).join('\n')}</dl>`
}

const chapterOf = ({ result, plots }) => {
  const { title, text } = CHAPTERS[result.benchmark]
  return `<section>
<h2>${title}</h2>
<p>${escaped(text)}</p>
${madeBy(result)}
${plots.map(figureOf).join('\n')}
</section>`
}

const rule = (colours) =>
  `--ink:${colours.ink};--faint:${colours.faint};--line:${colours.line};--page:${colours === DARK ? '#0d1117' : '#ffffff'}`

const STYLE = `
:root{color-scheme:light dark;${rule(LIGHT)}}
@media (prefers-color-scheme:dark){:root{${rule(DARK)}}}
body{margin:0 auto;padding:1.5rem;max-width:84rem;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
figure{margin:2rem 0;display:flex;flex-wrap:wrap;gap:1rem 2rem;align-items:flex-start}
.plot{flex:1 1 30rem;min-width:0;max-width:52rem}
.plot svg{max-width:100%;height:auto}
.table{flex:0 1 auto;max-width:100%;overflow-x:auto}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .6rem;border-bottom:1px solid var(--line);text-align:right}
th:first-child,td:first-child{text-align:left}
th{color:var(--faint);font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;font-size:13px}
dt{color:var(--faint)}
dd{margin:0;overflow-wrap:anywhere}
`

/** In the page: draws each plot live, anew when the colour scheme changes. */
const SCRIPT = `
const plots = JSON.parse(document.getElementById('plots').textContent)
const dark = matchMedia('(prefers-color-scheme: dark)')
const charts = new Map()
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

/** Text that ends no script element. */
const inScript = (text) => text.replaceAll('</', '<\\/')

/**
 * @param {{ result: object, plots: { name: string, svg: string, height: number,
 *   option: object, table: object }[] }[]} chapters
 */
export function pageOf(chapters) {
  const plots = chapters.flatMap((chapter) => chapter.plots)
  const data = plots.map(({ name, height, option }) => ({ name, height, option }))
  const themes = { light: theme(LIGHT), dark: theme(DARK) }
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>uring-spawn: what starting a process costs</title>
<style>${STYLE}</style>
</head>
<body>
<h1>What starting a process costs</h1>
<p>Counts are instructions and repeat; times are only given as ratios of sides that took turns in one run.</p>
${chapters.map(chapterOf).join('\n')}
<script type="application/json" id="plots">${inScript(JSON.stringify(data))}</script>
<script>${inScript(library)}</script>
<script>const themes = ${inScript(JSON.stringify(themes))}${SCRIPT}</script>
</body>
</html>
`
}
