import { Readable } from 'node:stream'
import type { Collection, Launch } from './launch.js'

/** What is written to a terminal, as a stream, for spawn(). */
export class Screen implements Collection {
  readonly only = 1
  readonly feeds = true
  readonly input = undefined
  readonly stream: Readable
  /** Resolves once nothing more is written to it. */
  readonly ended: Promise<void>
  #end: () => void = () => {}
  #launch: Launch | undefined

  constructor() {
    const more = () => this.#launch?.more(this.only)
    this.stream = new Readable({
      read: more,
      // Nobody reads any more, but the program is not to wait for that.
      destroy(error, done) {
        more()
        done(error)
      },
    })
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  begin(launch: Launch): void {
    this.#launch = launch
    launch.hurry()
    launch.more(this.only)
    launch.started.then(
      // What it has written by then is read; its terminal is gone.
      () => launch.exited.then(() => launch.stopOutput()),
      () => this.stream.destroy(),
    )
  }

  max(): number {
    return 0
  }

  overflow(): void {}

  chunk(_index: number, bytes: Buffer): void {
    if (this.stream.destroyed || this.stream.push(bytes)) this.#launch?.more(this.only)
  }

  output(_index: number, bytes: Buffer): void {
    if (bytes.length > 0) this.stream.push(bytes)
    this.stream.push(null)
    this.#end()
  }
}
