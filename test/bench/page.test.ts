import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { committed } from '../../bench/lib/paths.mjs'
import { readResults } from '../../bench/lib/result.mjs'
import { pageOf } from '../../bench/report/page.mjs'
import { svgOf } from '../../bench/report/svg.mjs'
import { DARK, LIGHT } from '../../bench/report/theme.mjs'
import { chaptersOf } from '../../bench/report/write.mjs'

// `npm test` installs one. It is large, so `npm run test:host` does not.
const browser = ['chromium', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
)

const absent = browser === undefined ? ' (skipped: no chromium: apt install chromium)' : ''

describe.skipIf(absent !== '')(`in a browser${absent}`, () => {
  const chapters = chaptersOf(readResults(committed))
  const plots = chapters.flatMap((chapter) => chapter.plots)
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bench-page-'))
    writeFileSync(join(folder, 'report.html'), pageOf(chapters))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** The page after its scripts have run. */
  function open(scheme: 'dark' | 'light', file = 'report.html') {
    const switches = [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      `--user-data-dir=${join(folder, `profile-${scheme}`)}`,
      `--blink-settings=preferredColorScheme=${scheme === 'dark' ? 0 : 1}`,
    ]
    const page = `file://${join(folder, file)}`
    return execFileSync(browser as string, [...switches, '--dump-dom', page], {
      ...{ encoding: 'utf8', maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'ignore'] },
    })
  }

  test.each([
    ['light', LIGHT],
    ['dark', DARK],
  ] as const)('every plot is drawn, readable on a %s page', (scheme, colours) => {
    const dom = open(scheme)
    for (const { name } of plots) {
      const [, figure = ''] = dom.split(`data-plot="${name}"`)
      const drawn = figure.slice(0, figure.indexOf('</figure>'))
      // The library marks the elements it draws into.
      expect(drawn, name).toMatch(/^[^>]* _echarts_instance_="ec_\d+"/)
      expect(drawn.match(/<path /g)?.length, name).toBeGreaterThan(5)
      expect(drawn, name).toContain(`fill="${colours.ink}"`)
      expect(drawn, name).toContain('<table ')
    }
  })
  // Finds text that leaves its plot or covers other text, and names it in the title.
  const CHECK = `
    const boxes = (plot) => [...plot.querySelectorAll('svg text')].map((text) => ({
      text: text.textContent, box: text.getBoundingClientRect() }))
    const faults = []
    for (const plot of document.querySelectorAll('[data-plot]')) {
      const name = plot.dataset.plot
      const room = plot.getBoundingClientRect()
      const all = boxes(plot)
      for (const [at, { text, box }] of all.entries()) {
        if (box.left < room.left - 1 || box.right > room.right + 1 ||
            box.top < room.top - 1 || box.bottom > room.bottom + 1) faults.push(name + ' cuts ' + text)
        for (const other of all.slice(at + 1)) {
          const wide = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left)
          const high = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top)
          if (wide > 2 && high > 4) faults.push(name + ': ' + text + ' covers ' + other.text)
        }
      }
    }
    document.title = 'checked: ' + faults.join('; ')`

  /** What CHECK has found: on a busy machine a browser's first layout may be another one. */
  function checked(file: string) {
    let title: string | undefined
    for (let attempt = 0; attempt < 5 && title !== 'checked: '; attempt++) {
      title = /<title>(checked.*?)<\/title>/.exec(open('light', file))?.[1]
    }
    return title
  }

  test.each([340, 600, 1300])('no label is cut or covered on a page of %i pixels', (width) => {
    const page = pageOf(chapters)
      .replace('</head>', `<style>body{width:${width}px;max-width:none}</style></head>`)
      .replace('</body>', `<script>${CHECK}</script></body>`)
    writeFileSync(join(folder, `width-${width}.html`), page)
    expect(checked(`width-${width}.html`)).toBe('checked: ')
  })

  test('no label of an SVG is cut', () => {
    const figures = plots.map(
      (plot) => `<div data-plot="${plot.name}" style="width:max-content">${svgOf(plot)}</div>`,
    )
    writeFileSync(join(folder, 'svgs.html'), `${figures.join('\n')}<script>${CHECK}</script>`)
    expect(checked('svgs.html')).toBe('checked: ')
  })
})
