import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { committed } from '../../bench/lib/paths.mjs'
import { readResults } from '../../bench/lib/result.mjs'
import { pageOf } from '../../bench/report/page.mjs'
import { DARK, LIGHT } from '../../bench/report/theme.mjs'
import { chaptersOf } from '../../bench/report/write.mjs'

// `npm run setup -- browser` installs it.
const browser = ['chromium', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
)

describe.skipIf(browser === undefined)('in a browser', () => {
  const chapters = chaptersOf(readResults(committed))
  const plots = chapters.flatMap((chapter) => chapter.plots)
  let folder: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bench-page-'))
    writeFileSync(join(folder, 'report.html'), pageOf(chapters))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** The page as it is when its scripts have run. */
  function open(scheme: 'dark' | 'light') {
    const switches = [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      `--user-data-dir=${join(folder, `profile-${scheme}`)}`,
      `--blink-settings=preferredColorScheme=${scheme === 'dark' ? 0 : 1}`,
    ]
    const page = `file://${join(folder, 'report.html')}`
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
      // The library marks what it has drawn into.
      expect(drawn, name).toMatch(/^[^>]* _echarts_instance_="ec_\d+"/)
      expect(drawn.match(/<path /g)?.length, name).toBeGreaterThan(5)
      expect(drawn, name).toContain(`fill="${colours.ink}"`)
      expect(drawn, name).toContain('<table>')
    }
  })
})
