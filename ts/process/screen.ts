import { Readable } from 'node:stream'
import type { Collection, Launch } from './launch.js'

/** What is written to a terminal, as a stream, for spawn(). */
export class Screen implements Collection {
  readonly only = 1
  readonly feeds = true
  readonly input = undefined
  readonly stream: Readable
  #launch: Launch | undefined

  constructor() {
    this.stream = new Readable({ read: () => this.#launch?.more(this.only) })
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
    if (this.stream.push(bytes)) this.#launch?.more(this.only)
  }

  output(_index: number, bytes: Buffer): void {
    if (bytes.length > 0) this.stream.push(bytes)
    this.stream.push(null)
  }
}
