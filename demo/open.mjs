// Opens a file in the desktop's browser.
import { run } from '../dist/index.js'

/** Without a desktop, or a program that opens a page, prints that: neither is a failure. */
export async function openPage(file) {
  const { DISPLAY, WAYLAND_DISPLAY } = process.env
  if (!DISPLAY && !WAYLAND_DISPLAY) {
    console.error('demo: --open: there is no desktop here (no DISPLAY, no WAYLAND_DISPLAY)')
    return
  }
  try {
    await run('xdg-open', [file], { check: true, timeout: 10_000 })
  } catch (error) {
    console.error(`demo: --open: ${error.message}`)
  }
}
