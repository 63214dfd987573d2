/** A progress bar on standard error. */
import { Presets, SingleBar } from 'cli-progress'
import type { BatchProgress } from '../options/options.js'

/** In hours, minutes and seconds, without what is 0 in front: `1h02m03s`, `4m05s`, `6s`. */
export function clock(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000)
  const two = (number: number) => String(number).padStart(2, '0')
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  if (h > 0) return `${h}h${two(m)}m${two(s)}s`
  return m > 0 ? `${m}m${two(s)}s` : `${s}s`
}

export class Bar {
  readonly #bar: SingleBar | undefined
  /** How many commands there are to run, if that is known already. */
  total: number | undefined

  /** One that is not shown does nothing. */
  constructor(shown: boolean) {
    if (!shown) return
    this.#bar = new SingleBar(
      {
        format: ' {bar} {value}/{total} | {running} running | {failed} failed | {time}',
        stream: process.stderr,
        hideCursor: true,
      },
      Presets.shades_classic,
    )
    this.#bar.start(0, 0, { running: 0, failed: 0, time: '' })
  }

  get shown(): boolean {
    return this.#bar !== undefined
  }

  show({ total = this.total, running, done, failed, elapsed }: BatchProgress): void {
    const left = total === undefined ? total : (elapsed / done) * Math.max(0, total - done)
    const time = left === undefined ? clock(elapsed) : `${clock(elapsed)}, ETA ${clock(left)}`
    this.#bar?.setTotal(total ?? done + running)
    this.#bar?.update(done, { running, failed, time })
  }

  stop(): void {
    this.#bar?.stop()
  }
}
